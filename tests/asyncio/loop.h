// What the tests of asyncio/ share: a loop whose time passes at once, and a list of what happened.
#pragma once

#include "../../asyncio/queues.h"
#include "../../asyncio/waiting.h"
#include "../catch.h"

namespace asyncio_tests {
using namespace asyncio;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

/// Where others would sleep until a timer, it sets its clock forward. It waits for descriptors and
/// threads only if no timer is left, and then for ten seconds at most. What the loop reports is put
/// into `errors`, which outlives the loop.
class TestLoop : public EventLoop {
  public:
    explicit TestLoop(Texts &errors) {
        set_exception_handler([&errors](const ExceptionContext &context) {
            const auto what = context.exception ? ": " + describe(context.exception) : "";
            errors.push_back(context.message + what);
        });
    }
    Time time() const override { return now_; }
    /// How much time has passed in it, in milliseconds.
    long elapsed() const {
        return long(std::chrono::floor<std::chrono::milliseconds>(now_ - Time()).count());
    }
    int turns = 0; ///< how often it has asked for events

  protected:
    int wait(epoll_event *list, int size, int milliseconds) override {
        ++turns;
        const int count = EventLoop::wait(list, size, milliseconds < 0 ? 10'000 : 0);
        if (count == 0 && milliseconds < 0) throw RuntimeError("nothing happens any more");
        if (count == 0) now_ += std::chrono::milliseconds(milliseconds);
        return count;
    }

  private:
    Time now_ = Time();
};
/// Runs a coroutine function in such a loop, and fails if the loop reports an error.
template <class F> auto run_in_test_loop(F function) {
    Texts errors;
    TestLoop loop(errors);
    const auto result = [&] {
        if constexpr (std::is_void_v<ResultOf<F>>) return run(function, loop), 0;
        else return run(function, loop);
    }();
    CHECK(errors == Texts());
    return result;
}
/// The loop that run_in_test_loop() has made.
inline TestLoop &test_loop() { return static_cast<TestLoop &>(get_running_loop()); }
/// Lets the others run until they all wait.
inline Coroutine<void> settle() {
    for (int turn = 0; turn < 10; ++turn) co_await sleep(0s);
}
/// A coroutine that is there for ever, unless it is cancelled.
inline Coroutine<void> forever() {
    Future<void> never;
    co_await never;
}
inline Coroutine<int> later(Seconds delay, int result) {
    co_await sleep(delay);
    co_return result;
}
inline Coroutine<int> fail_later(Seconds delay, std::string what) {
    co_await sleep(delay);
    throw RuntimeError(what);
}
/// Whether a future has been cancelled, without an exception if it is pending.
inline bool ended_cancelled(const AnyFuture &future) { return future.done() && future.cancelled(); }
} // namespace asyncio_tests
