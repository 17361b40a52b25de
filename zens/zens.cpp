// zens: Zen server, TCP, iterative. Accepts a client, answers its questions until it leaves, and
// only then accepts the next one.
//
// Run:        ./zens/zens            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others, as many as you like
// Simplified: while one client is served, all others wait, even if it is silent (up to -t seconds).
// See also:   zenc (the client), mzts (a pool of threads), tas (one thread for all, with select).

#include "../program.h"
#include "../zen.h"

constexpr zen::Program program = {"zens", "Iterative TCP server of the Zen protocol.",
                                  "qt:", "./zens/zens -t 10 127.0.0.1 8000"};
constexpr int backlog = 1024; // connections that the kernel keeps until they are accepted

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

// Sends all of `bytes`, as one call of send may take only a part.
void send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(client, bytes.data(), bytes.size(), 0);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send");
    }
}

// Collects the answers to the complete questions, and logs them as if they were sent already. False
// if a question is not in the table or is too long: then hang up.
bool answer_questions(const std::string &peer, zen::Messages &questions, std::string &answers) {
    while (const auto question = questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", peer, ": ", *question);
            return false;
        }
        zen::log("Received from ", peer, ": ", *question);
        answers += answer;
        zen::log("Sent to ", peer, ": ", answer);
    }
    if (questions.too_long()) zen::log("Question too long from ", peer);
    return !questions.too_long();
}

// Ends a conversation before the client does. A close with bytes unread would reset the connection,
// and the reset could overtake the answers: so send the end of file, and read on for a second.
void hang_up(int client) {
    shutdown(client, SHUT_WR);
    const timeval second = {1, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    const auto end = zen::Clock::now() + std::chrono::seconds(1);
    char unread[4096];
    for (ssize_t ignored = 0; ignored < 262'144 && zen::Clock::now() < end;) {
        const ssize_t size = recv(client, unread, sizeof unread, 0);
        if (size == 0 || (size < 0 && !zen::interrupted())) return;
        ignored += std::max<ssize_t>(size, 0);
    }
}

// A conversation: as many questions as the client likes. Throws when the connection fails.
void converse(int client, const std::string &peer) {
    // TCP is a stream of bytes: recv may bring a part of a question, or many of them.
    zen::Messages questions('?', zen::max_message, zen::white_space);
    char buffer[4096];
    while (!zen::stopping) {
        const ssize_t size = recv(client, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EINTR) continue; // the loop looks at stopping
        if (size < 0) zen::fail("cannot receive");
        if (size == 0) break; // end of file: the client has no more questions
        questions.feed({buffer, static_cast<std::size_t>(size)});
        // All answers go in one send. A second one would wait until the client's kernel has
        // acknowledged the first, which may take 40 ms (Nagle's algorithm, delayed ACK).
        std::string answers;
        const bool all_answered = answer_questions(peer, questions, answers);
        send_all(client, answers);
        if (!all_answered) return hang_up(client);
    }
    if (!questions.rest().empty() && !zen::stopping)
        zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
void serve_client(int client, const zen::Address &peer, int timeout) {
    zen::log("Connected by ", peer);
    const timeval limit = {timeout, 0}; // how long recv and send may wait for it; 0 = for ever
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    try {
        converse(client, zen::printable(peer));
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
    }
    zen::log("Connection with ", peer, " closed");
}

// Accepts one client after the other, until a signal comes.
void serve_forever(int listener, const zen::Options &options) {
    zen::stop_on_signals();
    zen::Address own;
    getsockname(listener, own.get(), &own.size); // with port 0, the system has chosen the port
    zen::say("TCP server started at ", own);
    for (bool exhausted = false; !zen::stopping;) {
        zen::Address peer;
        zen::Descriptor client(accept(listener, peer.get(), &peer.size));
        exhausted = !client && zen::exhausted(exhausted);
        if (exhausted) zen::pause_shortly();
        if (client) serve_client(client.get(), peer, options.timeout);
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = open_listener(options);
        serve_forever(listener.get(), options);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
