// Threads beside the loop: to_thread(), executors, and the way back. What a test waits for has no
// deadline of its own: the loop of loop.h gives up after ten seconds in which nothing happens.
#include "../../asyncio/threadsafe.h"
#include "loop.h"

#include <future>
#include <set>

using namespace asyncio_tests;

namespace {
int twice(int number) { return 2 * number; }
/// Whether SIGINT, SIGTERM and SIGALRM are blocked in this thread.
bool stops_are_blocked() {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM) &&
           sigismember(&blocked, SIGALRM);
}
/// What threads wait for until the test opens it.
class Gate {
  public:
    void open() { promise_.set_value(); }
    void wait() const { future_.wait(); }

  private:
    std::promise<void> promise_;
    std::shared_future<void> future_ = promise_.get_future();
};
} // namespace

TEST_CASE("to_thread calls in another thread, and passes result and exception on") {
    run_in_test_loop([]() -> Coroutine<void> {
        const int number = co_await to_thread(twice, 21);
        REQUIRE(number == 42);
        const auto where = co_await to_thread(std::this_thread::get_id);
        REQUIRE(where != std::this_thread::get_id());
        const auto with_letter = [](std::string text, char letter) { return text + letter; };
        const auto text = co_await to_thread(with_letter, "x", 'y');
        REQUIRE(text == "xy");
        const auto make = [] { return std::make_unique<int>(3); };
        const auto made = co_await to_thread(make);
        REQUIRE(*made == 3);
        std::string what;
        const auto fail = [] { throw RuntimeError("broken"); };
        try {
            co_await to_thread(fail);
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        REQUIRE(what == "broken");
    });
}

TEST_CASE("to_thread calls nothing before it is awaited") {
    run_in_test_loop([]() -> Coroutine<void> {
        bool called = false;
        {
            auto never = to_thread([&called] { called = true; });
            co_await settle();
        }
        REQUIRE(!called);
    });
}

TEST_CASE("the loop runs on while a thread is busy") {
    run_in_test_loop([]() -> Coroutine<void> {
        Gate gate;
        const auto task = create_task(to_thread([&gate] { gate.wait(); }));
        co_await sleep(0s);
        co_await sleep(0s);
        REQUIRE(!task.done());
        gate.open(); // by the loop, which so has not been held up
        co_await task;
    });
}

TEST_CASE("threads of an executor block the signals that stop a program") {
    run_in_test_loop([]() -> Coroutine<void> {
        const bool in_thread = co_await to_thread(stops_are_blocked);
        REQUIRE(in_thread);
        REQUIRE(!stops_are_blocked());
    });
}

TEST_CASE("an executor has so many threads at most, and starts none while one is idle") {
    run_in_test_loop([]() -> Coroutine<void> {
        ThreadPoolExecutor pool(2);
        std::mutex mutex;
        std::set<std::thread::id> threads; // which have made a call
        const auto note_thread = [&] {
            const std::lock_guard<std::mutex> lock(mutex);
            threads.insert(std::this_thread::get_id());
        };
        for (int i = 0; i < 5; ++i) {
            const auto call = run_in_executor(pool, note_thread);
            co_await call;
        }
        REQUIRE(threads.size() <= 2);
        std::atomic<int> begun = 0, at_once = 0, most = 0;
        Gate both_have_begun;
        std::vector<Future<void>> calls;
        for (int i = 0; i < 20; ++i)
            calls.push_back(run_in_executor(pool, [&] {
                note_thread();
                const int now = ++at_once;
                for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                }
                if (++begun == 2) both_have_begun.open();
                both_have_begun.wait();
                --at_once;
            }));
        co_await gather(calls);
        REQUIRE(most == 2);
        REQUIRE(threads.size() == 2);
        pool.shutdown();
    });
}

TEST_CASE("a call that is cancelled before a thread takes it is not made") {
    run_in_test_loop([]() -> Coroutine<void> {
        ThreadPoolExecutor pool(1);
        Gate gate;
        bool called = false;
        const auto first = run_in_executor(pool, [&gate] { gate.wait(); });
        const auto second = run_in_executor(pool, [&called] { called = true; });
        REQUIRE(second.cancel());
        co_await settle();
        gate.open();
        co_await first;
        pool.shutdown();
        REQUIRE(!called);
        REQUIRE(second.cancelled());
    });
}

TEST_CASE("a call that is cancelled later runs on, and its result is dropped") {
    run_in_test_loop([]() -> Coroutine<void> {
        ThreadPoolExecutor pool(1);
        Gate begun, gate;
        const auto call = run_in_executor(pool, [&] {
            begun.open();
            gate.wait();
            return 1;
        });
        const auto wait = [&begun] { begun.wait(); };
        co_await to_thread(wait);
        REQUIRE(call.cancel());
        gate.open();
        const auto other = run_in_executor(pool, [] { return 2; });
        const int next = co_await other;
        REQUIRE(next == 2);
        REQUIRE(call.cancelled());
    });
}

TEST_CASE("after shutdown an executor takes no calls; what it has taken is done") {
    run_in_test_loop([]() -> Coroutine<void> {
        REQUIRE_THROWS_AS(ThreadPoolExecutor(0), ValueError);
        ThreadPoolExecutor pool(1);
        const auto first = run_in_executor(pool, [] { return 1; });
        const auto second = run_in_executor(pool, [] { return 2; });
        pool.shutdown(false);
        REQUIRE_THROWS_WITH(run_in_executor(pool, [] {}),
                            "cannot schedule new futures after shutdown");
        co_await first;
        co_await second;
        REQUIRE(first.result() == 1);
        REQUIRE(second.result() == 2);
    });
}

TEST_CASE("a loop waits for its threads when it goes, but not when a signal has come") {
    std::atomic<bool> begun = false, done = false;
    run_in_test_loop([&]() -> Coroutine<void> {
        create_task(to_thread([&] {
            begun = true;
            std::this_thread::sleep_for(20ms);
            done = true;
        }));
        while (!begun) co_await sleep(0s);
    });
    REQUIRE(done);

    // The thread may outlive what it was called for: so all that it uses is shared.
    const auto taken = std::make_shared<Gate>(), gate = std::make_shared<Gate>();
    const auto ended = std::make_shared<Gate>();
    {
        Texts errors;
        TestLoop loop(errors);
        run_in_executor(nullptr, [taken, gate, ended] {
            taken->open();
            gate->wait();
            ended->open();
        });
        taken->wait();
        zen::stopping = true;
    } // does not hang
    zen::stopping = false;
    gate->open();
    ended->wait();
}

TEST_CASE("run waits for the threads of its loop, and the next run has threads of its own") {
    Texts errors;
    TestLoop loop(errors);
    for (int round = 1; round <= 2; ++round) {
        std::atomic<bool> begun = false, done = false;
        const auto body = [&]() -> Coroutine<void> {
            create_task(to_thread([&] {
                begun = true;
                std::this_thread::sleep_for(20ms);
                done = true;
            }));
            while (!begun) {
                co_await sleep(0s);
            }
        };
        run(body, loop);
        REQUIRE(done);
    }
    REQUIRE(errors == Texts());
}

TEST_CASE("run_coroutine_threadsafe: result, exception, timeout") {
    run_in_test_loop([]() -> Coroutine<void> {
        EventLoop &loop = get_running_loop();
        const auto in_thread = [&loop] {
            REQUIRE(run_coroutine_threadsafe(later(1s, 5), loop).result() == 5);
            run_coroutine_threadsafe(sleep(0s), loop).result(10s);
            std::string what;
            try {
                run_coroutine_threadsafe(fail_later(1s, "broken"), loop).result();
            } catch (const RuntimeError &error) {
                what = error.what();
            }
            const auto future = run_coroutine_threadsafe(forever(), loop);
            try {
                future.result(1ms);
            } catch (const TimeoutError &) {
                what += ", late";
            }
            return what + (future.cancel() ? ", cancelled" : "");
        };
        const auto what = co_await to_thread(in_thread);
        REQUIRE(what == "broken, late, cancelled");
    });
}

TEST_CASE("run_coroutine_threadsafe: cancelled from outside, and from inside") {
    run_in_test_loop([]() -> Coroutine<void> {
        EventLoop &loop = get_running_loop();
        const auto cancel = [&loop] {
            const auto future = run_coroutine_threadsafe(forever(), loop);
            const bool first = future.cancel(), again = future.cancel();
            try {
                future.result();
            } catch (const CancelledError &) {
                return first && !again && future.done();
            }
            return false;
        };
        const bool outside = co_await to_thread(cancel);
        REQUIRE(outside);
        co_await settle();
        REQUIRE(all_tasks().size() == 1); // the task has ended, too

        const auto wait = [&loop] {
            try {
                run_coroutine_threadsafe(forever(), loop).result();
            } catch (const CancelledError &) {
                return true;
            }
            return false;
        };
        const auto waiting = create_task(to_thread(wait));
        while (all_tasks().size() < 3) co_await sleep(0s);
        all_tasks().back().cancel();
        const bool inside = co_await waiting;
        REQUIRE(inside);
    });
}

TEST_CASE("run_coroutine_threadsafe: who waits when the loop goes is not left waiting") {
    std::atomic<bool> begun = false;
    std::atomic<int> cancelled = 0;
    const auto wait = [&cancelled](EventLoop &loop) {
        try {
            run_coroutine_threadsafe(forever(), loop).result();
        } catch (const CancelledError &) {
            ++cancelled;
        }
    };
    std::thread other; // that the loop does not know
    run_in_test_loop([&]() -> Coroutine<void> {
        EventLoop &loop = get_running_loop();
        other = std::thread([&] { wait(loop); });
        while (all_tasks().size() < 2) co_await sleep(0s);
        create_task(to_thread([&] {
            begun = true;
            while (cancelled == 0) std::this_thread::yield(); // until run() cancels all tasks
            wait(loop);
        }));
        while (!begun) co_await sleep(0s);
    });
    other.join();
    REQUIRE(cancelled == 2);
}
