// tacbc in another style: by streams, in a straight line, where the kit's has a protocol.

#include "streams.h"
#include "waiting.h"

constexpr zen::Program program = {"tacbc", "TCP echo client by streams.",
                                  "t:m:",  "./asyncio/tacbc -m Hello 127.0.0.1 8000",
                                  "65432", "Hello World!"};
using Limit = std::optional<asyncio::Seconds>;

// So many bytes, or what has come before the end of file.
asyncio::Coroutine<std::string> read_answer(asyncio::StreamReader reader, std::size_t size) {
    try {
        co_return co_await reader.readexactly(size);
    } catch (const asyncio::IncompleteReadError &error) {
        co_return error.partial;
    }
}

asyncio::Coroutine<void> converse(asyncio::Streams streams, std::string message, std::string name,
                                  Limit limit) {
    const auto &[reader, writer] = streams;
    writer.write(message);
    zen::print("Sent: ", message);
    const auto answer = co_await asyncio::wait_for(read_answer(reader, message.size()), limit);
    if (answer.empty()) throw std::runtime_error("no answer from " + name + ": connection closed");
    zen::print("Received: ", answer);
    const auto rest = co_await asyncio::wait_for(reader.read(1), limit);
    if (!rest.empty()) throw std::runtime_error("answer too long");
    zen::print("The server closed the connection");
}

asyncio::Coroutine<void> exchange(zen::Options options) {
    const std::string name = zen::address_name(options.host, options.port);
    const Limit limit = options.timeout > 0 ? Limit(options.timeout) : std::nullopt;
    std::string doing = "cannot connect to ";
    try {
        const auto streams =
            co_await asyncio::wait_for(asyncio::open_connection(options.host, options.port), limit);
        doing = "no answer from ";
        co_await converse(streams, options.message, name, limit);
    } catch (const asyncio::TimeoutError &) {
        zen::fail(doing + name, ETIMEDOUT);
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(exchange(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130;
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
