// run(), run_until_complete(), and how a program is stopped.
#include "loop.h"

#include <sys/time.h>

using namespace asyncio_tests;

namespace {
/// Sends a signal to this process, as Ctrl-C does. The alarm of zen::stop_on_signals() is ignored:
/// it would end the tests if they take their time.
void interrupt(int signal) {
    std::signal(SIGALRM, SIG_IGN);
    raise(signal);
}
/// Afterwards, this process is not being stopped.
struct StopUndone {
    StopUndone() = default;
    StopUndone(const StopUndone &) = delete;
    ~StopUndone() {
        const itimerval never = {};
        setitimer(ITIMER_REAL, &never, nullptr);
        zen::stopping = false;
    }
};
} // namespace

TEST_CASE("6: run_until_complete gives the result, or throws the exception") {
    Texts errors;
    TestLoop loop(errors);
    REQUIRE(loop.run_until_complete(later(1s, 5)) == 5);
    REQUIRE(loop.elapsed() == 1000);
    REQUIRE_THROWS_WITH(loop.run_until_complete(fail_later(1s, "broken")), "broken");
    Future<std::string> future;
    loop.call_later(1s, [&] { future.set_result("set"); });
    REQUIRE(loop.run_until_complete(future) == "set");
    REQUIRE(loop.run_until_complete(future) == "set"); // it is done already
    REQUIRE(errors == Texts());
}

TEST_CASE("6: a loop that is stopped before the future is done says so") {
    Texts errors;
    TestLoop loop(errors);
    loop.call_later(1s, [&] { loop.stop(); });
    Future<void> never;
    REQUIRE_THROWS_WITH(loop.run_until_complete(never),
                        "Event loop stopped before Future completed.");
    never.cancel(); // its callback must not stop the loop any more
    REQUIRE(loop.run_until_complete(later(1s, 5)) == 5);
}

TEST_CASE("12: run returns main's result") {
    REQUIRE(run(later(1ms, 7)) == 7);
    const std::string captured(100, 'x');
    REQUIRE(run([captured]() -> Coroutine<std::string> {
                co_await sleep(1ms);
                co_return captured;
            }) == captured);
    REQUIRE(*run([]() -> Coroutine<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }) ==
            3);
}

TEST_CASE("12: run throws main's exception") {
    REQUIRE_THROWS_WITH(run(fail_later(1ms, "broken")), "broken");
    REQUIRE_THROWS_AS(run([]() -> Coroutine<void> {
                          throw CancelledError();
                          co_return;
                      }),
                      CancelledError);
}

TEST_CASE("13: run cancels the tasks that are left, and waits for them") {
    Texts seen, errors;
    {
        TestLoop loop(errors);
        run(
            [&seen]() -> Coroutine<void> {
                create_task([&seen]() -> Coroutine<void> {
                    const Finally last([&seen] { seen.push_back("finally"); });
                    try {
                        co_await forever();
                    } catch (const CancelledError &) {
                        seen.push_back("cancelled");
                    }
                    co_await sleep(1s); // it may take its time
                    seen.push_back("cleaned up");
                });
                create_task([]() -> Coroutine<void> {
                    try {
                        co_await forever();
                    } catch (const CancelledError &) {
                        throw RuntimeError("while it cleans up");
                    }
                });
                co_await sleep(1s);
                seen.push_back("main");
            },
            loop);
        seen.push_back("run");
    }
    REQUIRE(seen == Texts{"main", "cancelled", "cleaned up", "finally", "run"});
    REQUIRE(errors ==
            Texts{"unhandled exception during asyncio::run() shutdown: while it cleans up"});
}

TEST_CASE("13: also if main fails, and if the loop is stopped") {
    for (const bool stopped : {false, true}) {
        Texts seen, errors;
        TestLoop loop(errors);
        const auto body = [&seen, &loop, stopped]() -> Coroutine<void> {
            create_task([&seen]() -> Coroutine<void> {
                const Finally last([&seen] { seen.push_back("finally"); });
                co_await forever();
            });
            co_await sleep(1s);
            if (!stopped) throw RuntimeError("of main");
            loop.stop();
            co_await forever();
        };
        REQUIRE_THROWS_WITH(run(body, loop),
                            stopped ? "Event loop stopped before Future completed." : "of main");
        REQUIRE(seen == Texts{"finally"});
        REQUIRE(errors == Texts());
    }
}

TEST_CASE("14: run within a running loop is an error, and run after run is none") {
    std::string what;
    run([&what]() -> Coroutine<void> {
        try {
            run(later(1ms, 1));
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        co_return;
    });
    REQUIRE(what == "asyncio::run() cannot be called from a running event loop");
    REQUIRE(run(later(0s, 1)) == 1);
}

TEST_CASE("15: the first SIGINT or SIGTERM cancels main, which may clean up") {
    for (const int signal : {SIGINT, SIGTERM}) {
        const StopUndone undone;
        Texts seen;
        const auto body = [&seen, signal]() -> Coroutine<void> {
            get_running_loop().call_soon([signal] { interrupt(signal); });
            try {
                co_await forever();
            } catch (const CancelledError &) {
                seen.push_back("cancelled");
                throw;
            }
        };
        REQUIRE_THROWS_AS(run(body), KeyboardInterrupt);
        REQUIRE(seen == Texts{"cancelled"});
    }
}

TEST_CASE("15: a signal cancels the other tasks, too, after main has ended") {
    const StopUndone undone;
    Texts seen;
    const auto body = [&seen]() -> Coroutine<void> {
        create_task([&seen]() -> Coroutine<void> {
            const Finally last([&seen] { seen.push_back("other"); });
            co_await forever();
        });
        get_running_loop().call_later(1ms, [] { interrupt(SIGINT); });
        const Finally last([&seen] { seen.push_back("main"); });
        co_await forever();
    };
    REQUIRE_THROWS_AS(run(body), KeyboardInterrupt);
    REQUIRE(seen == Texts{"main", "other"});
}

TEST_CASE("15: if main catches it and returns, there is a result") {
    const StopUndone undone;
    const auto body = []() -> Coroutine<int> {
        get_running_loop().call_soon([] { interrupt(SIGINT); });
        try {
            co_await forever();
        } catch (const CancelledError &) {
        }
        co_return 3;
    };
    REQUIRE(run(body) == 3);
}

TEST_CASE("15: main that cancels itself is no interrupt") {
    REQUIRE_THROWS_AS(run([]() -> Coroutine<void> {
                          current_task().cancel();
                          co_await sleep(0s);
                      }),
                      CancelledError);
}
