// tacl: load client of tacn, asynchronous with streams of asyncio. Each of CLIENTS clients sends
// REPETITIONS lines, client 2 "This is 2", and prints what comes back. There are three approaches:
//     -a 1   one client after the other, each line over a connection of its own
//     -a 2   a task for each client, each line over a connection of its own
//     -a 3   a task for each client, which keeps its connection
// The output tells which one it was: with 1, the lines of a client stand together; with 2, those of
// all are mixed; with 3, also the numbers before the lines come again.
//
// Run:        ./asyncio/tacn -q      in one terminal
//             ./asyncio/tacl -a 2 3 4   in another (127.0.0.1, port 12345; -h tells the options)
// See also:   tacn (the server), tacnc (one line), LAB.md (where the time goes).

#include "arguments.h"
#include "streams.h"
#include "waiting.h"

#include <cstdio>

using namespace std::chrono_literals;
using asyncio::Coroutine, asyncio::Streams;
constexpr arguments::Usage usage = {
    {"tacl", "Load client of the numbering echo server tacn (asyncio).",
     "a:qt:", "./asyncio/tacl -a 2 1000 100", "12345"},
    "[-a APPROACH] [-q] [-t SECONDS] CLIENTS REPETITIONS [HOST [PORT]]",
    "  -a APPROACH  1: one client after the other, 2: tasks, 3: tasks that keep their connection "
    "(1)\n"
    "  -q           quiet: print the last line only\n"
    "  -t SECONDS   give up on a silent server after this long, 0 = never (5)\n"
    "  CLIENTS      1 to 10000\n"
    "  REPETITIONS  lines of each client, 1 to 1000000\n"
    "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n"
    "  PORT         1 to 65535 (12345)\n"};

struct Load {
    int approach = 1, clients = 0, repetitions = 0;
    std::string host = "127.0.0.1", port = usage.program.port;
    std::optional<asyncio::Seconds> limit = 5s; // of silence; none with -t 0
    std::string name() const { return zen::address_name(host, port); }
};
long answers = 0; // of all clients: as one thread runs them all, it needs no lock

// A port of this machine serves one connection at a time, and rests after it (TIME_WAIT). If all
// rest, wait for one.
Coroutine<Streams> connect(Load load) {
    for (const auto start = asyncio::Clock::now();;) {
        try {
            co_return co_await asyncio::open_connection(load.host, load.port);
        } catch (const asyncio::OSError &error) {
            const bool patient = !load.limit || asyncio::Clock::now() - start < *load.limit;
            if (error.number != EADDRNOTAVAIL || !patient) throw;
        }
        co_await asyncio::sleep(100ms);
    }
}

// One line there and back.
Coroutine<void> exchange(Load load, Streams streams, std::string line) {
    const auto &[reader, writer] = streams;
    writer.write(line + '\n');
    std::string answer = co_await reader.readline();
    if (!answer.ends_with(' ' + line + '\n')) // the number comes before it
        throw std::runtime_error(answer.empty()
                                     ? "no answer from " + load.name() + ": connection closed"
                                     : "a wrong answer: " + answer);
    answer.pop_back();
    zen::log(answer);
    ++answers;
}
Coroutine<void> exchange_once(Load load, std::string line) {
    const auto streams = co_await connect(load);
    co_await exchange(load, streams, line);
}

Coroutine<void> be_client(Load load, int number) {
    const std::string line = "This is " + std::to_string(number);
    std::optional<Streams> kept;
    for (int i = 0; i < load.repetitions; ++i) try {
            if (load.approach == 3 && !kept) {
                kept = co_await asyncio::wait_for(connect(load), load.limit);
            }
            if (kept) {
                co_await asyncio::wait_for(exchange(load, *kept, line), load.limit);
            } else {
                co_await asyncio::wait_for(exchange_once(load, line), load.limit);
            }
        } catch (const asyncio::TimeoutError &) {
            zen::fail("no answer from " + load.name(), ETIMEDOUT);
        }
}

Coroutine<void> be_clients(Load load) {
    const auto start = asyncio::Clock::now();
    std::vector<asyncio::Task<void>> tasks;
    for (int number = 0; number < load.clients; ++number) {
        if (load.approach == 1) {
            co_await be_client(load, number);
        } else {
            tasks.push_back(asyncio::create_task(be_client(load, number)));
        }
    }
    co_await asyncio::gather(tasks);
    const asyncio::Seconds time = asyncio::Clock::now() - start;
    char line[100];
    std::snprintf(line, sizeof line, "%ld answers in %.3f s: %.0f in a second", answers,
                  time.count(), double(answers) / time.count());
    zen::print(std::string(line));
}

int main(int argc, char *argv[]) {
    Load load;
    const auto words = arguments::read(argc, argv, usage, 2, 4, [&](char letter, auto &value) {
        if (letter == 'q') zen::quiet = true;
        else if (letter == 'a') load.approach = usage.number("-a", value, 1, 3);
        else load.limit = usage.limit(value);
    });
    load.clients = usage.number("CLIENTS", words[0], 1, 10'000);
    load.repetitions = usage.number("REPETITIONS", words[1], 1, 1'000'000);
    if (words.size() > 2) load.host = words[2];
    if (words.size() > 3) load.port = words[3];
    usage.number("PORT", load.port, 1, 65'535); // only looks at it
    try {
        asyncio::run(be_clients(load));
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(usage.program, error.what());
    }
}
