// tae in another style: epoll is edge-triggered. It tells only once that a client has become
// readable or writable, so that this is remembered (`may_read`, `may_write`) until recv or send
// says EAGAIN. Clients that can go on at once stand in a queue and take turns: one call of recv
// and one of send each, so that none keeps the others waiting.

#include "../program.h"
#include "../zen.h"

#include <deque>
#include <set>
#include <unordered_map>

#include <sys/epoll.h>

constexpr zen::Program program = {"tae", "TCP server of the Zen protocol: epoll, edge-triggered.",
                                  "eq", "./tae/tae -e 127.0.0.1 8000"};
constexpr std::size_t unsent_limit = 65'536;       // bytes of answers; with more, nothing is read
constexpr auto patience = std::chrono::seconds(1); // with a client that is refused

struct Client {
    zen::Descriptor socket;
    std::string name;
    enum { asking, refused, ended, failed } state = asking;
    bool may_read = false, may_write = true, queued = false;
    zen::Clock::time_point deadline = {}; // of one that is refused
    zen::Messages questions{'?', zen::max_message, zen::white_space};
    std::string unsent = {};

    bool wants_to_read() const {
        return (state == asking || state == refused) && unsent.size() <= unsent_limit;
    }
    bool can_go_on() const {
        return (may_read && wants_to_read()) || (may_write && !unsent.empty());
    }
    bool is_done() const {
        return state == failed || (state == ended && unsent.empty()) ||
               (state == refused && zen::Clock::now() >= deadline);
    }
};

void answer_questions(Client &client) {
    while (const auto question = client.questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", client.name, ": ", *question);
            client.state = Client::refused;
            return;
        }
        zen::log("Received from ", client.name, ": ", *question);
        client.unsent += answer;
        zen::log("Sent to ", client.name, ": ", answer);
    }
    if (!client.questions.too_long()) return;
    zen::log("Question too long from ", client.name);
    client.state = Client::refused;
}

void receive(Client &client, bool echo) {
    char buffer[4096];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0) {
        client.may_read = errno == EINTR;
        if (errno == EAGAIN || errno == EINTR) return;
        zen::log("Error with ", client.name, ": ", std::strerror(errno));
        client.state = Client::failed;
        return;
    }
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    if (client.state == Client::refused) {
        if (size == 0) client.state = Client::ended;
    } else if (size == 0) {
        client.state = Client::ended;
        if (!client.questions.rest().empty())
            zen::log("End of file in mid-question from ", client.name, ": ",
                     client.questions.rest());
    } else if (echo) {
        zen::log("Received from ", client.name, ": ", bytes);
        client.unsent += bytes;
        zen::log("Sent to ", client.name, ": ", bytes);
    } else {
        client.questions.feed(bytes);
        answer_questions(client);
        client.deadline = zen::Clock::now() + patience;
    }
}

void transmit(Client &client) {
    const ssize_t size = send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (size < 0) {
        client.may_write = errno == EINTR;
        if (errno == EAGAIN || errno == EINTR) return;
        zen::log("Error with ", client.name, ": ", std::strerror(errno));
        client.state = Client::failed;
        return;
    }
    client.unsent.erase(0, static_cast<std::size_t>(size));
    if (client.unsent.empty()) client.unsent.shrink_to_fit();
    client.deadline = zen::Clock::now() + patience;
}

// One turn of a client.
void serve(Client &client, bool echo) {
    if (client.may_read && client.wants_to_read()) receive(client, echo);
    if (client.may_write && !client.unsent.empty() && client.state != Client::failed)
        transmit(client);
    // To close with bytes unread would send a reset, which could overtake the last answers.
    if (client.state == Client::refused && client.unsent.empty())
        shutdown(client.socket.get(), SHUT_WR);
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
            listen(listener.get(), 4096) == 0)
            return listener;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
}

struct Server {
    zen::Descriptor listener;
    bool echo;
    zen::Descriptor epoll{epoll_create1(EPOLL_CLOEXEC)};
    std::unordered_map<int, Client> clients = {}; // by descriptor
    std::deque<int> turns = {};                   // who can go on at once
    std::set<int> refused = {};                   // who is to leave
    bool may_accept = true, exhausted = false;

    // All that may happen to a descriptor, each change told once. It leaves when it is closed.
    void watch(int descriptor) {
        epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.fd = descriptor}};
        if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event) < 0)
            zen::fail("cannot watch a descriptor");
    }

    void queue(int descriptor, Client &client) {
        if (!client.queued && client.can_go_on()) turns.push_back(descriptor);
        client.queued = client.queued || client.can_go_on();
    }

    void run() {
        zen::stop_on_signals();
        watch(listener.get());
        zen::Address own;
        getsockname(listener.get(), own.get(), &own.size);
        zen::say("TCP server started at ", own);
        while (!zen::stopping) {
            const bool busy = !turns.empty() || (may_accept && !exhausted);
            epoll_event events[128];
            const int limit = busy ? 0 : exhausted || !refused.empty() ? 1000 : -1;
            const int count = epoll_wait(epoll.get(), events, 128, limit);
            if (count < 0 && errno != EINTR) zen::fail("cannot wait");
            for (int i = 0; i < count; ++i) note(events[i].data.fd, events[i].events);
            for (std::size_t left = turns.size(); left > 0 && !zen::stopping; --left) take_turn();
            for (const int descriptor : std::set(refused)) // close takes it out of the set
                if (clients.at(descriptor).is_done()) close_client(descriptor);
            if (may_accept) accept_clients();
        }
    }

    void close_client(int descriptor) {
        zen::log("Connection with ", clients.at(descriptor).name, " closed");
        refused.erase(descriptor);
        if (clients.at(descriptor).queued) std::erase(turns, descriptor);
        clients.erase(descriptor);
    }

    void note(int descriptor, std::uint32_t events) {
        if (descriptor == listener.get()) {
            may_accept = true;
            return;
        }
        Client &client = clients.at(descriptor);
        if (events & ~EPOLLOUT) client.may_read = true; // recv tells of an end or an error
        if (events & ~EPOLLIN) client.may_write = true;
        queue(descriptor, client);
    }

    void take_turn() {
        const int descriptor = turns.front();
        turns.pop_front();
        Client &client = clients.at(descriptor);
        client.queued = false;
        try {
            serve(client, echo);
            if (client.state == Client::refused) refused.insert(descriptor);
        } catch (const std::bad_alloc &) { // no memory for what it has sent
            client.state = Client::failed;
        }
        if (client.is_done()) close_client(descriptor);
        else queue(descriptor, client);
    }

    // Accepts all who wait. Without a descriptor or memory for them: again in a second.
    void accept_clients() {
        for (int i = 0; i < 1000 && !zen::stopping; ++i) {
            zen::Address peer;
            zen::Descriptor client(accept4(listener.get(), peer.get(), &peer.size, SOCK_NONBLOCK));
            if (!client && (errno == EINTR || errno == ECONNABORTED)) continue;
            if (!client && errno == EAGAIN) {
                may_accept = exhausted = false;
                return;
            }
            if (!client) {
                if (!exhausted) zen::say("Cannot accept: ", std::strerror(errno));
                exhausted = true;
                return;
            }
            exhausted = false;
            zen::log("Connected by ", peer);
            try {
                watch(client.get());
                const int descriptor = client.get();
                clients.emplace(descriptor, Client{std::move(client), zen::printable(peer)});
            } catch (const std::exception &error) { // it closes the client
                zen::say("Connection with ", peer, " closed: ", error.what());
            }
        }
    }
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server{open_listener(options), options.echo}.run();
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
