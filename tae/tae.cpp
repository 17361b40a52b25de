// tae: Zen server, TCP, asynchronous with epoll. One thread serves all clients: it sleeps until
// some of them can be read from or written to, does what needs no waiting, and sleeps again.
//
// Run:        ./tae/tae              in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others, as many as you like; with -e, nc
// Differs:    from tap in class Watcher: the kernel keeps the list, and tells only who is ready.
// Simplified: answers are logged as sent when they are queued; silent clients may stay for ever.
// See also:   tas (with select), tap (with poll), mzts (with a thread for a client), uae (UDP).

#include "../zen.h"

#include <deque>
#include <unordered_map>

#include <sys/epoll.h>

constexpr zen::Program program = {"tae", "Asynchronous TCP server of the Zen protocol (epoll).",
                                  "+:ehq", "./tae/tae -e 127.0.0.1 8000"};
constexpr int backlog = 1024; // connections that the kernel keeps until they are accepted
constexpr std::size_t unsent_limit = 65'536; // bytes; while more wait, a client is not read from

// Asks epoll who is ready. The list is in the kernel, which notes who gets ready when it happens.
struct Watcher {
    zen::Descriptor epoll{epoll_create1(0)};
    std::unordered_map<int, std::uint32_t> watched = {}; // the events, by descriptor

    // Watches a descriptor for reading, for writing or for both; with neither, no longer.
    void watch(int descriptor, bool reading, bool writing) {
        const std::uint32_t events = (reading ? EPOLLIN : 0u) | (writing ? EPOLLOUT : 0u);
        const std::uint32_t before = watched[descriptor];
        if (events == before) return; // a system call saved
        const int what = before == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
        epoll_event event = {events, {.fd = descriptor}}; // level-triggered: as long as it is ready
        if (epoll_ctl(epoll.get(), what, descriptor, &event) < 0) zen::fail("cannot watch it");
        watched[descriptor] = events;
    }

    // Sleeps until a signal comes or some are ready: calls handle(descriptor, readable) for each.
    void wait(const timespec *limit, const sigset_t &mask, auto handle) {
        epoll_event list[256]; // if more are ready, they come the next time
        const int count = epoll_pwait(epoll.get(), list, 256, limit ? 1000 : -1, &mask);
        if (count < 0 && errno != EINTR) zen::fail("cannot wait");
        for (int i = 0; i < count; ++i) // EPOLLERR, EPOLLHUP: recv tells why
            handle(list[i].data.fd, (list[i].events & ~EPOLLOUT) != 0);
    }
};

struct Client {
    zen::Descriptor socket;
    std::string name;
    enum { asking, refused, hung_up, leaving } state = asking;
    zen::Messages input{'?', zen::max_message, zen::white_space};
    std::string unsent = {}; // answers that the kernel has not taken yet
    std::size_t ignored = 0;
};

// Answers the questions that are complete. False if there is one that has no answer.
bool answer_questions(Client &client) {
    while (const auto question = client.input.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", client.name, ": ", *question);
            return false;
        }
        zen::log("Received from ", client.name, ": ", *question);
        client.unsent += answer;
        zen::log("Sent to ", client.name, ": ", answer);
    }
    if (client.input.too_long()) zen::log("Question too long from ", client.name);
    return !client.input.too_long();
}

// Calls recv once, even where more is there: others wait as well.
void on_readable(Client &client, bool echo) {
    char buffer[4096];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0) return zen::later_or_fail("cannot receive");
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    if (size == 0 || client.ignored > 4 * unsent_limit) { // end of file, or enough
        if (client.state == Client::asking && !client.input.rest().empty())
            zen::log("End of file in mid-question from ", client.name, ": ", client.input.rest());
        client.state = Client::leaving;
    } else if (client.state == Client::hung_up) {
        client.ignored += bytes.size();
    } else if (echo) {
        zen::log("Received from ", client.name, ": ", bytes);
        client.unsent += bytes;
        zen::log("Sent to ", client.name, ": ", bytes);
    } else {
        client.input.feed(bytes);
        if (!answer_questions(client)) client.state = Client::refused;
    }
}

// Sends what the kernel takes at once; the rest waits until there is room again.
void on_writable(Client &client) {
    const ssize_t size = send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (size < 0) return zen::later_or_fail("cannot send");
    client.unsent.erase(0, static_cast<std::size_t>(size));
    if (client.unsent.empty()) client.unsent.shrink_to_fit(); // there may be thousands of clients
}

struct Server {
    zen::Descriptor listener;
    bool echo, paused = false;
    Watcher watcher = {};
    std::unordered_map<int, Client> clients = {};           // by descriptor
    std::deque<std::pair<int, zen::Deadline>> hung_up = {}; // those to be closed, and when

    void serve_forever() {
        const sigset_t &mask = zen::block_signals(); // they are let in only by the wait
        const timespec second = {1, 0};
        watcher.watch(listener.get(), true, false);
        zen::Address own;
        getsockname(listener.get(), own.get(), &own.size); // for port 0, the system has chosen one
        zen::print("TCP server started at ", own);
        while (!zen::stop_requested()) {
            const bool idle = !paused && hung_up.empty();
            watcher.wait(idle ? nullptr : &second, mask, [&](int descriptor, bool readable) {
                if (descriptor == listener.get()) accept_clients();
                else if (!zen::stop_requested()) serve_client(descriptor, readable);
            });
            close_hung_up();
            if (paused) accept_clients(); // somebody may have left, or a second has passed
            watcher.watch(listener.get(), !paused, false);
        }
    }

    // Pauses when there is no descriptor or no memory left, as the listener stays ready then.
    void accept_clients() {
        for (int i = 0; i < backlog && !zen::stopping; ++i) {
            zen::Address peer;
            zen::Descriptor client(accept4(listener.get(), peer.get(), &peer.size, SOCK_NONBLOCK));
            if (!client && (errno == EINTR || errno == ECONNABORTED)) continue;
            const bool exhausted = client ? paused : errno != EAGAIN;
            if (exhausted && !paused) zen::print("Cannot accept: ", std::strerror(errno));
            paused = exhausted;
            if (!client) return;
            const int descriptor = client.get();
            try {
                zen::log("Connected by ", peer);
                clients.emplace(descriptor, Client{std::move(client), zen::printable(peer)});
                watcher.watch(descriptor, true, false);
            } catch (const std::exception &error) {
                zen::print("Connection with ", peer, " closed: ", error.what());
                clients.erase(descriptor);
            }
        }
    }

    // Does what can be done for a client now, and watches it for what it waits for then.
    void serve_client(int descriptor, bool readable) {
        Client &client = clients.at(descriptor);
        try {
            if (readable) on_readable(client, echo);
            if (!client.unsent.empty()) on_writable(client);
        } catch (const std::exception &error) {
            zen::log("Error with ", client.name, ": ", error.what());
            client.unsent.clear();
            client.state = Client::leaving;
        }
        const bool write = !client.unsent.empty();
        // A close with bytes unread would reset the connection, and the reset could overtake the
        // last answers: so send the end of file, and ignore for a second what still comes.
        if (client.state == Client::refused && !write) {
            shutdown(descriptor, SHUT_WR);
            client.state = Client::hung_up;
            hung_up.emplace_back(descriptor, zen::Deadline(1));
        }
        const bool read = client.state == Client::hung_up ||
                          (client.state == Client::asking && client.unsent.size() <= unsent_limit);
        watcher.watch(descriptor, read, write);
        if (read || write) return;
        zen::log("Connection with ", client.name, " closed");
        clients.erase(descriptor);
    }

    // Closes the connections whose clients have not done so a second after the end of file.
    void close_hung_up() {
        for (; !hung_up.empty() && hung_up.front().second.left() == 0; hung_up.pop_front()) {
            const auto found = clients.find(hung_up.front().first);
            if (found == clients.end() || found->second.state != Client::hung_up) continue;
            found->second.state = Client::leaving;
            serve_client(found->first, false);
        }
    }
};

// A socket that listens on the first address of the host that lets itself be bound.
zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
        if (!listener) continue;
        // Connections of an earlier run may keep the port for a minute (TIME_WAIT): use it even so.
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), backlog) == 0)
            return listener;
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port));
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server{open_listener(options), options.echo}.serve_forever();
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
