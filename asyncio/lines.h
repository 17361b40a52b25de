// lines.h: what tacn, chats and gamec have in common: their clients send lines. How a line is read,
// and how a conversation ends, whoever ends it.
#pragma once

#include "see_off.h"
#include "streams.h"

namespace lines {
using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;

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

/// Ends a conversation: sends what is left, for `limit` at most, and closes. Throws what has ended
/// the connection before.
inline Coroutine<void> hang_up(StreamReader reader, StreamWriter writer, Limit limit) {
    writer.write_eof();
    const auto read = [reader] { return reader.read(4096); };
    co_await see_off(read);
    writer.close();
    co_await asyncio::wait_for(writer.wait_closed(), limit);
}
} // namespace lines
