// chatc: client of the chat server chats, asynchronous with streams of asyncio. It reads the
// keyboard and the server at once: what others say appears while a line is being typed, and the
// line is drawn again below it. Enter sends it, Ctrl-U clears it, Ctrl-D ends.
//
// Run:        ./asyncio/chats        in one terminal
//             ./asyncio/chatc ada    in another (127.0.0.1, port 8000; -h tells the options)
//             echo Hello | ./asyncio/chatc ada
// Design:     two tasks, and the terminal gives each key at once and shows none. It is as it was
//             whenever chatc has ended or is stopped (Ctrl-Z), however that comes.
// Simplified: letters beyond ASCII are shown escaped, as by all programs of the kit.
// See also:   chats (the server), delays (the keyboard beside other things).

#include "arguments.h"
#include "streams.h"
#include "typing.h"
#include "waiting.h"

using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
constexpr arguments::Usage usage = {
    {"chatc", "Chat client (asyncio).", "t:", "./asyncio/chatc ada 127.0.0.1 9000", "8000"},
    "[-t SECONDS] NAME [HOST [PORT]]",
    "  -t SECONDS   give up on a server that does not say welcome, 0 = never (5)\n"
    "  NAME         1 to 32 printable characters, no blank or colon\n"
    "  HOST         name, IPv4 or IPv6 address (127.0.0.1)\n"
    "  PORT         1 to 65535 (8000)\n"};
constexpr std::size_t max_line = 1024; // bytes, without the newline

// Standard input as a stream. The loop cannot wait for a file, so it is read at once.
Coroutine<StreamReader> open_input() {
    const auto protocol = std::make_shared<asyncio::StreamProtocol>(asyncio::stream_limit);
    const auto factory = [protocol] { return protocol; };
    try {
        zen::Descriptor input(dup(STDIN_FILENO));
        auto connecting = asyncio::connect_read_pipe(factory, std::move(input));
        co_await connecting;
        co_return protocol->reader;
    } catch (const std::exception &) { // not a pipe, and not a terminal
    }
    const StreamReader file;
    char buffer[4096];
    for (ssize_t size; (size = read(STDIN_FILENO, buffer, sizeof buffer)) > 0;)
        file.feed_data({buffer, std::size_t(size)});
    file.feed_eof();
    co_return file;
}

// Sends line by line what is typed, until Ctrl-D or the end of the input.
Coroutine<void> send_lines(StreamReader input, StreamWriter writer,
                           std::shared_ptr<typing::Line> typed) {
    while (!typed->ended) {
        const std::string keys = co_await input.read(4096);
        typed->ended = keys.empty();
        for (const char c : keys) {
            if (typing::interactive && c == '\x04' && typed->empty()) typed->ended = true; // Ctrl-D
            else if (typed->key(c)) writer.write(typed->take());
        }
        typed->draw();
        co_await writer.drain();
    }
    if (!typed->empty()) writer.write(typed->take()); // without its newline it is a line, too
    writer.write_eof();
}

// Shows what the server sends, until it closes the connection, which is to be at our end only.
Coroutine<void> show_lines(StreamReader reader, std::shared_ptr<typing::Line> typed) {
    while (true) {
        std::string line = co_await reader.readline();
        if (line.empty() && !typed->ended)
            throw std::runtime_error("the server has closed the connection");
        if (line.empty()) co_return;
        if (line.ends_with('\n')) line.pop_back();
        typed->print(line);
    }
}

Coroutine<void> chat(std::string name, std::string host, std::string port,
                     std::optional<asyncio::Seconds> limit) {
    const std::string server = zen::address_name(host, port);
    std::string answer = "cannot connect to " + server;
    try {
        const auto streams =
            co_await asyncio::wait_for(asyncio::open_connection(host, port), limit);
        const auto &[reader, writer] = streams;
        writer.write("CONNECT " + name + '\n');
        answer = "no answer from " + server;
        const std::string welcome = co_await asyncio::wait_for(reader.readline(), limit);
        if (welcome.empty()) throw std::runtime_error(answer + ": connection closed");
        const std::string line = welcome.substr(0, welcome.find('\n'));
        if (!line.starts_with("Welcome!")) throw std::runtime_error(line); // the server says why
        const typing::Terminal terminal;
        const auto typed = std::make_shared<typing::Line>(max_line);
        typed->print(line);
        const auto input = co_await open_input();
        if (typing::interactive) typing::handle_stops(typed);
        const auto sending = asyncio::create_task(send_lines(input, writer, typed));
        const auto showing = asyncio::create_task(show_lines(reader, typed));
        co_await asyncio::gather(sending, showing); // throws what the first of them throws
    } catch (const asyncio::TimeoutError &) {
        zen::fail(answer, ETIMEDOUT);
    }
}

int main(int argc, char *argv[]) {
    std::optional<asyncio::Seconds> limit = asyncio::Seconds(5); // none with -t 0
    const auto words = arguments::read(argc, argv, usage, 1, 3,
                                       [&](char, auto &value) { limit = usage.limit(value); });
    const std::string host = words.size() > 1 ? words[1] : "127.0.0.1",
                      port = words.size() > 2 ? words[2] : usage.program.port;
    usage.number("PORT", port, 1, 65'535); // only looks at it
    if (words[0].find('\n') != std::string::npos || words[0].size() > max_line)
        usage.error("NAME must be one line, of at most 1024 bytes");
    try {
        asyncio::run(chat(words[0], host, port, limit));
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(usage.program, error.what());
    }
}
