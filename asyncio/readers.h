// readers.h: StreamReader of Python's asyncio: the bytes that have come, for a coroutine that waits
// for more. How they come, and how to write: streams.h, which includes this file.
//
// Somebody feeds the reader: feed_data() puts bytes into its buffer, and wakes the coroutine that
// waits, if there is one; this goes on in the next turn of the loop. Over twice the reader's limit
// of bytes, the transport does not read from its socket any more, until somebody has taken some.
//
// What differs from Python:
//  - A reader is a handle: a copy is the same one. Bytes are a std::string, the end of file is an
//    empty one, and read() without a size reads to the end of file.
//  - readuntil() takes one separator. There is no `async for` over lines.
#pragma once

#include "transports.h"

namespace asyncio {
// ---- Errors
/// The end of file has come before all that was to be read.
struct IncompleteReadError : RuntimeError {
    std::string partial;                 ///< what has come
    std::optional<std::size_t> expected; ///< so many bytes should have; none: a separator
    IncompleteReadError(std::string bytes, std::optional<std::size_t> size)
        : RuntimeError(std::to_string(bytes.size()) + " bytes read on a total of " +
                       (size ? std::to_string(*size) : "undefined") + " expected bytes"),
          partial(std::move(bytes)), expected(size) {}
};
/// There is no separator within the limit. All bytes are still in the buffer.
struct LimitOverrunError : RuntimeError {
    std::size_t consumed; ///< so many bytes at the beginning of the buffer are no separator
    LimitOverrunError(const char *what, std::size_t size) : RuntimeError(what), consumed(size) {}
};

// ---- Waiting
/// Somebody who waits, in a list until it goes. All that are in the list are woken together.
class StreamWaiter final : public Waiter {
  public:
    using List = std::vector<StreamWaiter *>;
    explicit StreamWaiter(List &list) : list_(list) { list_.push_back(this); }
    ~StreamWaiter() { std::erase(list_, this); }
    void await_resume() const {
        Waiter::await_resume();
        if (exception_) std::rethrow_exception(exception_);
    }
    /// An exception is thrown where they wait.
    static void wake(List &list, const std::exception_ptr &exception = nullptr) {
        for (StreamWaiter *waiter : list) {
            waiter->exception_ = exception;
            waiter->set_result();
        }
        list.clear();
    }

  private:
    List &list_;
    std::exception_ptr exception_ = nullptr;
};

// ---- The buffer
constexpr std::size_t stream_limit = 65'536; ///< of a reader, unless it is told otherwise
constexpr std::size_t all_bytes = std::string::npos;

/// What a reader is a handle of.
struct StreamBuffer {
    std::size_t limit;
    std::string buffer = {};
    std::size_t begin = 0;            // where in it the bytes begin that are not read yet
    bool eof = false, paused = false; // no more will come; the transport reads no more
    std::exception_ptr exception = nullptr;
    std::shared_ptr<Transport> transport = nullptr;
    StreamWaiter::List waiting = {}; // one at most

    std::string_view bytes() const { return std::string_view(buffer).substr(begin); }
    void feed_data(std::string_view data) {
        if (begin > buffer.size() / 2) buffer.erase(0, std::exchange(begin, 0));
        buffer += data;
        StreamWaiter::wake(waiting);
        if (!transport || paused || bytes().size() <= 2 * limit) return;
        transport->pause_reading();
        paused = true;
    }
    void resume() {
        if (std::exchange(paused, false)) transport->resume_reading();
    }
    std::string take(std::size_t size) {
        std::string taken(bytes().substr(0, size));
        begin += taken.size();
        if (begin == buffer.size()) { // a connection on which nothing comes needs no memory
            std::string().swap(buffer);
            begin = 0;
        }
        if (bytes().size() <= limit) resume();
        return taken;
    }
    void check() const {
        if (exception) std::rethrow_exception(exception);
    }
    /// The list for who has to wait for more, which comes only if the transport reads.
    StreamWaiter::List &list_for(const std::string &method) {
        if (!waiting.empty())
            throw RuntimeError(method + "() called while another coroutine is already waiting for "
                                        "incoming data");
        resume();
        return waiting;
    }
};

// ---- Reading
/// Where a coroutine reads what comes. Only one may wait at a time. When the connection has failed,
/// all that read throw what has ended it.
class StreamReader {
  public:
    /// The limit is that of readuntil() and readline(), in bytes without the separator.
    explicit StreamReader(std::size_t limit = stream_limit)
        : buffer_(std::make_shared<StreamBuffer>(StreamBuffer{limit})) {
        if (limit == 0) throw ValueError("Limit cannot be <= 0");
    }
    /// All until the end of file.
    Coroutine<std::string> read() const { return read_all(buffer_); }
    /// Waits until there is something, and gives at most `size` bytes of it; at the end of file ""
    Coroutine<std::string> read(std::size_t size) const { return read(buffer_, size); }
    /// So many bytes, even if they are more than the limit; or IncompleteReadError.
    Coroutine<std::string> readexactly(std::size_t size) const {
        return readexactly(buffer_, size);
    }
    /// All up to the separator, with it; or IncompleteReadError, or LimitOverrunError.
    Coroutine<std::string> readuntil(std::string separator = "\n") const {
        return readuntil(buffer_, std::move(separator));
    }
    /// A line with its newline; at the end of file what is left, or nothing. A line that is longer
    /// than the limit is thrown away: ValueError.
    Coroutine<std::string> readline() const { return readline(buffer_); }
    bool at_eof() const { return buffer_->eof && buffer_->bytes().empty(); }
    std::exception_ptr exception() const { return buffer_->exception; }

    // For those who feed it.
    void set_transport(std::shared_ptr<Transport> transport) const {
        buffer_->transport = std::move(transport);
    }
    void feed_data(std::string_view data) const { buffer_->feed_data(data); }
    void feed_eof() const {
        buffer_->eof = true;
        StreamWaiter::wake(buffer_->waiting);
    }
    void set_exception(std::exception_ptr exception) const {
        buffer_->exception = exception;
        StreamWaiter::wake(buffer_->waiting, exception);
    }

  private:
    using Buffer = std::shared_ptr<StreamBuffer>; // the coroutines keep it while they wait
    static Coroutine<std::string> read(Buffer from, std::size_t size) {
        from->check();
        if (size > 0 && from->bytes().empty() && !from->eof) {
            StreamWaiter more(from->list_for("read"));
            co_await more;
        }
        co_return from->take(size);
    }
    static Coroutine<std::string> read_all(Buffer from) {
        std::string all;
        while (true) {
            const std::string some = co_await read(from, from->limit);
            if (some.empty()) co_return all;
            all += some;
        }
    }
    static Coroutine<std::string> readexactly(Buffer from, std::size_t size) {
        from->check();
        while (from->bytes().size() < size) {
            if (from->eof) throw IncompleteReadError(from->take(all_bytes), size);
            StreamWaiter more(from->list_for("readexactly"));
            co_await more;
        }
        co_return from->take(size);
    }
    static Coroutine<std::string> readuntil(Buffer from, std::string separator) {
        if (separator.empty()) throw ValueError("Separator should be at least one-byte string");
        from->check();
        for (std::size_t searched = 0;;) { // bytes in which no separator begins
            const std::size_t found = from->bytes().find(separator, searched);
            if (found != std::string::npos && found > from->limit)
                throw LimitOverrunError("Separator is found, but chunk is longer than limit",
                                        found);
            if (found != std::string::npos) co_return from->take(found + separator.size());
            const std::size_t size = from->bytes().size() + 1;
            searched = size - std::min(size, separator.size()); // one may begin with the last bytes
            if (searched > from->limit)
                throw LimitOverrunError("Separator is not found, and chunk exceed the limit",
                                        searched);
            if (from->eof) throw IncompleteReadError(from->take(all_bytes), std::nullopt);
            StreamWaiter more(from->list_for("readuntil"));
            co_await more;
        }
    }
    static Coroutine<std::string> readline(Buffer from) {
        try {
            co_return co_await readuntil(from, "\n");
        } catch (const IncompleteReadError &error) {
            co_return error.partial;
        } catch (const LimitOverrunError &error) {
            const bool found = from->bytes().substr(error.consumed).starts_with('\n');
            from->take(found ? error.consumed + 1 : all_bytes);
            throw ValueError(error.what());
        }
    }
    Buffer buffer_;
};
} // namespace asyncio
