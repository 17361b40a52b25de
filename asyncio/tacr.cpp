// tacr: Zen server, TCP, asynchronous with coroutines and streams of asyncio. A client has a task
// that reads like a worker of mzts; one thread runs all, and changes only where co_await stands.
//
// Run:        ./asyncio/tacr         in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others; with -e (only the first bytes), ./asyncio/tacbc
// Differs:    from mzts: tasks, no queue, no mutex; -t is for a whole question.
// Simplified: answers are logged as sent when they are queued.
// See also:   mzts (threads), asynpro (a protocol), tacs (sockets in place of streams).

#include "conversation.h"
#include "streams.h"
#include "waiting.h"

using namespace std::chrono_literals;
using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
using Limit = std::optional<asyncio::Seconds>; // how long to wait for a client; none: for ever
constexpr zen::Program program = {"tacr", "Asynchronous TCP server of the Zen protocol (asyncio).",
                                  "eqt:", "./asyncio/tacr -t 10 127.0.0.1 8000"};

// Reads on until the client leaves, or has sent 256 KiB, and closes the connection.
Coroutine<void> see_off(StreamReader reader, StreamWriter writer) {
    for (std::size_t size = 1, ignored = 0; size > 0 && ignored < 262'144; ignored += size) {
        const std::string bytes = co_await reader.read(4096);
        size = bytes.size();
    }
    writer.close();
    co_await writer.wait_closed();
}

// Ends a conversation before the client does. A close with bytes unread would reset the connection,
// and the reset could overtake the last answers: so send the end of file, and read on for a second;
// for another one while the client takes what is left.
Coroutine<void> hang_up(StreamReader reader, StreamWriter writer) {
    const auto transport = writer.transport();
    writer.write_eof(); // after the answers
    for (std::size_t left = std::string::npos; transport->get_write_buffer_size() < left;) {
        left = transport->get_write_buffer_size();
        try {
            co_return co_await asyncio::wait_for(see_off(reader, writer), 1s);
        } catch (const asyncio::TimeoutError &) {
        }
    }
    transport->abort();
}

// A conversation: as many questions as the client likes. Throws when the connection fails.
Coroutine<void> converse(StreamReader reader, StreamWriter writer, std::string peer, Limit limit) {
    try {
        while (true) {
            const auto question = co_await asyncio::wait_for(reader.readuntil("?"), limit);
            const auto answer = answer_question(peer, zen::trim(question));
            if (answer.empty()) break;
            writer.write(answer);
            co_await asyncio::wait_for(writer.drain(), limit); // while it does not read
        }
    } catch (const asyncio::IncompleteReadError &end) { // the client has no more questions
        if (const auto rest = zen::trim(end.partial); !rest.empty() && !zen::stopping)
            zen::log("End of file in mid-question from ", peer, ": ", rest);
        co_return;
    } catch (const asyncio::LimitOverrunError &) {
        zen::log("Question too long from ", peer);
    }
    co_await hang_up(reader, writer);
}

// What the course's server does: echoes what the first read brings, and nothing more.
Coroutine<void> echo_once(StreamReader reader, StreamWriter writer, std::string peer, Limit limit) {
    const auto bytes = co_await asyncio::wait_for(reader.read(100), limit);
    if (bytes.empty()) co_return;
    zen::log("Received from ", peer, ": ", bytes);
    writer.write(bytes);
    zen::log("Sent to ", peer, ": ", bytes);
    co_await hang_up(reader, writer);
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
Coroutine<void> serve_client(StreamReader reader, StreamWriter writer, bool echo, Limit limit) {
    const std::string peer = writer.get_extra_info("peername");
    zen::log("Connected by ", peer);
    try {
        if (echo) {
            co_await echo_once(reader, writer, peer, limit);
        } else {
            co_await converse(reader, writer, peer, limit);
        }
        writer.close(); // when all answers are sent
        co_await asyncio::wait_for(writer.wait_closed(), limit);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
        writer.transport()->abort(); // without sending what is left
    }
    zen::log("Connection with ", peer, " closed");
}

Coroutine<void> serve_forever(zen::Options options) {
    const Limit limit = options.timeout > 0 ? Limit(options.timeout) : std::nullopt;
    const auto serve = [=](StreamReader reader, StreamWriter writer) {
        return serve_client(reader, writer, options.echo, limit);
    };
    const std::size_t longest = zen::max_message - 1; // bytes before the question mark
    const auto server = co_await asyncio::start_server(serve, options.host, options.port, longest);
    auto serving = server->serve_forever();
    zen::say("TCP server started at ", server->sockname());
    co_await serving;
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(serve_forever(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
