// uacbc in another style: no protocol and no future. The socket is connected, and the coroutine
// calls send and recv.

#include "sockets.h"
#include "waiting.h"

constexpr zen::Program program = {"uacbc", "UDP echo client by a coroutine.",
                                  "t:m:",  "./asyncio/uacbc -m Hello 127.0.0.1 8000",
                                  "65432", "Hello World!"};

asyncio::Coroutine<void> exchange(zen::Options options) {
    const std::string name = zen::address_name(options.host, options.port);
    std::optional<asyncio::Seconds> limit;
    if (options.timeout > 0) limit = asyncio::Seconds(options.timeout);
    const asyncio::HostPort none, remote = {options.host, options.port};
    const zen::Descriptor socket = asyncio::open_datagram_socket(none, remote);
    fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    const std::string &message = options.message;
    if (send(socket.get(), message.data(), message.size(), 0) < 0) zen::fail("cannot send");
    zen::print("Sent: ", message);
    try {
        const auto answer =
            co_await asyncio::wait_for(asyncio::sock_recv(socket.get(), 65'536), limit);
        zen::print("Received: ", answer);
    } catch (const asyncio::OSError &error) {
        zen::fail("no answer from " + name, error.number);
    } catch (const asyncio::TimeoutError &) {
        zen::fail("no answer from " + name, ETIMEDOUT);
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
