// tas in another style: a signal is turned into a byte in a pipe of the server to itself
// (self-pipe), which a plain select watches as it does the clients. Each client is asked in each
// round what it waits for. Questions are put together byte by byte. What is sent is not logged.

#include "../zen.h"

#include <list>

#include <sys/select.h>

constexpr zen::Program program = {"tas", "TCP server of the Zen protocol: select, self-pipe.",
                                  "+:ehq", "./tas/tas -e 127.0.0.1 8000"};
constexpr std::size_t unsent_limit = 65'536, ignored_limit = 262'144; // bytes

int signal_pipe[2]; // its ends to read from and to write to

// The alarm every 50 ms is for a line of the log that nobody reads: it interrupts the write, also
// one that has begun just after the signal.
void on_signal(int) {
    const int before = errno;
    zen::stopping = true;
    [[maybe_unused]] const auto ignored = write(signal_pipe[1], "!", 1);
    const itimerval again = {{0, 50'000}, {0, 50'000}};
    setitimer(ITIMER_REAL, &again, nullptr);
    errno = before;
}

void turn_signals_into_bytes() {
    if (pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) != 0) zen::fail("cannot make a pipe");
    struct sigaction action = {};
    action.sa_handler = on_signal;
    for (const int number : {SIGINT, SIGTERM, SIGALRM}) sigaction(number, &action, nullptr);
}

// A socket that listens on the first address of the host that lets itself be bound.
zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), SOMAXCONN) == 0)
            return listener;
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port));
}

struct Client {
    int socket;
    std::string name;
    std::string question = {}; // what has come of the next one
    std::string unsent = {};
    bool refused = false, hung_up = false, gone = false; // the client is gone: nothing more comes
    std::size_t ignored = 0;

    bool reads() const { return !gone && (hung_up || (!refused && unsent.size() <= unsent_limit)); }
    bool writes() const { return !unsent.empty(); }
};

// Puts questions together from the bytes, and answers each as soon as its ? has come.
void take_bytes(Client &client, std::string_view bytes) {
    for (const char c : bytes) {
        if (client.refused) return;
        const bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (is_space && client.question.empty()) continue;
        client.question += c;
        if (c == '?') {
            const std::string_view answer = zen::answer_to(client.question);
            client.refused = answer.empty();
            zen::log(client.refused ? "Unrecognized question from " : "Received from ", client.name,
                     ": ", client.question);
            client.unsent += answer;
            client.question.clear();
        } else if (client.question.size() == zen::max_message) {
            client.refused = true;
            zen::log("Question too long from ", client.name);
        }
    }
}

// Receives once. False: the connection has failed, or is not worth to be kept.
bool receive(Client &client, bool echo) {
    char buffer[4096];
    const ssize_t size = recv(client.socket, buffer, sizeof buffer, 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    client.gone = size == 0;
    if (client.hung_up) {
        client.ignored += bytes.size();
        return client.ignored < ignored_limit;
    }
    if (echo && size > 0) {
        zen::log("Received from ", client.name, ": ", bytes);
        client.unsent += bytes;
    } else {
        take_bytes(client, bytes);
    }
    if (client.gone && !client.question.empty())
        zen::log("End of file in mid-question from ", client.name, ": ", client.question);
    return true;
}

// Does for a client what can be done now. False: it is to be closed.
bool serve(Client &client, bool readable, bool echo) {
    if (readable && client.reads() && !receive(client, echo)) return false;
    if (client.writes()) {
        const ssize_t sent = send(client.socket, client.unsent.data(), client.unsent.size(), 0);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (sent > 0) client.unsent.erase(0, static_cast<std::size_t>(sent));
        if (client.unsent.empty()) client.unsent.shrink_to_fit();
    }
    // A close with bytes unread would send a reset, and the last answers could be lost.
    if (client.refused && !client.hung_up && !client.writes()) {
        shutdown(client.socket, SHUT_WR);
        client.hung_up = true;
    }
    return client.reads() || client.writes();
}

// Accepts all who wait. False, with errno: there is no descriptor or no memory for the next.
bool accept_clients(int listener, std::list<Client> &clients) {
    while (!zen::stopping) {
        zen::Address peer;
        const int client = accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (client < 0) return errno == EAGAIN;
        const std::string name = zen::printable(peer);
        if (client >= FD_SETSIZE) { // FD_SET would write behind the set
            close(client);
            zen::print("Connection with ", name, " closed: its descriptor is beyond FD_SETSIZE");
            continue;
        }
        zen::log("Connected by ", name);
        clients.push_back({client, name});
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
        for (const Client &client : clients) {
            if (client.reads()) FD_SET(client.socket, &readable);
            if (client.writes()) FD_SET(client.socket, &writable);
        }
        timeval second = {1, 0};
        if (select(FD_SETSIZE, &readable, &writable, nullptr, exhausted ? &second : nullptr) < 0) {
            if (errno == EINTR) continue;
            zen::fail("cannot select");
        }
        for (auto client = clients.begin(); client != clients.end() && !zen::stopping;) {
            const bool reads = FD_ISSET(client->socket, &readable);
            const auto next = std::next(client);
            if ((reads || FD_ISSET(client->socket, &writable)) && !serve(*client, reads, echo)) {
                zen::log("Connection with ", client->name, " closed");
                close(client->socket);
                clients.erase(client);
            }
            client = next;
        }
        if (!exhausted && !FD_ISSET(listener, &readable)) continue;
        const bool failed = !accept_clients(listener, clients);
        if (failed && !exhausted) zen::print("Cannot accept: ", std::strerror(errno));
        exhausted = failed;
    }
    for (const Client &client : clients) close(client.socket);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = open_listener(options);
        turn_signals_into_bytes();
        zen::Address own;
        getsockname(listener.get(), own.get(), &own.size);
        zen::print("TCP server started at ", own);
        serve_forever(listener.get(), options.echo);
        for (const int end : signal_pipe) close(end);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
