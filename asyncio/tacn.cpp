// tacn: line echo server, TCP, asynchronous with streams of asyncio. It counts its connections, and
// puts the number of the connection before each line that it sends back: "0 This is 0".
//
// Run:        ./asyncio/tacn         in one terminal (127.0.0.1, port 12345; -h tells the options)
//             ./asyncio/tacnc        in another: one line; or many clients: ./asyncio/tacl -a 2 3 4
// Differs:    from tacr: lines in place of questions, and something that all clients share: the
//             count. It needs no lock, as nobody else runs between two places with co_await.
// Simplified: lines are logged as sent when they are queued.
// See also:   tacl (its load client), chats (clients that hear each other).

#include "lines.h"

using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
constexpr zen::Program program = {"tacn",
                                  "Line echo server that numbers its connections (asyncio).",
                                  "qt:", "./asyncio/tacn -t 10 127.0.0.1 8000", "12345"};
constexpr std::size_t max_line = 1024; // bytes, without the newline

// Sends lines back, with the number, until the client has no more.
Coroutine<void> echo_lines(StreamReader reader, StreamWriter writer, long number, Limit limit) {
    const std::string peer = writer.get_extra_info("peername");
    try {
        while (true) {
            const auto line = co_await lines::next_line(reader, limit);
            if (!line) co_return;
            zen::log("Received from ", peer, ": ", *line);
            const std::string answer = std::to_string(number) + ' ' + *line;
            writer.write(answer + '\n');
            zen::log("Sent to ", peer, ": ", answer);
            co_await asyncio::wait_for(writer.drain(), limit); // while it does not read
        }
    } catch (const lines::TooLong &) {
        zen::log("Line too long from ", peer);
    }
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
Coroutine<void> serve_client(StreamReader reader, StreamWriter writer, long number, Limit limit) {
    const std::string peer = writer.get_extra_info("peername");
    zen::log("Connected by ", peer);
    try {
        co_await echo_lines(reader, writer, number, limit);
        co_await lines::hang_up(reader, writer, limit);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
        writer.transport()->abort(); // without sending what is left
    }
    zen::log("Connection with ", peer, " closed");
}

Coroutine<void> serve_forever(zen::Options options) {
    long connections = 0;
    const auto serve = [&connections, limit = limit_of(options)](auto reader, auto writer) {
        return serve_client(reader, writer, connections++, limit);
    };
    const auto server = co_await asyncio::start_server(serve, options.host, options.port, max_line);
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
