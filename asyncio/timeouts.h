// timeouts.h: to wait, but not for ever: wait_for of Python's asyncio (its module timeouts).
//
// A timeout cancels the task that waits. So CancelledError comes out of its await, and it cleans up
// as it always does; only where the timeout has been set, this becomes TimeoutError.
#pragma once

#include "tasks.h"

namespace asyncio {
/// Cancels the task that runs now, after a time, unless the block has been left before.
class Timeout {
  public:
    explicit Timeout(Seconds delay) : task_(current_task()), cancelling_(task_.cancelling()) {
        timer_ = get_running_loop().call_later(delay, [this] { expired_ = task_.cancel(); });
    }
    Timeout(const Timeout &) = delete;
    ~Timeout() { end(); }
    /// For the handler of CancelledError: throws TimeoutError if the timeout alone has caused it,
    /// and the same again if somebody else has called cancel().
    [[noreturn]] void rethrow() {
        if (end()) throw TimeoutError();
        throw;
    }

  private:
    bool end() {
        timer_.cancel();
        return std::exchange(expired_, false) && task_.uncancel() <= cancelling_;
    }
    AnyTask task_;
    int cancelling_;
    bool expired_ = false;
    TimerHandle timer_;
};
/// Cancels a future, and waits until it is done.
inline Coroutine<void> cancel_and_wait(AnyFuture future) {
    Waiter waiter; // not the future: that it is cancelled is not to look as if this one were
    const Handle handle = future.add_done_callback([&waiter] { waiter.set_result(); });
    const Finally forget([&] { future.remove_done_callback(handle); });
    future.cancel();
    co_await waiter;
}
/// Waits for a coroutine, which runs in this task. If the time is over first, it is cancelled, and
/// when it has ended, TimeoutError is thrown. With no time at all it is not begun.
template <class T> Coroutine<T> wait_for(Coroutine<T> coroutine, std::optional<Seconds> timeout) {
    if (!timeout) {
        co_return co_await coroutine;
    }
    if (*timeout <= Seconds(0)) throw TimeoutError();
    Timeout deadline(*timeout);
    try {
        co_return co_await coroutine;
    } catch (const CancelledError &) {
        deadline.rethrow();
    }
}
template <class F, class T = ResultOf<F>>
Coroutine<T> wait_for(F function, std::optional<Seconds> timeout) {
    return wait_for(call(std::move(function)), timeout);
}
/// The same for a future or a task.
template <class T> Coroutine<T> wait_for(Future<T> future, std::optional<Seconds> timeout) {
    if (!timeout || future.done()) {
        co_return co_await future;
    }
    if (*timeout <= Seconds(0)) {
        co_await cancel_and_wait(future);
        if (future.cancelled()) throw TimeoutError();
        co_return future.take();
    }
    Timeout deadline(*timeout);
    try {
        co_return co_await future;
    } catch (const CancelledError &) {
        deadline.rethrow();
    }
}
} // namespace asyncio
