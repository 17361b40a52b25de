// What the tests of streams and sockets share: two connected sockets, one of them with streams.
#pragma once

#include "../../asyncio/sockets.h"
#include "../../asyncio/streams.h"
#include "loop.h"

namespace asyncio_tests {
/// Two connected sockets. The test itself has the far one, which does not block.
struct Pair {
    zen::Descriptor near{-1}, far{-1};
    Pair() {
        signal(SIGPIPE, SIG_IGN); // as zen::start does
        int numbers[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, numbers) == 0);
        near = zen::Descriptor(numbers[0]);
        far = zen::Descriptor(numbers[1]);
        for (const int number : numbers) fcntl(number, F_SETFL, O_NONBLOCK);
    }
    void send(std::string_view bytes) const {
        REQUIRE(write(far.get(), bytes.data(), bytes.size()) == ssize_t(bytes.size()));
    }
    /// What is there to be read, at most so many bytes; none if there is nothing.
    std::string receive(std::size_t size = 65'536) const {
        std::string bytes(size, '\0');
        const ssize_t received = ::read(far.get(), bytes.data(), size);
        bytes.resize(std::size_t(std::max<ssize_t>(received, 0)));
        return bytes;
    }
    /// Whether all has been received, and the end of file has come.
    bool is_ended() const {
        char byte;
        return recv(far.get(), &byte, 1, MSG_PEEK) == 0;
    }
};
/// What a coroutine that reads throws, or what it gives.
inline Coroutine<std::string> outcome(Coroutine<std::string> reading) {
    try {
        co_return co_await reading;
    } catch (const std::exception &error) {
        co_return error.what();
    }
}
/// Streams on the near one.
inline Coroutine<Streams> accepted(Pair &pair, std::size_t limit = stream_limit) {
    const auto connection = co_await begin_connection(stream_factory(limit), std::move(pair.near));
    co_return streams_of(connection.first, connection.second);
}
} // namespace asyncio_tests
