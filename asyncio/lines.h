// lines.h: what tacn, chats and gamec have in common: their clients send lines. How a line is read,
// and how a conversation ends, whoever ends it.
#pragma once

#include "streams.h"
#include "waiting.h"

namespace lines {
using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
using Limit = std::optional<asyncio::Seconds>; // how long to wait for a client; none: for ever
inline Limit limit_of(const zen::Options &options) {
    return options.timeout > 0 ? Limit(options.timeout) : std::nullopt;
}

/// What is thrown instead of a line that is longer than the reader's limit.
struct TooLong : std::runtime_error {
    TooLong() : runtime_error("line too long") {}
};
/// The next line without its end, "\n" or "\r\n"; none at the end of file. As in a text file, the
/// last line may lack its end. Throws TooLong, TimeoutError, or what has ended the connection.
/// Others have their turn before, however many lines of this client have come already.
inline Coroutine<std::optional<std::string>> next_line(StreamReader reader, Limit limit) {
    asyncio::NextTurn next_turn;
    co_await next_turn;
    std::string line;
    try {
        line = co_await asyncio::wait_for(reader.readline(), limit);
    } catch (const asyncio::ValueError &) {
        throw TooLong();
    }
    if (line.empty()) co_return std::nullopt;
    if (line.ends_with('\n')) line.pop_back();
    if (line.ends_with('\r')) line.pop_back();
    co_return line;
}

/// Reads on until the client leaves, or has sent 256 KiB.
inline Coroutine<void> see_off(StreamReader reader) {
    for (std::size_t size = 1, ignored = 0; size > 0 && ignored < 262'144; ignored += size) {
        const std::string bytes = co_await reader.read(4096);
        size = bytes.size();
    }
}
/// Ends a conversation: sends what is left, for `limit` at most, and closes. A close with bytes
/// unread would reset the connection, and the reset could overtake the last line: so it sends the
/// end of file first, and reads on for a second. Throws what has ended the connection before.
inline Coroutine<void> hang_up(StreamReader reader, StreamWriter writer, Limit limit) {
    writer.write_eof();
    try {
        co_await asyncio::wait_for(see_off(reader), asyncio::Seconds(1));
    } catch (const asyncio::TimeoutError &) {
    }
    writer.close();
    co_await asyncio::wait_for(writer.wait_closed(), limit);
}
} // namespace lines
