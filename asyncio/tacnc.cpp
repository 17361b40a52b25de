// tacnc: client of tacn, asynchronous with streams of asyncio. It sends one line, and prints the
// line that comes back.
//
// Run:        ./asyncio/tacn         in one terminal
//             ./asyncio/tacnc        in another (127.0.0.1, port 12345; -h tells the options)
// See also:   tacl (many lines, many clients), tacbc (by a protocol), adc (without asyncio).

#include "streams.h"
#include "waiting.h"

constexpr zen::Program program = {"tacnc", "Client for one line of the numbering echo server tacn.",
                                  "t:m:",  "./asyncio/tacnc -m Hello 127.0.0.1 8000",
                                  "12345", "This is 0"};
constexpr std::size_t max_line = 1024; // bytes, without the newline

// Waits for what the server is to do. If that fails, says so, and why.
template <class T> asyncio::Coroutine<T> expect(asyncio::Coroutine<T> coroutine,
                                                std::string missing,
                                                std::optional<asyncio::Seconds> limit) {
    try {
        co_return co_await asyncio::wait_for(std::move(coroutine), limit);
    } catch (const asyncio::OSError &error) {
        if (std::string_view(error.what()).starts_with("cannot connect")) throw;
        zen::fail(missing, error.number ? error.number : EPIPE);
    } catch (const asyncio::TimeoutError &) {
        zen::fail(missing, ETIMEDOUT);
    } catch (const asyncio::ValueError &) {
        throw std::runtime_error("answer too long");
    }
}

asyncio::Coroutine<void> exchange(zen::Options options) {
    const std::string name = zen::address_name(options.host, options.port);
    std::optional<asyncio::Seconds> limit; // none with -t 0
    if (options.timeout > 0) limit = asyncio::Seconds(options.timeout);
    const std::size_t longest = max_line + 32; // with the number before it
    const auto streams =
        co_await expect(asyncio::open_connection(options.host, options.port, longest),
                        "cannot connect to " + name, limit);
    const auto &[reader, writer] = streams;
    writer.write(options.message + '\n');
    zen::print("Sent: ", options.message);
    auto line = co_await expect(reader.readline(), "no answer from " + name, limit);
    if (!line.ends_with('\n'))
        throw std::runtime_error("no complete answer from " + name + ": connection closed");
    line.pop_back();
    zen::print("Received: ", line);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    if (options.message.find('\n') != std::string::npos || options.message.size() > max_line)
        zen::usage_error(program, "the message must be one line of at most 1024 bytes");
    try {
        asyncio::run(exchange(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
