// coroutines.h: coroutines (Python's module coroutines): functions that can wait in their middle.
//
// The variables of a coroutine are in a frame on the heap, not on a thread's stack. A call of the
// function only makes the frame: nothing runs before somebody awaits it, or makes a task (tasks.h).
//
// `co_await f(x)` notes that the frame of f is the next one, and this one is suspended. The task
// resumes the next one at once, within the same step. When that has ended, the frame that awaits it
// is the next one again, and the result is the value of the co_await. No frame resumes another: so
// no stack grows, however many await each other.
//
// The compiler makes three calls of `co_await x`. If x.await_ready() is false, the frame is
// suspended, and x.await_suspend(frame) notes what comes next. Once the frame goes on, the value of
// x.await_resume() is that of the co_await.
#pragma once

#include "exceptions.h"

#include <coroutine>
#include <optional>

namespace asyncio {
/// The frame that the task resumes next, within this step; null: the step is over.
inline constinit thread_local std::coroutine_handle<> next_frame = nullptr;

/// What the compiler calls at the ends of a coroutine.
struct PromiseBase {
    std::coroutine_handle<> awaiting = nullptr; // who awaits it; of a task's first frame: none
    std::exception_ptr exception = nullptr;
    struct AtEnd {
        bool await_ready() noexcept { return false; }
        template <class P> void await_suspend(std::coroutine_handle<P> frame) noexcept {
            next_frame = frame.promise().awaiting;
        }
        void await_resume() noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; } // nothing runs when it is called
    AtEnd final_suspend() noexcept { return {}; }                 // the result stays in the frame
    void unhandled_exception() { exception = std::current_exception(); }
};
template <class T> struct Promise;

/// What a coroutine function returns: its frame. `co_await` it, or give it to a task.
template <class T> class [[nodiscard]] Coroutine {
  public:
    using Result = T;
    using promise_type = Promise<T>;
    explicit Coroutine(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    Coroutine(Coroutine &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Coroutine &operator=(Coroutine other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~Coroutine() { destroy(); }
    void destroy() {
        if (const auto frame = std::exchange(frame_, nullptr)) frame.destroy();
    }
    std::coroutine_handle<> frame() const { return frame_; }
    std::exception_ptr exception() const { return frame_.promise().exception; }
    /// The result of one that has ended, or what it has thrown. Once only, as it is moved.
    T take() const {
        if (frame_.promise().exception) std::rethrow_exception(frame_.promise().exception);
        if constexpr (!std::is_void_v<T>) return std::move(*frame_.promise().value);
    }
    bool await_ready() const {
        if (!frame_ || frame_.done()) throw RuntimeError("cannot reuse already awaited coroutine");
        return false;
    }
    void await_suspend(std::coroutine_handle<> awaiting) const {
        frame_.promise().awaiting = awaiting;
        next_frame = frame_;
    }
    T await_resume() const { return take(); }

  private:
    std::coroutine_handle<promise_type> frame_;
};
template <class T> struct Promise : PromiseBase {
    std::optional<T> value;
    Coroutine<T> get_return_object() {
        return Coroutine<T>(std::coroutine_handle<Promise>::from_promise(*this));
    }
    template <class U = T> void return_value(U &&result) { value.emplace(std::forward<U>(result)); }
};
template <> struct Promise<void> : PromiseBase {
    Coroutine<void> get_return_object() {
        return Coroutine<void>(std::coroutine_handle<Promise>::from_promise(*this));
    }
    void return_void() {}
};
} // namespace asyncio
