// see_off.h: how long a server waits for a client: the limit of option -t; and what it does when it
// has ended the conversation itself. A close with bytes unread would reset the connection, and the
// reset could overtake the last answers: so the server sends the end of file, and reads on.
#pragma once

#include "timeouts.h"

using Limit = std::optional<asyncio::Seconds>; // how long to wait for a client; none: for ever
inline Limit limit_of(const zen::Options &options) {
    return options.timeout > 0 ? Limit(options.timeout) : std::nullopt;
}

/// Reads on until the client leaves, or has sent 256 KiB. `read` makes a coroutine that gives bytes
/// of it.
template <class Read> asyncio::Coroutine<void> read_on(Read read) {
    for (std::size_t size = 1, ignored = 0; size > 0 && ignored < 262'144; ignored += size) {
        const std::string bytes = co_await read();
        size = bytes.size();
    }
}
/// The same for a second at most.
template <class Read> asyncio::Coroutine<void> see_off(Read read) {
    auto leaving = asyncio::wait_for(read_on(read), asyncio::Seconds(1));
    try {
        co_await leaving;
    } catch (const asyncio::TimeoutError &) {
    }
}
