// gamec: guessing game for many players, with a coroutine for each player (asyncio): c is for
// coroutine. It is a solution of the last lab, which begins with game. From outside they look alike.
//
// Run:        ./asyncio/gamec        in one terminal (127.0.0.1, port 65432; -h tells the options)
//             nc 127.0.0.1 65432     in others: each line is a guess
// Differs:    from game: tasks in place of threads. There is one record for all players here, too,
//             but no mutex: no other task runs between two places with co_await.
// See also:   guessing.h (the game), game (by threads), tacn (which sends lines back).

#include "guessing.h"
#include "lines.h"

using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
constexpr zen::Program program = {"gamec", "Guessing game for many players (asyncio).",
                                  "qt:", "./asyncio/gamec -t 600 127.0.0.1 8000"};
guessing::Record record;

std::string answer_to(const std::string &peer, guessing::Secret &secret, const std::string &line) {
    std::string answer = secret.answer_to(line);
    if (answer.empty()) {
        answer = guessing::correct(secret.guesses(), record.note(secret.guesses()));
        secret.choose();
    }
    zen::log("Received from ", peer, ": ", line);
    zen::log("Sent to ", peer, ": ", answer.substr(0, answer.size() - 1)); // without the newline
    return answer;
}

// A game after the other, until the player leaves. Throws when the connection fails.
Coroutine<void> play(StreamReader reader, StreamWriter writer, Limit limit) {
    const std::string peer = writer.get_extra_info("peername");
    guessing::Secret secret;
    writer.write(guessing::welcome);
    try {
        while (true) {
            const auto line = co_await lines::next_line(reader, limit);
            if (!line) co_return;
            writer.write(answer_to(peer, secret, *line));
            co_await asyncio::wait_for(writer.drain(), limit); // while the player does not read
        }
    } catch (const lines::TooLong &) {
        writer.write(guessing::too_long);
        zen::log("Line too long from ", peer);
    }
}

// Serves one player. Whatever goes wrong with it ends here, and the server goes on.
Coroutine<void> serve_client(StreamReader reader, StreamWriter writer, Limit limit) {
    const std::string peer = writer.get_extra_info("peername");
    zen::log("Connected by ", peer);
    try {
        co_await play(reader, writer, limit);
        co_await lines::hang_up(reader, writer, limit);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
        writer.transport()->abort(); // without sending what is left
    }
    zen::log("Connection with ", peer, " closed");
}

Coroutine<void> serve_forever(zen::Options options) {
    const auto serve = [limit = limit_of(options)](auto reader, auto writer) {
        return serve_client(reader, writer, limit);
    };
    constexpr std::size_t longest = guessing::max_line - 1; // bytes before the newline
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
