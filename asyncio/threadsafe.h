// threadsafe.h: from another thread to the loop: run_coroutine_threadsafe() of Python's asyncio.
// For a function that does not wait, call_soon_threadsafe() of the loop does. From the loop to
// threads: threads.h.
//
// What differs from Python: a thread of an executor that waits for a coroutine while the loop waits
// for that thread (at the end of run(), or in a shutdown() by the loop's thread) gets
// CancelledError. In Python, both could wait for ever.
#pragma once

#include "threads.h"

namespace asyncio {
/// The result of a coroutine, for another thread than that of its loop. A copy is the same one.
template <class T> class ConcurrentFuture {
  public:
    struct State {
        EventLoop &loop;
        std::mutex mutex = {}; // for the next four
        std::condition_variable changed = {};
        bool done = false;
        std::optional<Value<T>> value = {};
        std::exception_ptr exception = nullptr;
        Task<void> task = {}; // for the loop's thread alone

        explicit State(EventLoop &l) : loop(l) {}
        bool finish(std::exception_ptr error, std::optional<Value<T>> result = {}) {
            const std::lock_guard lock(mutex);
            if (std::exchange(done, true)) return false;
            exception = std::move(error);
            value = std::move(result);
            changed.notify_all();
            return true;
        }
    };
    explicit ConcurrentFuture(std::shared_ptr<State> state) : state_(std::move(state)) {}
    bool done() const {
        const std::lock_guard lock(state_->mutex);
        return state_->done;
    }
    /// Waits until it is done, for so long at most (TimeoutError). Returns the result, or throws.
    T result(std::optional<Seconds> timeout = {}) const {
        const Clock::duration slice = std::chrono::milliseconds(50);
        const Time end =
            Clock::now() + std::chrono::round<Clock::duration>(timeout.value_or(Seconds(0)));
        std::unique_lock lock(state_->mutex);
        while (!state_->done) {
            const auto left = timeout ? end - Clock::now() : slice;
            if (left <= Clock::duration(0)) throw TimeoutError();
            if (ThreadPoolExecutor::is_waited_for()) throw CancelledError();
            state_->changed.wait_for(lock, std::min(left, slice));
        }
        if (state_->exception) *exception_ = std::exchange(state_->exception, nullptr);
        if (*exception_) std::rethrow_exception(*exception_);
        if constexpr (!std::is_void_v<T>) return *state_->value;
    }
    /// Cancels the task. False if it is done already. The loop has to be there still.
    bool cancel() const {
        if (!state_->finish(cancelled_error)) return false;
        state_->loop.call_soon_threadsafe([state = state_] {
            if (state->task) state->task.cancel();
        });
        return true;
    }

  private:
    std::shared_ptr<State> state_;
    // An exception is no longer in what the loop has, too, when another thread looks at it.
    std::shared_ptr<std::exception_ptr> exception_ = std::make_shared<std::exception_ptr>();
};
/// Hands over the result of a coroutine, of which nothing is left in this thread then.
template <class T, class State>
Coroutine<void> hand_over(Coroutine<T> coroutine, std::shared_ptr<State> to) {
    std::optional<Value<T>> value;
    std::exception_ptr error;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await coroutine;
            value.emplace();
        } else {
            T result = co_await coroutine;
            value.emplace(std::move(result));
        }
    } catch (...) {
        error = std::current_exception();
    }
    coroutine.destroy();
    to->task = Task<void>();
    to->finish(std::move(error), std::move(value));
}
/// Runs a coroutine as a task in the loop of another thread. It is cancelled when that loop goes.
template <class T>
ConcurrentFuture<T> run_coroutine_threadsafe(Coroutine<T> coroutine, EventLoop &loop) {
    using State = typename ConcurrentFuture<T>::State;
    const auto state = std::make_shared<State>(loop);
    // Only the loop has this handle: if that drops it, nobody waits for ever.
    const std::shared_ptr<State> own(state.get(),
                                     [state](State *dropped) { dropped->finish(cancelled_error); });
    loop.call_soon_threadsafe([own, coroutine = std::move(coroutine)]() mutable {
        const bool cancelled = ConcurrentFuture<T>(own).done();
        own->task = create_task(hand_over(std::move(coroutine), own));
        if (cancelled) own->task.cancel(); // so it never begins
    });
    return ConcurrentFuture<T>(state);
}
} // namespace asyncio
