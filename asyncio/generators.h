// generators.h: asynchronous generators of Python: a coroutine that gives one value after the
// other, and may wait before each.
//     AsyncGenerator<int> count() {               AsyncGenerator<int> numbers = count();
//         for (int i = 0; i < 3; ++i) {           while (true) {
//             co_await sleep(1s);                     const auto next = co_await numbers.next();
//             co_yield i;                             if (!next) break;
//         }                                           ... *next ...
//     }                                           }
// `co_await next()` lets the generator go on, within the same step of the task, up to its co_yield.
// What the generator throws comes out of next(), also that it is cancelled.
//
// What differs from Python: there is no `async for`. There is no aclose() either: a generator that
// goes before its end is destroyed at its co_yield, where its variables are cleaned up at once.
#pragma once

#include "coroutines.h"

namespace asyncio {
template <class T> class [[nodiscard]] AsyncGenerator {
  public:
    struct promise_type : PromiseBase {
        std::optional<T> value = {};
        bool running = false;

        AsyncGenerator get_return_object() {
            return AsyncGenerator(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        /// co_yield: the task goes on with the frame that awaits next().
        template <class U = T> AtEnd yield_value(U &&next) {
            value.emplace(std::forward<U>(next));
            return {};
        }
        void return_void() {}
    };
    using Frame = std::coroutine_handle<promise_type>;

    AsyncGenerator(AsyncGenerator &&other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    AsyncGenerator &operator=(AsyncGenerator) = delete;
    ~AsyncGenerator() {
        if (frame_) frame_.destroy();
    }
    /// co_await of it gives the next value; none if the generator has ended. One task at a time.
    auto next() { return Next{frame_}; }

  private:
    struct Next {
        Frame frame;
        bool await_ready() const {
            if (frame.promise().running)
                throw RuntimeError("anext(): asynchronous generator is already running");
            return frame.done();
        }
        void await_suspend(std::coroutine_handle<> awaiting) const {
            frame.promise().awaiting = awaiting;
            frame.promise().running = true;
            next_frame = frame;
        }
        std::optional<T> await_resume() const {
            promise_type &promise = frame.promise();
            promise.running = false;
            if (promise.exception) std::rethrow_exception(std::exchange(promise.exception, {}));
            return std::exchange(promise.value, std::nullopt);
        }
    };
    explicit AsyncGenerator(Frame frame) : frame_(frame) {}
    Frame frame_;
};
} // namespace asyncio
