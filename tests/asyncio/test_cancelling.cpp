// Cancelling tasks: the exception comes out of the await.
#include "loop.h"

using namespace asyncio_tests;

namespace {
/// Waits, and notes how that has ended.
Coroutine<void> noting(Texts *seen, AnyFuture awaited) {
    try {
        co_await awaited;
        seen->push_back("result");
    } catch (const CancelledError &) {
        seen->push_back("cancelled");
        throw;
    }
}
} // namespace

TEST_CASE("25: a task that is cancelled before its first step never runs") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const auto kept = std::make_shared<int>(1);
        const auto task = create_task([&seen, kept]() -> Coroutine<void> {
            seen.push_back("run");
            co_return;
        });
        CHECK(kept.use_count() > 1);
        CHECK(task.cancel());
        CHECK_FALSE(task.done()); // only when its turn comes
        co_await sleep(0s);
        CHECK(task.cancelled());
        CHECK(seen == Texts());
        CHECK(kept.use_count() == 1); // what its frame held is free
    });
}

TEST_CASE("26: cancel() cancels the future that is awaited; CancelledError comes out there") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Future<void> future;
        const Task<void> task = create_task(noting(&seen, future));
        co_await sleep(0s);
        CHECK(task.cancel());
        CHECK(future.cancelled());
        CHECK(seen == Texts()); // in the next turn
        co_await settle();
        CHECK(seen == Texts{"cancelled"});
        CHECK(task.cancelled());
        CHECK_THROWS_AS(task.result(), CancelledError);
    });
}

TEST_CASE("26: a future that is cancelled throws in the task that awaits it") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Future<void> future;
        const Task<void> task = create_task(noting(&seen, future));
        co_await sleep(0s);
        future.cancel();
        co_await settle();
        CHECK(seen == Texts{"cancelled"});
        CHECK(task.cancelled());
    });
}

TEST_CASE("26: it goes through nested coroutines, and each may clean up") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const auto inner = [&seen]() -> Coroutine<void> {
            const Finally last([&seen] { seen.push_back("inner"); });
            co_await sleep(1000s);
        };
        const auto outer = [&seen, inner]() -> Coroutine<void> {
            bool cancelled = false;
            try {
                co_await inner();
            } catch (const CancelledError &) {
                cancelled = true;
            }
            co_await sleep(1s); // as much as it needs
            seen.push_back("outer");
            if (cancelled) throw CancelledError();
        };
        const Task<void> task = create_task(outer);
        co_await sleep(1s);
        task.cancel();
        co_await settle();
        CHECK(seen == Texts{"inner"});
        CHECK_FALSE(task.done());
        co_await sleep(2s);
        CHECK(seen == Texts{"inner", "outer"});
        CHECK(task.cancelled());
    });
}

TEST_CASE("27: who awaits a task and is cancelled cancels that task") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Task<void> inner = create_task(noting(&seen, Future<void>()));
        const Task<void> outer = create_task(noting(&seen, inner));
        co_await settle();
        outer.cancel();
        co_await settle();
        CHECK(inner.cancelled());
        CHECK(outer.cancelled());
        CHECK(seen == Texts{"cancelled", "cancelled"});
    });
}

TEST_CASE("27: it goes on waiting until that task has ended; if that ignores it, so may it") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> inner = create_task([]() -> Coroutine<int> {
            try {
                co_await forever();
            } catch (const CancelledError &) {
            }
            co_await sleep(5s);
            co_return 3;
        });
        const Task<int> outer =
            create_task([inner]() -> Coroutine<int> { co_return co_await inner; });
        co_await settle();
        outer.cancel();
        co_await sleep(4s);
        CHECK_FALSE(outer.done());
        const int result = co_await outer;
        CHECK(result == 3);
        CHECK(test_loop().elapsed() == 5000);
    });
}

TEST_CASE("28: a coroutine may catch it and go on; then the task is not cancelled") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> task = create_task([]() -> Coroutine<int> {
            try {
                co_await forever();
            } catch (const CancelledError &) {
            }
            co_await sleep(1s);
            co_return 42;
        });
        co_await settle();
        CHECK(task.cancel());
        const int result = co_await task;
        CHECK(result == 42);
        CHECK_FALSE(task.cancelled());
    });
}

TEST_CASE("28: if it throws something else instead, that is its exception") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> task = create_task([]() -> Coroutine<int> {
            try {
                co_await forever();
            } catch (const CancelledError &) {
                throw ValueError("instead");
            }
            co_return 1;
        });
        co_await settle();
        task.cancel();
        co_await settle();
        CHECK_FALSE(task.cancelled());
        CHECK(describe(task.exception()) == "instead");
    });
}

TEST_CASE("29: a task that cancels itself is cancelled at its next await") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Task<void> task = create_task([&seen]() -> Coroutine<void> {
            current_task().cancel();
            seen.push_back("goes on");
            co_await sleep(1000s);
            seen.push_back("never");
        });
        co_await settle();
        CHECK(task.cancelled());
        CHECK(seen == Texts{"goes on"});
        CHECK(test_loop().timers() == 0);
    });
}

TEST_CASE("29: a task cancelled after its last await is cancelled; its exception is kept") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> at_end = create_task([]() -> Coroutine<int> {
            current_task().cancel();
            co_return 3;
        });
        const Task<int> failing = create_task([]() -> Coroutine<int> {
            current_task().cancel();
            throw ValueError("kept");
            co_return 3;
        });
        co_await settle();
        CHECK(at_end.cancelled());
        CHECK(describe(failing.exception()) == "kept");
    });
}

TEST_CASE("30: cancel() of a task that is done gives false") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> task = create_task(later(0s, 3));
        const int result = co_await task;
        CHECK(result == 3);
        CHECK_FALSE(task.cancel());
        CHECK_FALSE(task.cancelled());
        CHECK(task.cancelling() == 0);
    });
}

TEST_CASE("30: cancelled twice, it is thrown twice") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Task<void> task = create_task([&seen]() -> Coroutine<void> {
            for (int i = 0; i < 2; ++i) try {
                    co_await forever();
                } catch (const CancelledError &) {
                    seen.push_back("cancelled");
                }
        });
        for (int i = 0; i < 2; ++i) {
            co_await settle();
            CHECK(task.cancel());
            CHECK(task.cancelling() == i + 1);
        }
        co_await settle();
        CHECK(seen == Texts{"cancelled", "cancelled"});
        CHECK(task.done());
        CHECK_FALSE(task.cancelled());
    });
}

TEST_CASE("30: twice in the same turn, it is thrown at this await and at the next one") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Future<void> never;
        const Task<void> task = create_task([&seen, never]() -> Coroutine<void> {
            try {
                co_await never;
            } catch (const CancelledError &) {
                seen.push_back("first");
            }
            co_await sleep(0s);
            seen.push_back("goes on");
        });
        co_await settle();
        task.cancel();
        task.cancel(); // the future is done already: so the step itself is to throw it, once
        co_await settle();
        CHECK(seen == Texts{"first", "goes on"});
        CHECK(task.cancelling() == 2);
    });
}

TEST_CASE("30: uncancel() takes cancel() back, and what has not been thrown yet") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Task<void> task = create_task([&seen]() -> Coroutine<void> {
            const AnyTask self = current_task();
            self.cancel();
            self.cancel();
            CHECK(self.cancelling() == 2);
            CHECK(self.uncancel() == 1);
            CHECK(self.uncancel() == 0);
            CHECK(self.uncancel() == 0);
            co_await sleep(0s); // as nobody wants to cancel it any more
            seen.push_back("end");
        });
        co_await task;
        CHECK(seen == Texts{"end"});
    });
}

TEST_CASE("31: an await of what is done already is no point at which a task is cancelled") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Future<int> done;
        done.set_result(1);
        const auto at_once = []() -> Coroutine<int> { co_return 2; };
        const Task<void> task = create_task([&seen, done, at_once]() -> Coroutine<void> {
            current_task().cancel();
            co_await done;
            seen.push_back("future");
            co_await at_once();
            seen.push_back("coroutine");
            co_await sleep(0s);
            seen.push_back("never");
        });
        co_await settle();
        CHECK(seen == Texts{"future", "coroutine"});
        CHECK(task.cancelled());
    });
}

TEST_CASE("A task that has been woken and is cancelled in the same turn is cancelled") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const Future<void> future;
        const Task<void> task = create_task(noting(&seen, future));
        co_await settle();
        future.set_result();
        CHECK(task.cancel());
        co_await settle();
        CHECK(seen == Texts{"cancelled"});
        CHECK(task.cancelled());
    });
}
