// abs in another style: no framework and no threads. One thread serves all clients with poll, and
// finds the frames by itself. Of each client it keeps the bytes that have come and those that have
// to go; while more than 64 KiB have to go, it does not read more.

#include "../zen.h"

#include <vector>

constexpr zen::Program program = {"abs", "TCP echo server of frames with a length prefix (poll).",
                                  "+:hq", "./framing/abs 127.0.0.1 8000", "8888"};
constexpr std::size_t prefix_size = 4; // bytes, as all of these
constexpr std::size_t message_limit = 1 << 20;
constexpr std::size_t unsent_limit = 65'536;
constexpr std::size_t ignored_limit = 262'144; // that a client may send after its last frame

// What the bytes of a client begin with.
struct Frame {
    enum { incomplete, whole, too_long, goodbye } kind = incomplete;
    std::size_t size = 0;          // of all of it
    std::string_view message = {}; // in it
};
Frame look_at(std::string_view bytes) {
    if (bytes.size() < prefix_size) return {};
    std::size_t length = 0;
    for (std::size_t i = 0; i < prefix_size; ++i)
        length = length * 256 + static_cast<unsigned char>(bytes[i]);
    if (length > message_limit) return {Frame::too_long};
    if (bytes.size() - prefix_size < length) return {};
    return {Frame::whole, prefix_size + length, bytes.substr(prefix_size, length)};
}

struct Client {
    zen::Descriptor socket;
    std::string name;
    std::string input = {}, unsent = {};
    bool refused = false, hung_up = false, gone = false; // by the server, by it; and by the client
    std::size_t ignored = 0;

    short events() const { // 0: it is to be closed
        const bool in = hung_up || (!refused && unsent.size() <= unsent_limit);
        return static_cast<short>((in && !gone ? POLLIN : 0) | (unsent.empty() ? 0 : POLLOUT));
    }
};

// Moves the frames that are complete from what has come to what has to go.
void echo_frames(Client &client) {
    std::string_view bytes = client.input;
    Frame frame = look_at(bytes);
    for (; frame.kind == Frame::whole; frame = look_at(bytes)) {
        const bool is_long = frame.message.size() > 1024;
        zen::log("Received message: ", is_long ? frame.message.substr(0, 1000) : frame.message,
                 is_long ? "... (" + std::to_string(frame.message.size()) + " bytes)" : "");
        client.unsent += bytes.substr(0, frame.size);
        bytes.remove_prefix(frame.size);
    }
    client.refused = frame.kind != Frame::incomplete;
    if (frame.kind == Frame::too_long) zen::log("Frame too long from ", client.name);
    client.input.erase(0, client.refused ? client.input.npos : client.input.size() - bytes.size());
    if (client.input.empty()) client.input.shrink_to_fit(); // there may be thousands of clients
}

// Calls recv once, even where more is there: others wait as well.
void receive(Client &client) {
    char buffer[16'384];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0) return zen::later_or_fail("cannot receive");
    if (client.hung_up) {
        client.ignored += static_cast<std::size_t>(size);
        client.gone = size == 0 || client.ignored > ignored_limit;
    } else if (size == 0) {
        client.gone = true;
        if (!client.input.empty()) zen::log("End of file in mid-frame from ", client.name);
    } else {
        client.input.append(buffer, static_cast<std::size_t>(size));
        echo_frames(client);
    }
}

// Sends what the kernel takes.
void transmit(Client &client) {
    const ssize_t size = send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (size < 0) return zen::later_or_fail("cannot send");
    client.unsent.erase(0, static_cast<std::size_t>(size));
    if (client.unsent.empty()) client.unsent.shrink_to_fit();
}

// Does for a client what can be done now. False: it is to be closed.
bool serve(Client &client, bool readable) try {
    if (readable && (client.events() & POLLIN)) receive(client);
    if (!client.unsent.empty()) transmit(client);
    // A close with bytes unread would reset the connection, and the last frames could be lost.
    if (client.refused && !client.hung_up && client.unsent.empty()) {
        shutdown(client.socket.get(), SHUT_WR);
        client.hung_up = true;
    }
    return client.events() != 0;
} catch (const std::exception &error) {
    zen::log("Error with ", client.name, ": ", error.what());
    return false;
}

// Accepts all who wait. False if there is no descriptor or no memory for the next one.
bool accept_clients(int listener, std::vector<Client> &clients) {
    while (!zen::stopping) {
        zen::Address peer;
        zen::Descriptor client(accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK));
        if (!client && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (!client) return errno == EAGAIN;
        try {
            clients.push_back({std::move(client), zen::printable(peer)});
            zen::log("Connected by ", peer);
        } catch (const std::bad_alloc &) {
            zen::print("Connection with ", peer, " closed: no memory");
        }
    }
    return true;
}

zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), 1024) == 0)
            return listener;
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port));
}

void serve_forever(int listener) {
    const sigset_t &mask = zen::block_signals();
    std::vector<Client> clients;
    std::vector<pollfd> list; // in the order of the clients, the listener last
    bool exhausted = false;   // of descriptors or memory: then accept is tried once a second
    zen::Address own;
    getsockname(listener, own.get(), &own.size);
    zen::print("TCP server started at ", own);
    while (!zen::stop_requested()) {
        list.clear();
        for (const Client &client : clients)
            list.push_back({client.socket.get(), client.events(), 0});
        list.push_back({exhausted ? -1 : listener, POLLIN, 0});
        const timespec second = {1, 0};
        const int count = ppoll(list.data(), list.size(), exhausted ? &second : nullptr, &mask);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EINVAL) zen::fail("cannot poll");
        if (count < 0) { // more clients than RLIMIT_NOFILE has now: try each of them
            usleep(10'000);
            for (pollfd &entry : list) entry.revents = entry.events;
        }
        for (std::size_t i = clients.size(); i-- > 0 && !zen::stop_requested();) { // from the end
            if (list[i].revents == 0 || serve(clients[i], list[i].revents & ~POLLOUT)) continue;
            zen::log("Connection with ", clients[i].name, " closed");
            clients[i] = std::move(clients.back()); // which has had its turn
            clients.pop_back();
        }
        if (!exhausted && list.back().revents == 0) continue;
        const bool before = std::exchange(exhausted, !accept_clients(listener, clients));
        if (exhausted && !before) zen::print("Cannot accept: ", std::strerror(errno));
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_listener(options).get());
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
