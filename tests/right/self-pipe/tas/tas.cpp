// tas in another style: a signal is turned into a byte in a pipe from the server to itself (the
// self-pipe), which select watches beside the clients. This is one answer to the race between the
// look at `stopping` and the wait: where the signal comes just before select, the byte is in the
// pipe already, and select returns at once. So no alarm has to interrupt it a second time. The log
// waits by poll for the same pipe, as its reader may be gone for ever. Each client is asked in each
// round what it waits for. Questions are put together byte by byte. What is sent is not logged.

#include "../program.h"
#include "../zen.h"

#include <list>

#include <sys/select.h>

constexpr zen::Program program = {"tas", "TCP server of the Zen protocol: select, self-pipe.", "eq",
                                  "./tas/tas -e 127.0.0.1 8000"};
constexpr std::size_t unsent_limit = 65'536;       // bytes of answers; with more, nothing is read
constexpr auto patience = std::chrono::seconds(1); // with a client that is refused

int signal_pipe[2]; // its ends to read from and to write to

void on_signal(int) {
    const int before = errno;
    zen::stopping = true;
    [[maybe_unused]] const auto full = write(signal_pipe[1], "!", 1); // then one is there already
    errno = before;
}

// Neither end blocks: a handler that waits for room in a full pipe would wait for ever.
void turn_signals_into_bytes() {
    if (pipe(signal_pipe) != 0) zen::fail("cannot make a pipe");
    for (const int end : signal_pipe) {
        fcntl(end, F_SETFL, O_NONBLOCK);
        fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    struct sigaction action = {};
    action.sa_handler = on_signal;
    for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
}

// Whether a line can be written without blocking: waits until its reader has made room. After a
// signal it waits no longer than to half a second from then on, for all lines together.
bool log_has_room() {
    static zen::Clock::time_point end;
    while (true) {
        int left = -1; // milliseconds, -1 = for ever
        if (zen::stopping) {
            const auto now = zen::Clock::now();
            if (end == zen::Clock::time_point()) end = now + std::chrono::milliseconds(500);
            left = static_cast<int>((std::max(end, now) - now) / std::chrono::milliseconds(1));
        }
        pollfd sources[] = {{STDOUT_FILENO, POLLOUT, 0}, {signal_pipe[0], POLLIN, 0}};
        const int ready = poll(sources, left < 0 ? 2 : 1, left);
        if (ready > 0 && sources[0].revents != 0) return true; // also to fail, if nobody reads
        if (ready == 0) return false;
    }
}

// Prints a line; leaves it out where that fails or would take too long.
template <class... Parts> void print_line(const Parts &...parts) {
    if (log_has_room()) zen::say(parts...);
}
template <class... Parts> void event(const Parts &...parts) {
    if (!zen::quiet) print_line(parts...);
}

// A socket that listens on the first of the host's addresses that can be bound.
zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), SOMAXCONN) == 0)
            return listener;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
}

struct Client {
    zen::Descriptor socket;
    std::string name;
    std::string question = {}; // what has come of the next one
    std::size_t skipped = 0;   // white space before it
    std::string unsent = {};
    bool refused = false; // what it sends is ignored, and at `deadline` it is closed
    bool gone = false;    // it has sent its end of file: nothing more comes
    zen::Clock::time_point deadline = {};

    bool reads() const { return !gone && unsent.size() <= unsent_limit; }
    bool writes() const { return !unsent.empty(); }
    bool is_late() const { return refused && zen::Clock::now() >= deadline; }
};

// Puts questions together from the bytes, and answers each as soon as its ? has come.
void take_bytes(Client &client, std::string_view bytes) {
    for (const char c : bytes) {
        if (client.refused) return;
        const bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (is_space && client.question.empty()) ++client.skipped; // it counts, but is dropped
        else client.question += c;
        if (c == '?') {
            const std::string_view answer = zen::answer_to(client.question);
            client.refused = answer.empty();
            event(client.refused ? "Unrecognized question from " : "Received from ", client.name,
                  ": ", client.question);
            if (!client.refused) event("Sent to ", client.name, ": ", answer);
            client.unsent += answer;
            client.question.clear();
            client.skipped = 0;
        } else if (client.skipped + client.question.size() == zen::max_message) {
            client.refused = true;
            event("Question too long from ", client.name);
        }
    }
}

// Receives once. False: the connection has failed.
bool receive(Client &client, bool echo) {
    char buffer[4096];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    client.gone = size == 0;
    if (client.refused) return true;
    if (echo && size > 0) {
        event("Received from ", client.name, ": ", bytes);
        client.unsent += bytes;
    } else {
        take_bytes(client, bytes);
        client.deadline = zen::Clock::now() + patience;
    }
    if (client.gone && !client.question.empty())
        event("End of file in mid-question from ", client.name, ": ", client.question);
    return true;
}

// Does for a client what can be done now. False: it is to be closed.
bool serve(Client &client, bool readable, bool echo) try {
    if (readable && client.reads() && !receive(client, echo)) return false;
    if (client.writes()) {
        const ssize_t sent =
            send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (sent > 0) client.unsent.erase(0, static_cast<std::size_t>(sent));
        if (sent > 0) client.deadline = zen::Clock::now() + patience;
        if (client.unsent.empty()) client.unsent.shrink_to_fit();
    }
    // A close with bytes unread would send a reset, and the last answers could be lost.
    if (client.refused && !client.writes()) shutdown(client.socket.get(), SHUT_WR);
    return client.reads() || client.writes();
} catch (const std::bad_alloc &) { // no memory for what it has sent
    return false;
}

// Accepts all who wait. False, with errno: there is no descriptor or no memory for the next.
bool accept_clients(int listener, std::list<Client> &clients) {
    while (!zen::stopping) {
        zen::Address peer;
        zen::Descriptor client(accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK));
        if (!client && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (!client) return errno == EAGAIN;
        try {
            // FD_SET would write behind the set.
            if (client.get() >= FD_SETSIZE) throw std::out_of_range("beyond FD_SETSIZE");
            clients.push_back({std::move(client), zen::printable(peer)});
            event("Connected by ", peer);
        } catch (const std::exception &error) { // it closes the client
            print_line("Connection with ", peer, " closed: ", error.what());
        }
    }
    return true;
}

void serve_forever(int listener, bool echo) {
    std::list<Client> clients;
    bool exhausted = false; // then accept is tried once a second
    if (std::max(listener, signal_pipe[0]) >= FD_SETSIZE) zen::fail("cannot select", EMFILE);
    while (!zen::stopping) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_SET(signal_pipe[0], &readable);
        if (!exhausted) FD_SET(listener, &readable);
        bool limited = exhausted;
        for (const Client &client : clients) {
            if (client.reads()) FD_SET(client.socket.get(), &readable);
            if (client.writes()) FD_SET(client.socket.get(), &writable);
            limited |= client.refused;
        }
        timeval second = {1, 0};
        const int count =
            select(FD_SETSIZE, &readable, &writable, nullptr, limited ? &second : nullptr);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) zen::fail("cannot select");
        for (auto client = clients.begin(); client != clients.end() && !zen::stopping;) {
            const bool reads = FD_ISSET(client->socket.get(), &readable);
            const bool ready = reads || FD_ISSET(client->socket.get(), &writable);
            const auto next = std::next(client);
            if ((ready && !serve(*client, reads, echo)) || client->is_late()) {
                event("Connection with ", client->name, " closed");
                clients.erase(client);
            }
            client = next;
        }
        if (!exhausted && !FD_ISSET(listener, &readable)) continue;
        const bool failed = !accept_clients(listener, clients);
        if (failed && !exhausted) print_line("Cannot accept: ", std::strerror(errno));
        exhausted = failed;
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = open_listener(options);
        turn_signals_into_bytes();
        zen::Address own;
        getsockname(listener.get(), own.get(), &own.size);
        print_line("TCP server started at ", own);
        serve_forever(listener.get(), options.echo);
        event("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
