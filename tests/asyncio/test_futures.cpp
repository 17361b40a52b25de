// Futures: results, exceptions, cancelling, callbacks.
#include "loop.h"

using namespace asyncio_tests;

namespace {
struct Fixture {
    Texts errors, seen;
    TestLoop loop{errors};
    void turn() {
        loop.stop();
        loop.run_forever();
    }
};
} // namespace

TEST_CASE_METHOD(Fixture, "16: result() and exception() of a pending future: InvalidStateError") {
    const Future<int> future;
    REQUIRE_FALSE(future.done());
    REQUIRE_THROWS_AS(future.result(), InvalidStateError);
    REQUIRE_THROWS_WITH(future.result(), "Result is not set.");
    REQUIRE_THROWS_WITH(future.exception(), "Exception is not set.");
    future.set_result(4);
    REQUIRE(future.done());
    REQUIRE(future.result() == 4);
    REQUIRE(future.exception() == nullptr);
}

TEST_CASE_METHOD(Fixture, "17: a result or an exception is set once only") {
    const Future<int> result, failed, cancelled;
    result.set_result(1);
    failed.set_exception(ValueError("bad"));
    cancelled.cancel();
    for (const auto &future : {result, failed, cancelled}) {
        REQUIRE_THROWS_AS(future.set_result(2), InvalidStateError);
        REQUIRE_THROWS_AS(future.set_exception(RuntimeError("x")), InvalidStateError);
    }
    REQUIRE(result.result() == 1);
    REQUIRE_THROWS_AS(failed.result(), ValueError);
    REQUIRE_THROWS_AS(failed.result(), ValueError); // each time
    REQUIRE(describe(failed.exception()) == "bad");
}

TEST_CASE_METHOD(Fixture, "18: cancel() gives true if it was pending; then result() throws") {
    const Future<void> future;
    REQUIRE(future.cancel());
    REQUIRE(future.cancelled());
    REQUIRE(future.done());
    REQUIRE_FALSE(future.cancel());
    REQUIRE_THROWS_AS(future.result(), CancelledError);
    REQUIRE_THROWS_AS(future.exception(), CancelledError);
    const Future<void> done;
    done.set_result();
    REQUIRE_FALSE(done.cancel());
    REQUIRE_FALSE(done.cancelled());
}

TEST_CASE_METHOD(Fixture, "19: done callbacks are called by the loop, in order") {
    const Future<int> future;
    future.add_done_callback(
        [&](const Future<int> &done) { seen.push_back("first " + std::to_string(done.result())); });
    future.add_done_callback([&] { seen.push_back("second"); });
    future.set_result(5);
    REQUIRE(seen == Texts());
    turn();
    REQUIRE(seen == Texts{"first 5", "second"});
}

TEST_CASE_METHOD(Fixture, "19: a callback on a future that is done is called by the loop, too") {
    const Future<int> future;
    future.set_result(5);
    future.add_done_callback([&] { seen.push_back("late"); });
    REQUIRE(seen == Texts());
    turn();
    REQUIRE(seen == Texts{"late"});
}

TEST_CASE_METHOD(Fixture, "19: callbacks are called for a cancelled future and for a failed one") {
    const Future<int> cancelled, failed;
    cancelled.add_done_callback(
        [&](const AnyFuture &f) { seen.push_back(f.cancelled() ? "c" : "?"); });
    failed.add_done_callback([&](const AnyFuture &f) { seen.push_back(describe(f.exception())); });
    cancelled.cancel();
    failed.set_exception(RuntimeError("broken"));
    turn();
    REQUIRE(seen == Texts{"c", "broken"});
}

TEST_CASE_METHOD(Fixture, "20: remove_done_callback says how many it has removed") {
    const Future<int> future;
    const auto function = [&] { seen.push_back("called"); };
    const Handle first = future.add_done_callback(function);
    future.add_done_callback(function);
    REQUIRE(future.remove_done_callback(first) == 1);
    REQUIRE(future.remove_done_callback(first) == 0);
    future.set_result(1);
    turn();
    REQUIRE(seen == Texts{"called"}); // the other one, which has a handle of its own
}

TEST_CASE_METHOD(Fixture, "20: a callback removed after the future is done is not called") {
    const Future<int> future;
    const Handle handle = future.add_done_callback([&] { seen.push_back("called"); });
    future.set_result(1);
    REQUIRE(future.remove_done_callback(handle) == 0);
    turn();
    REQUIRE(seen == Texts());
}

TEST_CASE("21: to await a future that is done does not suspend, however often") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Future<std::string> future;
        future.set_result(1000, 'x');
        bool others = false;
        get_running_loop().call_soon([&others] { others = true; });
        for (int i = 0; i < 3; ++i) {
            const std::string result = co_await future;
            CHECK(result == std::string(1000, 'x'));
        }
        CHECK_FALSE(others);
        co_await sleep(0s);
        CHECK(others);
    });
}

TEST_CASE("21: several tasks await the same future, and all get its result") {
    const int sum = run_in_test_loop([]() -> Coroutine<int> {
        const Future<int> future;
        std::vector<Task<int>> tasks;
        const auto wait_for_it = [future]() -> Coroutine<int> { co_return co_await future; };
        for (int i = 0; i < 3; ++i) tasks.push_back(create_task(wait_for_it));
        get_running_loop().call_later(1s, [future] { future.set_result(5); });
        int total = 0;
        for (const Task<int> &task : tasks) {
            const int result = co_await task;
            total += result;
        }
        co_return total;
    });
    REQUIRE(sum == 15);
}

TEST_CASE("21: a result that can only be moved is taken by the first one who awaits") {
    const int value = run_in_test_loop([]() -> Coroutine<int> {
        const Future<std::unique_ptr<int>> future;
        future.set_result(std::make_unique<int>(3));
        const auto result = co_await future;
        co_return *result;
    });
    REQUIRE(value == 3);
}

TEST_CASE_METHOD(Fixture, "22: an exception that nobody has looked at is reported, once") {
    {
        const Future<int> future;
        future.set_exception(RuntimeError("broken"));
        const Future<int> same = future;
    }
    REQUIRE(errors == Texts{"Future exception was never retrieved: broken"});
}

TEST_CASE_METHOD(Fixture, "22: but not if result() or exception() was called, or cancel()") {
    {
        const Future<int> looked_at, asked, cancelled;
        for (const auto &future : {looked_at, asked, cancelled})
            future.set_exception(RuntimeError("broken"));
        REQUIRE_THROWS(looked_at.result());
        REQUIRE(asked.exception());
        REQUIRE_FALSE(cancelled.cancel());
    }
    REQUIRE(errors == Texts());
}

TEST_CASE("22: nor if it was awaited") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Future<int> future;
        get_running_loop().call_later(1s,
                                      [future] { future.set_exception(RuntimeError("broken")); });
        try {
            co_await future;
            FAIL("no exception");
        } catch (const RuntimeError &error) {
            CHECK(std::string(error.what()) == "broken");
        }
    });
}
