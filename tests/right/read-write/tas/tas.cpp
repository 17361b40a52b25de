// tas in another style: the sockets are read and written with read and write, as any other file.
// There is no list of what to watch: each round, the sets for select are made from the clients,
// which stand in a table with a place for each descriptor that select can watch.

#include "../program.h"
#include "../zen.h"

#include <array>

#include <sys/select.h>

constexpr zen::Program program = {"tas", "TCP server of the Zen protocol: select, read, write.",
                                  "eq", "./tas/tas -e 127.0.0.1 8000"};
constexpr std::size_t unsent_limit = 65'536;       // bytes of answers; with more, nothing is read
constexpr auto patience = std::chrono::seconds(1); // with a client that is refused

struct Client {
    std::string name;
    zen::Messages questions{'?', zen::max_message, zen::white_space};
    std::string unsent = {};
    bool refused = false; // it gets its answers and the end of file; at `deadline` it is closed
    bool ended = false;   // it has sent its end of file
    zen::Clock::time_point deadline = {};

    bool wants_to_write() const { return !unsent.empty(); }
    bool wants_to_read() const { return !ended && unsent.size() <= unsent_limit; }
    bool is_late() const { return refused && zen::Clock::now() >= deadline; }
};
using Table = std::array<std::unique_ptr<Client>, FD_SETSIZE>; // by descriptor
using Index = Table::size_type;

void close_client(Table &table, int descriptor) {
    zen::log("Connection with ", table[Index(descriptor)]->name, " closed");
    table[Index(descriptor)].reset();
    close(descriptor);
}

// Answers what is complete. A question without an answer, or one that is too long, is the last.
void answer_questions(Client &client) {
    for (auto question = client.questions.next(); question; question = client.questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        client.refused = answer.empty();
        if (client.refused)
            return zen::log("Unrecognized question from ", client.name, ": ", *question);
        zen::log("Received from ", client.name, ": ", *question);
        client.unsent += answer;
        zen::log("Sent to ", client.name, ": ", answer);
    }
    client.refused = client.questions.too_long();
    if (client.refused) zen::log("Question too long from ", client.name);
}

// Reads once, as other clients wait as well. False if the connection has failed.
bool read_from(int descriptor, Client &client, bool echo) {
    char buffer[8192];
    const ssize_t size = read(descriptor, buffer, sizeof buffer);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    client.ended = size == 0;
    if (client.refused) return true;
    if (client.ended) {
        if (const auto rest = client.questions.rest(); !rest.empty())
            zen::log("End of file in mid-question from ", client.name, ": ", rest);
    } else if (echo) {
        zen::log("Received from ", client.name, ": ", bytes);
        client.unsent += bytes;
        zen::log("Sent to ", client.name, ": ", bytes);
    } else {
        client.questions.feed(bytes);
        answer_questions(client);
        client.deadline = zen::Clock::now() + patience;
    }
    return true;
}

// Writes what the kernel takes. False if the connection has failed. SIGPIPE is ignored (program.h).
bool write_to(int descriptor, Client &client) {
    const ssize_t size = write(descriptor, client.unsent.data(), client.unsent.size());
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    client.unsent.erase(0, static_cast<std::size_t>(size));
    if (client.unsent.empty()) client.unsent.shrink_to_fit();
    client.deadline = zen::Clock::now() + patience;
    return true;
}

// Does for a client what can be done now. False: it is to be closed.
bool serve(int descriptor, Client &client, bool readable, bool echo) try {
    if (readable && client.wants_to_read() && !read_from(descriptor, client, echo)) return false;
    if (client.wants_to_write() && !write_to(descriptor, client)) return false;
    // To close while bytes are unread would reset the connection: the client might lose answers.
    if (client.refused && client.unsent.empty()) shutdown(descriptor, SHUT_WR);
    return client.wants_to_read() || client.wants_to_write();
} catch (const std::bad_alloc &) { // no memory for what it has sent
    return false;
}

// Accepts all who wait. False if there is no descriptor or no memory for the next one.
bool accept_clients(int listener, Table &table) {
    while (!zen::stopping) {
        zen::Address peer;
        const int descriptor =
            accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (descriptor < 0) return errno == EAGAIN;
        Client *client =
            descriptor < FD_SETSIZE ? new (std::nothrow) Client{zen::printable(peer)} : nullptr;
        if (client) {
            table[Index(descriptor)].reset(client);
            zen::log("Connected by ", peer);
        } else {
            close(descriptor);
            zen::say("Connection with ", peer, " closed: its descriptor is beyond FD_SETSIZE");
        }
    }
    return true;
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

void serve_forever(int listener, bool echo) {
    if (listener >= FD_SETSIZE) zen::fail("cannot select", EMFILE);
    zen::stop_on_signals();
    Table table;
    bool exhausted = false; // of descriptors or memory: then accept is tried once a second
    zen::Address own;
    getsockname(listener, own.get(), &own.size);
    zen::say("TCP server started at ", own);
    while (!zen::stopping) {
        fd_set readers, writers;
        FD_ZERO(&readers);
        FD_ZERO(&writers);
        if (!exhausted) FD_SET(listener, &readers);
        bool limited = exhausted;
        for (int i = 0; i < FD_SETSIZE; ++i) {
            const Client *client = table[Index(i)].get();
            if (client && client->wants_to_read()) FD_SET(i, &readers);
            if (client && client->wants_to_write()) FD_SET(i, &writers);
            limited |= client && client->refused;
        }
        timeval second = {1, 0};
        const int count =
            select(FD_SETSIZE, &readers, &writers, nullptr, limited ? &second : nullptr);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) zen::fail("cannot select");
        for (int i = 0; i < FD_SETSIZE && !zen::stopping; ++i)
            if (Client *client = table[Index(i)].get(); client) {
                const bool ready = FD_ISSET(i, &readers) || FD_ISSET(i, &writers);
                const bool goes_on = !ready || serve(i, *client, FD_ISSET(i, &readers), echo);
                if (!goes_on || client->is_late()) close_client(table, i);
            }
        if (!exhausted && !FD_ISSET(listener, &readers)) continue;
        const bool before = std::exchange(exhausted, !accept_clients(listener, table));
        if (exhausted && !before) zen::say("Cannot accept: ", std::strerror(errno));
    }
    for (int i = 0; i < FD_SETSIZE; ++i)
        if (table[Index(i)]) close(i);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_listener(options).get(), options.echo);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
