// delays: type a number of seconds, and a delay begins; type the next one while it lasts. One
// thread waits for the terminal and for all delays; if it called sleep(), it would not read.
//
// Run:        ./asyncio/delays              then type 3, and 1, and 2; Ctrl-D ends the input
//             printf '3\n1\n2\n' | ./asyncio/delays
// See also:   tour delay, tour concurrent; chatc, which reads a terminal and a connection.

#include "../zen.h"
#include "arguments.h"
#include "streams.h"
#include "waiting.h"

#include <charconv>

using asyncio::Coroutine, asyncio::StreamReader;
constexpr arguments::Usage usage = {
    {"delays", "Reads numbers of seconds, a line each, and starts a delay for each.", "",
     "printf '3\\n1\\n' | ./asyncio/delays"},
    "",
    "  Each line is a number of seconds, 0 to 86400, with or without a fraction.\n"
    "  At the end of the input it waits for the delays that have begun.\n"};
constexpr std::size_t most_delays = 1000, most_bytes = 1'000'000; // at a time; of a file

// The number of seconds in a line; none if it is no such number.
std::optional<double> seconds_in(std::string_view line) {
    const std::string_view text = zen::trim(line);
    double seconds = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return seconds >= 0 && seconds <= 86'400 ? std::optional(seconds) : std::nullopt;
}

Coroutine<void> delay(std::string text, double seconds, asyncio::Semaphore room) {
    const asyncio::Finally leave([room] { room.release(); });
    co_await asyncio::sleep(asyncio::Seconds(seconds));
    zen::print("Finished: ", text, " s");
}

// What can be polled is read when something has come. What cannot (a file, /dev/null) is there
// already: that is read at once.
Coroutine<StreamReader> open_standard_input() {
    const auto factory = asyncio::stream_factory(asyncio::stream_limit);
    try {
        zen::Descriptor input(dup(STDIN_FILENO));
        const auto pipe = co_await asyncio::connect_read_pipe(factory, std::move(input));
        co_return pipe.second->reader;
    } catch (const std::exception &) {
    }
    const StreamReader reader;
    std::string bytes(most_bytes, ' ');
    const ssize_t size = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size < 0) zen::fail("cannot read");
    if (std::size_t(size) == bytes.size()) zen::fail("cannot read", EFBIG);
    reader.feed_data(std::string_view(bytes).substr(0, std::size_t(size)));
    reader.feed_eof();
    co_return reader;
}

Coroutine<void> read_delays() {
    const auto input = co_await open_standard_input();
    const asyncio::Semaphore room(most_delays);
    std::vector<asyncio::Task<void>> delays;
    while (true) {
        std::string line;
        try {
            line = co_await input.readline();
        } catch (const asyncio::ValueError &) { // over 64 KiB: it has been thrown away
            line = "(a line that is too long)\n";
        }
        if (line.empty()) break;
        if (line.back() == '\n') line.pop_back();
        const auto seconds = seconds_in(line);
        if (!seconds) {
            zen::print("Not a number of seconds: ", line);
            continue;
        }
        co_await room.acquire();
        zen::print("Begun: ", line, " s");
        std::erase_if(delays, [](const auto &each) {
            if (each.done()) each.take(); // throws if it could not print
            return each.done();
        });
        delays.push_back(asyncio::create_task(delay(line, *seconds, room)));
    }
    co_await asyncio::gather(delays);
}

int main(int argc, char *argv[]) {
    arguments::read(argc, argv, usage, 0, 0, [](char, const std::string &) {});
    try {
        asyncio::run(read_delays());
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(usage.program, error.what());
    }
}
