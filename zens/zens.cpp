// zens: Zen server, TCP, iterative. Accepts a client, answers its questions until it leaves, and
// only then accepts the next one.
//
// Run:        ./zens/zens            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in another
// Simplified: while one client is silent all others wait, until -t is over: the architecture.
// See also:   zenc (the client), mzts (the same in a pool of threads), tas (in one, with select).

#include "../zen.h"

constexpr zen::Program program = {"zens", "Iterative TCP server of the Zen protocol.",
                                  "+:hqt:", "./zens/zens -t 10 127.0.0.1 8000"};
constexpr int backlog = 1024; // connections that the kernel keeps until they are accepted

// A socket that listens on the first address of the host that lets itself be bound.
zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM, 0));
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

// Sends all of `bytes`, as one call of send may take only a part.
void send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(client, bytes.data(), bytes.size(), 0);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send");
    }
}

// Answers the questions that are complete. False if there is one that has no answer.
bool answer_questions(int client, const std::string &peer, zen::Messages &questions) {
    while (const auto question = questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", peer, ": ", *question);
            return false;
        }
        zen::log("Received from ", peer, ": ", *question);
        send_all(client, answer);
        zen::log("Sent to ", peer, ": ", answer);
    }
    if (questions.too_long()) zen::log("Question too long from ", peer);
    return !questions.too_long();
}

// Ends a conversation before the client does. A close with bytes unread would reset the connection,
// and the reset could overtake the last answers: so send the end of file, and read on for a second.
void hang_up(int client) {
    shutdown(client, SHUT_WR);
    const timeval second = {1, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    char unread[1 << 18]; // at the most
    recv(client, unread, sizeof unread, MSG_WAITALL);
}

// A conversation: as many questions as the client likes. Throws when the connection fails.
void converse(int client, const std::string &peer) {
    // TCP is a stream of bytes: recv may bring a part of a question, or many of them.
    zen::Messages questions('?', zen::max_message, zen::white_space);
    char buffer[4096];
    while (!zen::stopping) {
        const ssize_t size = recv(client, buffer, sizeof buffer, 0);
        if (size == 0) break; // end of file: the client has no more questions
        if (size < 0 && zen::interrupted()) continue;
        if (size < 0) zen::fail("cannot receive");
        questions.feed({buffer, static_cast<std::size_t>(size)});
        if (!answer_questions(client, peer, questions)) return hang_up(client);
    }
    if (!questions.rest().empty())
        zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
void serve_client(int client, const std::string &peer, int timeout) {
    zen::log("Connected by ", peer);
    const timeval limit = {timeout, 0}; // for a client that sends or reads nothing; 0 = none
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    try {
        converse(client, peer);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
    }
    zen::log("Connection with ", peer, " closed");
}

// Accepts and serves one client after the other, until a signal comes.
void serve_forever(int listener, int timeout) {
    zen::stop_on_signals();
    zen::Address own;
    getsockname(listener, own.get(), &own.size); // for port 0, the system has chosen one
    zen::print("TCP server started at ", own);
    bool exhausted = false;
    while (!zen::stopping) {
        zen::Address address;
        zen::Descriptor client(accept(listener, address.get(), &address.size));
        if (client) {
            exhausted = false;
            serve_client(client.get(), zen::printable(address), timeout);
        } else {
            zen::accept_failed(exhausted);
        }
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = open_listener(options);
        serve_forever(listener.get(), options.timeout);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
