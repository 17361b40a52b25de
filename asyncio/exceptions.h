// exceptions.h: the exceptions of Python's asyncio, and what is said of those that nobody catches.
#pragma once

#include "../program.h"

#include <exception>

namespace asyncio {
using RuntimeError = std::runtime_error;
using ValueError = std::invalid_argument;
struct InvalidStateError : RuntimeError {
    using RuntimeError::RuntimeError;
};
struct TimeoutError : RuntimeError {
    TimeoutError() : RuntimeError("timed out") {}
};
/// Comes out of the await of a task that is cancelled. No std::exception, as it is no Exception in
/// Python: what handles errors must not swallow it by accident.
struct CancelledError {};
/// The one that asyncio throws: always the same, so that it is known without being thrown again.
inline const std::exception_ptr cancelled_error = std::make_exception_ptr(CancelledError());
inline bool is_cancelled_error(const std::exception_ptr &exception) try {
    if (exception != cancelled_error) std::rethrow_exception(exception);
    return true;
} catch (const CancelledError &) {
    return true;
} catch (...) {
    return false;
}
/// run() throws it if a signal has stopped the program.
struct KeyboardInterrupt {};

/// Calls a function when the block is left, also by an exception: Python's `finally`.
template <class F> struct Finally {
    F function;
    explicit Finally(F f) : function(std::move(f)) {}
    Finally(const Finally &) = delete;
    ~Finally() { function(); }
};

/// A system call that has failed: "what: why"; or what came of an earlier one: "what".
struct OSError : RuntimeError {
    int number; ///< errno, or 0
    explicit OSError(const std::string &what, int error = errno)
        : RuntimeError(error ? what + ": " + std::strerror(error) : what), number(error) {}
};
/// The peer has closed, refused or reset the connection.
struct ConnectionError : OSError {
    using OSError::OSError;
};
struct ConnectionResetError : ConnectionError {
    using ConnectionError::ConnectionError;
};
/// The exception for an error of a system call.
inline std::exception_ptr os_error(const std::string &what, int error = errno) {
    if (error == ECONNRESET) return std::make_exception_ptr(ConnectionResetError(what, error));
    if (error == EPIPE || error == ECONNREFUSED || error == ECONNABORTED)
        return std::make_exception_ptr(ConnectionError(what, error));
    return std::make_exception_ptr(OSError(what, error));
}

/// What an exception says of itself.
inline std::string describe(const std::exception_ptr &exception) try {
    std::rethrow_exception(exception);
} catch (const std::exception &error) {
    return error.what();
} catch (const CancelledError &) {
    return "CancelledError";
} catch (...) {
    return "unknown exception";
}
/// An error that nobody has caught, and what it has ended.
struct ExceptionContext {
    std::string message;
    std::exception_ptr exception = nullptr; ///< may be null
};
/// One line on standard error; Python prints a traceback, too. Without memory it is left out.
inline void default_exception_handler(const ExceptionContext &context) try {
    std::string line = context.message;
    if (context.exception) line += ": " + describe(context.exception);
    zen::write_all(STDERR_FILENO, zen::printable(line) + '\n');
} catch (const std::bad_alloc &) {
}
} // namespace asyncio
