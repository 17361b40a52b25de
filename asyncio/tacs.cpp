// tacs: Zen server, TCP, asynchronous with coroutines and the sock_ calls of asyncio. As in mzts,
// who serves a client calls recv and send; where those wait, the task waits, and not the thread.
//
// Run:        ./asyncio/tacs         in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others; with -e (only the first bytes), ./asyncio/tacbc
// Differs:    from tacr: sockets in place of streams; it makes the tasks itself. A stop lets the
//             conversations end, for half a second.
// Simplified: answers are logged as sent before they are.
// See also:   mzts (threads), tacr (streams), tacb (callbacks).

#include "conversation.h"
#include "see_off.h"
#include "sockets.h"
#include "waiting.h"

using namespace std::chrono_literals;
using asyncio::Coroutine;
constexpr zen::Program program = {"tacs", "Asynchronous TCP server of the Zen protocol (asyncio).",
                                  "eqt:", "./asyncio/tacs -t 10 127.0.0.1 8000"};

// A conversation: as many questions as the client likes. Throws when the connection fails.
Coroutine<void> converse(int client, std::string peer, Limit limit) {
    // TCP is a stream of bytes: recv may bring a part of a question, or many of them.
    zen::Messages questions('?', zen::max_message, zen::white_space);
    while (true) {
        const auto bytes = co_await asyncio::wait_for(asyncio::sock_recv(client, 4096), limit);
        if (bytes.empty()) break; // end of file: the client has no more questions
        questions.feed(bytes);
        while (const auto question = questions.next()) {
            const std::string answer(answer_question(peer, *question));
            if (answer.empty()) co_return;
            co_await asyncio::wait_for(asyncio::sock_sendall(client, answer), limit);
            co_await asyncio::sleep(0s); // nothing may have had to wait, but others want their turn
        }
        if (questions.too_long()) co_return zen::log("Question too long from ", peer);
    }
    if (!questions.rest().empty())
        zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
}

// What the course's server does: echoes what the first recv brings, and nothing more.
Coroutine<void> echo_once(int client, std::string peer, Limit limit) {
    const auto bytes = co_await asyncio::wait_for(asyncio::sock_recv(client, 4096), limit);
    if (bytes.empty()) co_return;
    zen::log("Received from ", peer, ": ", bytes);
    co_await asyncio::wait_for(asyncio::sock_sendall(client, bytes), limit);
    zen::log("Sent to ", peer, ": ", bytes);
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
Coroutine<void> serve_client(zen::Descriptor client, std::string peer, bool echo, Limit limit) {
    zen::log("Connected by ", peer);
    const int socket = client.get(), on = 1; // no answer waits until others are acknowledged
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    try {
        if (echo) {
            co_await echo_once(socket, peer, limit);
        } else {
            co_await converse(socket, peer, limit);
        }
        shutdown(socket, SHUT_WR); // the client sees the end of file after all answers
        const auto receive = [socket] { return asyncio::sock_recv(socket, 4096); };
        co_await see_off(receive);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
    }
    zen::log("Connection with ", peer, " closed");
}

// Accepts one client after the other, and makes a task for each, until it is cancelled.
Coroutine<void> accept_clients(int listener, bool echo, Limit limit) {
    asyncio::NextTurn next_turn;
    for (bool exhausted = false;;) {
        try {
            if (exhausted) {
                co_await asyncio::sleep(100ms);
            }
            auto accepted = co_await asyncio::sock_accept(listener);
            auto &[client, peer] = accepted;
            asyncio::create_task(
                serve_client(std::move(client), zen::printable(peer), echo, limit));
            exhausted = false;
        } catch (const std::exception &error) {
            const auto *call = dynamic_cast<const asyncio::OSError *>(&error);
            errno = call ? call->number : ENOMEM;
            exhausted = zen::exhausted(exhausted);
        }
        co_await next_turn; // as in converse; this sleep needs no memory
    }
}

Coroutine<void> serve_forever(zen::Options options) {
    zen::Descriptor listener = asyncio::open_listener(options.host, options.port);
    auto accepting = accept_clients(listener.get(), options.echo, limit_of(options));
    zen::say("TCP server started at ", asyncio::name_of(listener.get(), getsockname));
    try {
        co_await accepting;
    } catch (const asyncio::CancelledError &) { // a signal has come; here no co_await can stand
    }
    listener = zen::Descriptor(-1);
    auto conversations = asyncio::all_tasks();
    std::erase(conversations, asyncio::current_task());
    if (conversations.empty()) co_return;
    co_await asyncio::wait(conversations, asyncio::ALL_COMPLETED, 500ms);
} // what is left then, run() cancels

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(serve_forever(options));
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
