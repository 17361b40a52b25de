// gather: its results, the first exception, cancelling.
#include "loop.h"

using namespace asyncio_tests;

TEST_CASE("43: gather gives the results in the order of its arguments") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto named = []() -> Coroutine<std::string> { co_return "lambda"; };
        const Task<void> task = create_task(sleep(2s));
        const auto results = co_await gather(later(3s, 1), later(1s, 2), named, task);
        const auto [first, second, third, nothing] = results;
        CHECK(first == 1);
        CHECK(second == 2);
        CHECK(third == "lambda");
        CHECK(nothing == std::monostate());
        CHECK(test_loop().elapsed() == 3000); // beside each other
    });
}

TEST_CASE("43: gather of a vector gives a vector") {
    run_in_test_loop([]() -> Coroutine<void> {
        std::vector<Coroutine<int>> coroutines;
        for (const int delay : {3, 1, 2}) coroutines.push_back(later(Seconds(delay), delay));
        const std::vector<int> results = co_await gather(std::move(coroutines));
        CHECK(results == std::vector<int>{3, 1, 2});
        const std::vector<Task<int>> twice(2, create_task(later(1s, 5)));
        const std::vector<int> same = co_await gather(twice);
        CHECK(same == std::vector<int>{5, 5});
    });
}

TEST_CASE("43: gather begins its arguments from the left to the right") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const auto note = [&seen](std::string what) -> Coroutine<void> {
            seen.push_back(what);
            co_return;
        };
        co_await gather(note("a"), note("b"), note("c"));
        CHECK(seen == Texts{"a", "b", "c"});
    });
}

TEST_CASE("43: gather of nothing, or of what is done, is done at once") {
    run_in_test_loop([]() -> Coroutine<void> {
        CHECK(gather().done());
        CHECK(gather(std::vector<Task<int>>()).result().empty());
        const Future<int> done;
        done.set_result(3);
        CHECK(gather(done).result() == std::tuple(3));
        co_return;
    });
}

TEST_CASE("44: the first exception is thrown at once, and the others run on") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> slow = create_task(later(5s, 5));
        std::string what;
        try {
            co_await gather(slow, fail_later(1s, "first"), fail_later(2s, "second"));
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        CHECK(what == "first");
        CHECK(test_loop().elapsed() == 1000);
        CHECK_FALSE(slow.done());
        const int result = co_await slow; // and the second exception is not reported as lost
        CHECK(result == 5);
    });
}

TEST_CASE("44: with return_exceptions, exceptions are in their places") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto results =
            co_await gather(return_exceptions, later(2s, 1), fail_later(1s, "broken"), sleep(3s));
        CHECK(std::get<0>(results).value == 1);
        CHECK_FALSE(std::get<0>(results).exception);
        CHECK_FALSE(std::get<1>(results).value);
        CHECK(describe(std::get<1>(results).exception) == "broken");
        CHECK(std::get<2>(results).value);
        CHECK(test_loop().elapsed() == 3000);
        const std::vector<Task<int>> tasks = {create_task(later(1s, 7)), create_task(later(2s, 8))};
        tasks[0].cancel();
        const auto list = co_await gather(return_exceptions, tasks);
        CHECK(is_cancelled_error(list[0].exception));
        CHECK(list[1].value == 8);
    });
}

TEST_CASE("45: gather that is cancelled cancels all its children, and ends when they have") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> a = create_task(later(5s, 1)), b = create_task(later(6s, 2));
        const auto outer = create_task([a, b]() -> Coroutine<void> { co_await gather(a, b); });
        co_await sleep(1s);
        outer.cancel();
        co_await settle();
        for (const AnyFuture &each : {AnyFuture(a), AnyFuture(b), AnyFuture(outer)})
            CHECK(ended_cancelled(each));
    });
}

TEST_CASE("45: cancelled, gather throws CancelledError even if exceptions are returned") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto all = gather(return_exceptions, later(5s, 1), later(6s, 2));
        co_await sleep(1s);
        CHECK(all.cancel());
        co_await settle();
        CHECK(all.done());
        CHECK_THROWS_AS(all.result(), CancelledError);
        CHECK_FALSE(all.cancel());
    });
}

TEST_CASE("45: a child that is cancelled: CancelledError, and its siblings run on") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> a = create_task(later(5s, 1)), b = create_task(later(6s, 2));
        const auto all = gather(a, b);
        co_await sleep(1s);
        a.cancel();
        co_await settle();
        CHECK(all.done());
        CHECK_FALSE(all.cancelled()); // it was not cancelled itself, but has this exception
        CHECK_THROWS_AS(all.result(), CancelledError);
        const int second = co_await b;
        CHECK(second == 2);
    });
}

TEST_CASE("A gather that nobody holds any more does not disturb its children") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> task = create_task(later(1s, 1));
        gather(task, later(2s, 2));
        co_await sleep(3s);
        CHECK(task.result() == 1);
    });
}
