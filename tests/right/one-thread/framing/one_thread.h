// The servers of framing/ in another style: no framework and no threads. One thread serves all clients
// with poll, and finds the frames by itself. Of each client it keeps the bytes that have come and those
// that have to go; while more than 64 KiB have to go, it does not read more.
// Each server defines `program`, and look_at(), which finds the frames of its protocol.

#include "../program.h"

#include <vector>

extern const zen::Program program;
constexpr std::size_t unsent_limit = 65'536;       // bytes
constexpr auto patience = std::chrono::seconds(1); // with a client that is refused

// What the bytes of a client begin with.
struct Frame {
    enum { incomplete, whole, too_long, goodbye } kind = incomplete;
    std::size_t size = 0;          // of all of it; too long: of the message, if that is known
    std::string_view message = {}; // in it
};
Frame look_at(std::string_view bytes);

struct Client {
    zen::Descriptor socket;
    std::string name;
    std::string input = {}, unsent = {};
    bool refused = false; // what it sends is ignored, and at `deadline` it is closed
    bool gone = false;    // it has sent its end of file: nothing more comes
    zen::Clock::time_point deadline = {};

    short events() const { // 0: it is to be closed
        const bool in = !gone && unsent.size() <= unsent_limit;
        return static_cast<short>((in ? POLLIN : 0) | (unsent.empty() ? 0 : POLLOUT));
    }
    bool is_late() const { return refused && zen::Clock::now() >= deadline; }
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
    const std::string bytes_announced =
        frame.size > 0 ? ": " + std::to_string(frame.size) + " bytes" : "";
    if (frame.kind == Frame::too_long)
        zen::log("Frame too long from ", client.name, bytes_announced);
    client.input.erase(0, client.refused ? client.input.npos : client.input.size() - bytes.size());
    if (client.input.empty()) client.input.shrink_to_fit(); // there may be thousands of clients
}

// Calls recv once, even where more is there: others wait as well.
void receive(Client &client) {
    char buffer[16'384];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0 && zen::not_ready()) return;
    if (size < 0) zen::fail("cannot receive");
    client.gone = size == 0;
    if (client.refused) return;
    if (client.gone) {
        if (!client.input.empty()) zen::log("End of file in mid-frame from ", client.name);
    } else {
        client.input.append(buffer, static_cast<std::size_t>(size));
        echo_frames(client);
        client.deadline = zen::Clock::now() + patience;
    }
}

// Sends what the kernel takes.
void transmit(Client &client) {
    const ssize_t size = send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (size < 0 && zen::not_ready()) return;
    if (size < 0) zen::fail("cannot send");
    client.deadline = zen::Clock::now() + patience;
    client.unsent.erase(0, static_cast<std::size_t>(size));
    if (client.unsent.empty()) client.unsent.shrink_to_fit();
}

// Does for a client what can be done now. False: it is to be closed.
bool serve(Client &client, bool readable) try {
    if (readable && (client.events() & POLLIN)) receive(client);
    if (!client.unsent.empty()) transmit(client);
    // A close with bytes unread would reset the connection, and the last frames could be lost.
    if (client.refused && client.unsent.empty()) shutdown(client.socket.get(), SHUT_WR);
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
            zen::say("Connection with ", peer, " closed: no memory");
        }
    }
    return true;
}

zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), 1024) == 0)
            return listener;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
}

void serve_forever(int listener) {
    zen::stop_on_signals();
    std::vector<Client> clients;
    std::vector<pollfd> list; // in the order of the clients, the listener last
    bool exhausted = false;   // of descriptors or memory: then accept is tried once a second
    zen::Address own;
    getsockname(listener, own.get(), &own.size);
    zen::say("TCP server started at ", own);
    while (!zen::stopping) {
        list.clear();
        bool limited = exhausted;
        for (const Client &client : clients) {
            list.push_back({client.socket.get(), client.events(), 0});
            limited |= client.refused;
        }
        list.push_back({exhausted ? -1 : listener, POLLIN, 0});
        const int count = poll(list.data(), list.size(), limited ? 1000 : -1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EINVAL) zen::fail("cannot poll");
        if (count < 0) { // more clients than RLIMIT_NOFILE has now: try each of them
            usleep(10'000);
            for (pollfd &entry : list) entry.revents = entry.events;
        }
        for (std::size_t i = clients.size(); i-- > 0 && !zen::stopping;) { // from the end
            const bool goes_on =
                list[i].revents == 0 || serve(clients[i], list[i].revents & ~POLLOUT);
            if (goes_on && !clients[i].is_late()) continue;
            zen::log("Connection with ", clients[i].name, " closed");
            clients[i] = std::move(clients.back()); // which has had its turn
            clients.pop_back();
        }
        if (!exhausted && list.back().revents == 0) continue;
        const bool before = std::exchange(exhausted, !accept_clients(listener, clients));
        if (exhausted && !before) zen::say("Cannot accept: ", std::strerror(errno));
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_listener(options).get());
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
