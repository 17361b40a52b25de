// wait_for, shield, wait, as_completed. gather: test_gather.cpp.
#include "loop.h"

using namespace asyncio_tests;

namespace {
/// Ends so long after it was cancelled, with a result (3), an exception, or as cancelled.
enum class End { result, exception, cancelled };
Coroutine<int> slow_to_end(Seconds delay, End end) {
    try {
        co_await forever();
    } catch (const CancelledError &) {
    }
    co_await sleep(delay);
    if (end == End::exception) throw ValueError("instead");
    if (end == End::cancelled) throw CancelledError();
    co_return 3;
}
/// What wait_for throws, or its result as text.
template <class A> Coroutine<std::string> outcome(A awaitable, Seconds timeout) {
    try {
        const int result = co_await wait_for(std::move(awaitable), timeout);
        co_return std::to_string(result);
    } catch (const TimeoutError &) {
        co_return "timeout";
    } catch (const ValueError &error) {
        co_return error.what();
    }
}
Coroutine<int> noting(Texts *seen) {
    seen->push_back("run");
    co_return 1;
}
} // namespace

TEST_CASE("37: wait_for gives the result if it comes in time, and leaves no timer") {
    run_in_test_loop([]() -> Coroutine<void> {
        const int of_coroutine = co_await wait_for(later(1s, 5), 2s);
        CHECK(of_coroutine == 5);
        const int of_task = co_await wait_for(create_task(later(1s, 6)), 2s);
        CHECK(of_task == 6);
        const auto lambda = [] { return later(1s, 7); };
        const int of_lambda = co_await wait_for(lambda, 2s);
        CHECK(of_lambda == 7);
        const int without_limit = co_await wait_for(later(1s, 8), std::nullopt);
        CHECK(without_limit == 8);
        CHECK(test_loop().elapsed() == 4000);
        CHECK(test_loop().timers() == 0);
        CHECK(current_task().cancelling() == 0);
    });
}

TEST_CASE("37: after the timeout, wait_for cancels, waits for the end, and throws TimeoutError") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> task = create_task(slow_to_end(5s, End::cancelled));
        const std::string of_task = co_await outcome(task, 1s);
        CHECK(of_task == "timeout");
        CHECK(task.cancelled());
        CHECK(test_loop().elapsed() == 6000);
        const std::string of_coroutine = co_await outcome(slow_to_end(5s, End::cancelled), 1s);
        CHECK(of_coroutine == "timeout");
        CHECK(test_loop().elapsed() == 12'000);
        const Future<int> future;
        const std::string of_future = co_await outcome(future, 1s);
        CHECK(of_future == "timeout");
        CHECK(future.cancelled());
        CHECK(current_task().cancelling() == 0); // nothing is left of it
        co_await sleep(0s);
    });
}

TEST_CASE("38: if what is waited for ignores it and returns, wait_for gives that result") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::string of_task = co_await outcome(create_task(slow_to_end(5s, End::result)), 1s);
        const std::string of_coroutine = co_await outcome(slow_to_end(5s, End::result), 1s);
        CHECK(of_task == "3");
        CHECK(of_coroutine == "3");
        CHECK(current_task().cancelling() == 0);
    });
}

TEST_CASE("39: if it throws something else meanwhile, that is thrown") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::string of_task =
            co_await outcome(create_task(slow_to_end(5s, End::exception)), 1s);
        const std::string of_coroutine = co_await outcome(slow_to_end(5s, End::exception), 1s);
        CHECK(of_task == "instead");
        CHECK(of_coroutine == "instead");
    });
}

TEST_CASE("40: with no time, wait_for takes what is done, and does not begin a coroutine") {
    run_in_test_loop([]() -> Coroutine<void> {
        for (const Seconds no_time : {0s, -1s}) {
            Texts seen;
            const Future<int> done, pending;
            done.set_result(4);
            const std::string of_done = co_await outcome(done, no_time);
            CHECK(of_done == "4");
            const std::string of_pending = co_await outcome(pending, no_time);
            CHECK(of_pending == "timeout");
            CHECK(pending.cancelled());
            const std::string of_coroutine = co_await outcome(noting(&seen), no_time);
            CHECK(of_coroutine == "timeout");
            const std::string of_task = co_await outcome(create_task(noting(&seen)), no_time);
            CHECK(of_task == "timeout");
            CHECK(seen == Texts());
            CHECK(test_loop().elapsed() == 0);
        }
    });
}

TEST_CASE("41: wait_for that is cancelled cancels the task, and waits for it") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> inner = create_task(slow_to_end(5s, End::cancelled));
        const Task<int> outer = create_task(wait_for(inner, 100s));
        co_await sleep(1s);
        outer.cancel();
        co_await sleep(4s);
        CHECK_FALSE(outer.done());
        co_await sleep(2s);
        CHECK(inner.cancelled());
        CHECK(outer.cancelled()); // CancelledError, and no TimeoutError
        CHECK(test_loop().timers() == 0);
    });
}

TEST_CASE("41: cancelled by somebody else as well as by the timeout, it is cancelled") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> outer = create_task(wait_for(slow_to_end(5s, End::cancelled), 1s));
        co_await sleep(3s); // the timeout was at 1 s, the end comes at 6 s
        outer.cancel();
        co_await settle();
        CHECK(outer.cancelled());
        CHECK(outer.cancelling() == 1);
    });
}

TEST_CASE("42: shield: if who waits is cancelled, what is shielded runs on") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> inner = create_task(later(5s, 3));
        const Task<int> outer =
            create_task([inner]() -> Coroutine<int> { co_return co_await shield(inner); });
        co_await sleep(1s);
        outer.cancel();
        co_await settle();
        CHECK(outer.cancelled());
        CHECK_FALSE(inner.done());
        const int result = co_await inner;
        CHECK(result == 3);
    });
}

TEST_CASE("42: if what is shielded is cancelled, or fails, so does the shield") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> inner = create_task(later(5s, 3));
        const Future<int> of_cancelled = shield(inner),
                          of_failed = shield(fail_later(1s, "broken"));
        const Future<int> of_coroutine = shield(later(1s, 4));
        inner.cancel();
        co_await sleep(2s);
        CHECK(of_cancelled.cancelled());
        CHECK(describe(of_failed.exception()) == "broken");
        CHECK(of_coroutine.result() == 4);
        CHECK(shield(of_coroutine) == of_coroutine); // as it is done
    });
}

TEST_CASE("46: wait returns when the first is done, at the first exception, or when all are") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> one = create_task(later(1s, 1)), four = create_task(later(4s, 4));
        const Task<int> failing = create_task(fail_later(2s, "broken"));
        const std::vector<Task<int>> tasks = {four, one, failing};
        const auto first = co_await wait(tasks, FIRST_COMPLETED);
        CHECK(test_loop().elapsed() == 1000);
        CHECK(first.done == std::vector<Task<int>>{one});
        CHECK(first.pending == std::vector<Task<int>>{four, failing});
        const auto exception = co_await wait(tasks, FIRST_EXCEPTION);
        CHECK(test_loop().elapsed() == 2000);
        CHECK(exception.done == std::vector<Task<int>>{one, failing});
        const auto all = co_await wait(tasks);
        CHECK(test_loop().elapsed() == 4000);
        CHECK(all.done == tasks);
        CHECK(all.pending.empty());
        const auto again = co_await wait(tasks); // all are done already
        CHECK(again.done == tasks);
        CHECK(test_loop().elapsed() == 4000);
    });
}

TEST_CASE("46: a task that is cancelled is no exception for FIRST_EXCEPTION") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::vector<Task<int>> tasks = {create_task(later(1000s, 1)),
                                              create_task(later(5s, 2))};
        get_running_loop().call_later(1s, [tasks] { tasks[0].cancel(); });
        const auto result = co_await wait(tasks, FIRST_EXCEPTION);
        CHECK(result.done == tasks);
        CHECK(test_loop().elapsed() == 5000);
    });
}

TEST_CASE("47: the timeout of wait throws nothing and cancels nothing") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::vector<Task<int>> tasks = {create_task(later(1s, 1)), create_task(later(5s, 2))};
        const auto result = co_await wait(tasks, ALL_COMPLETED, 3s);
        CHECK(test_loop().elapsed() == 3000);
        CHECK(result.done == std::vector<Task<int>>{tasks[0]});
        CHECK(result.pending == std::vector<Task<int>>{tasks[1]});
        const int second = co_await tasks[1];
        CHECK(second == 2);
        CHECK(test_loop().timers() == 0);
    });
}

TEST_CASE("47: wait that is cancelled leaves the tasks running") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::vector<Task<int>> tasks = {create_task(later(5s, 1)), create_task(later(5s, 2))};
        const auto waiting = create_task(wait(tasks));
        co_await sleep(1s);
        waiting.cancel();
        co_await settle();
        CHECK(waiting.cancelled());
        const auto result = co_await wait(tasks);
        CHECK(result.done == tasks);
        CHECK_FALSE(tasks[0].cancelled());
    });
}

TEST_CASE("48: wait of nothing is a ValueError") {
    run_in_test_loop([]() -> Coroutine<void> {
        std::string what;
        try {
            co_await wait(std::vector<Task<int>>());
        } catch (const ValueError &error) {
            what = error.what();
        }
        CHECK(what == "Set of Tasks/Futures is empty.");
    });
}

TEST_CASE("49: as_completed gives the results in the order in which they come") {
    run_in_test_loop([]() -> Coroutine<void> {
        std::vector<Coroutine<int>> coroutines;
        for (const int delay : {3, 1, 2}) coroutines.push_back(later(Seconds(delay), delay));
        std::vector<int> results;
        for (auto &next : as_completed(std::move(coroutines))) {
            const int result = co_await next;
            results.push_back(result);
            CHECK(test_loop().elapsed() == 1000 * result);
        }
        CHECK(results == std::vector<int>{1, 2, 3});
    });
}

TEST_CASE("49: as_completed after its timeout throws TimeoutError for each that is not done") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::vector<Task<int>> tasks = {create_task(later(1s, 1)), create_task(later(8s, 2)),
                                              create_task(fail_later(2s, "broken")),
                                              create_task(later(9s, 3))};
        Texts seen;
        for (auto &next : as_completed(tasks, 5s)) try {
                const int result = co_await next;
                seen.push_back(std::to_string(result));
            } catch (const TimeoutError &) {
                seen.push_back("timeout");
                CHECK(test_loop().elapsed() == 5000);
            } catch (const RuntimeError &error) {
                seen.push_back(error.what());
            }
        CHECK(seen == Texts{"1", "broken", "timeout", "timeout"});
        CHECK_FALSE(tasks[1].done()); // it runs on
        co_await tasks[3];
    });
}
