// tae: Zen server, TCP, asynchronous with epoll. One thread serves all clients: it sleeps until
// some of them can be read from or written to, does what needs no waiting, and sleeps again.
//
// Run:        ./tae/tae              in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others, as many as you like; with -e, nc
// Differs:    from tap in Watcher: the kernel keeps the list, and tells only who is ready.
// Simplified: answers are logged as sent when they are queued; silent clients may stay for ever.
// See also:   tas (select), tap (poll), tae (epoll): compare them; mzts (threads); uas (UDP).

#include "../program.h"
#include "../zen.h"

#include <set>
#include <unordered_map>

#include <sys/epoll.h>

constexpr zen::Program program = {"tae", "Asynchronous TCP server of the Zen protocol (epoll).",
                                  "eq", "./tae/tae -e 127.0.0.1 8000"};
constexpr int backlog = 1024; // connections that the kernel keeps until they are accepted
constexpr std::size_t unsent_limit = 65'536; // bytes; while more wait, a client is not read from

// Listens on the first of the host's addresses that can be bound. Fails where the port is in use.
zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *info = addresses.get(); info && error != EADDRINUSE; info = info->ai_next) {
        zen::Descriptor listener(socket(info->ai_family, SOCK_STREAM, 0));
        const int on = 1; // uses the port even where connections of an earlier run are in TIME_WAIT
        if (listener && setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            bind(listener.get(), info->ai_addr, info->ai_addrlen) == 0 &&
            listen(listener.get(), backlog) == 0)
            return listener;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
}

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
        epoll_event event = {events, {.fd = descriptor}}; // level-triggered: told while ready
        if (epoll_ctl(epoll.get(), what, descriptor, &event) < 0) zen::fail("epoll_ctl failed");
        watched[descriptor] = events;
    }

    // Sleeps until some are ready, or for so many seconds (-1 = for ever), or until a signal comes.
    void wait(int seconds, auto handle) {
        epoll_event list[256]; // if more are ready, they come the next time
        const int count = epoll_wait(epoll.get(), list, 256, seconds < 0 ? -1 : seconds * 1000);
        if (count < 0 && !zen::not_ready()) zen::fail("epoll_wait failed");
        for (int i = 0; i < count; ++i) // EPOLLERR, EPOLLHUP: recv tells why
            handle(list[i].data.fd, (list[i].events & ~EPOLLOUT) != 0);
    }
};

struct Client {
    zen::Descriptor socket;
    std::string name;
    zen::Messages input{'?', zen::max_message, zen::white_space};
    std::string unsent = {};              // answers that the kernel has not taken yet
    bool ended = false;                   // nothing more is read
    bool refused = false;                 // it asked a bad question: what it sends now is ignored,
    std::size_t ignored = 0;              // and it is closed when it leaves, after 256 KiB of this,
    zen::Clock::time_point deadline = {}; // or at this time (which counts for refused clients only)
};

// Answers the complete questions. False if one is not in the table or is too long: then hang up.
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

// Calls recv only once, even if more is there: other clients wait too.
void on_readable(Client &client, bool echo) {
    char buffer[4096];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0 && zen::not_ready()) return;
    if (size < 0) zen::fail("cannot receive");
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    if (client.refused) client.ignored += bytes.size();
    client.ended = size == 0 || client.ignored > 4 * unsent_limit; // end, or 256 KiB
    if (client.refused) return;
    if (client.ended && !client.input.rest().empty())
        zen::log("End of file in mid-question from ", client.name, ": ", client.input.rest());
    if (echo && !client.ended) {
        zen::log("Received from ", client.name, ": ", bytes);
        client.unsent += bytes;
        zen::log("Sent to ", client.name, ": ", bytes);
    } else {
        client.input.feed(bytes);
        client.refused = !answer_questions(client);
        client.deadline = zen::Clock::now() + std::chrono::seconds(1);
    }
}

// Sends what the kernel takes at once; the rest waits until there is room again.
void on_writable(Client &client) {
    const ssize_t size = send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (size < 0 && zen::not_ready()) return;
    if (size < 0) zen::fail("cannot send");
    client.unsent = client.unsent.substr(static_cast<std::size_t>(size)); // frees what is not used
    client.deadline = zen::Clock::now() + std::chrono::seconds(1);
}

struct Server {
    zen::Descriptor listener;
    bool echo, paused = false;
    Watcher watcher = {};
    std::unordered_map<int, Client> clients = {}; // by descriptor
    std::set<int> refused = {};                   // those of them that are to be closed

    void serve_forever() {
        if (!watcher.epoll) zen::fail("epoll_create1 failed");
        zen::stop_on_signals();
        fcntl(listener.get(), F_SETFL, O_NONBLOCK);
        watcher.watch(listener.get(), true, false);
        zen::Address own;
        getsockname(listener.get(), own.get(), &own.size); // with port 0, the system has chosen it
        zen::say("TCP server started at ", own);
        while (!zen::stopping) {
            watcher.wait(paused || !refused.empty() ? 1 : -1, [&](int descriptor, bool readable) {
                if (descriptor == listener.get()) accept_clients();
                else if (!zen::stopping) serve_client(descriptor, readable);
            });
            if (paused) accept_clients(); // somebody may have left, or a second has passed
            for (auto next = refused.begin(); next != refused.end();) {
                const int descriptor = *next++; // close_client takes it out of the set
                if (zen::Clock::now() >= clients.at(descriptor).deadline) close_client(descriptor);
            }
        }
    }

    void accept_clients() {
        for (int i = 0; i < backlog; ++i) { // not for ever: other clients wait too
            zen::Address peer;
            zen::Descriptor client(accept(listener.get(), peer.get(), &peer.size));
            paused = !client && zen::exhausted(paused); // no free descriptor or memory
            if (!client) break;
            const int descriptor = client.get();
            try {
                fcntl(descriptor, F_SETFL, O_NONBLOCK);
                zen::log("Connected by ", peer);
                clients.emplace(descriptor, Client{std::move(client), zen::printable(peer)});
                watcher.watch(descriptor, true, false);
            } catch (const std::exception &error) {
                zen::say("Connection with ", peer, " closed: ", error.what());
                clients.erase(descriptor);
            }
        }
        watcher.watch(listener.get(), !paused, false); // paused: it would wake the loop at once
    }

    // Does what can be done for a client now, then decides what to wait for next.
    void serve_client(int descriptor, bool readable) {
        Client &client = clients.at(descriptor);
        try {
            if (readable && !client.ended) on_readable(client, echo);
            if (!client.unsent.empty()) on_writable(client);
            const bool writing = !client.unsent.empty();
            const bool reading = !client.ended && client.unsent.size() <= unsent_limit;
            if (client.refused) refused.insert(descriptor);
            if (client.refused && !writing) shutdown(descriptor, SHUT_WR); // as hang_up in zens
            if (reading || writing) return watcher.watch(descriptor, reading, writing);
        } catch (const std::exception &error) {
            zen::log("Error with ", client.name, ": ", error.what());
        }
        close_client(descriptor);
    }

    void close_client(int descriptor) {
        zen::log("Connection with ", clients.at(descriptor).name, " closed");
        watcher.watch(descriptor, false, false); // before close: the next client may get its number
        refused.erase(descriptor);
        clients.erase(descriptor);
    }
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server{open_listener(options), options.echo}.serve_forever();
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
