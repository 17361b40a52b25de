// The loop: callbacks, timers, descriptors, signals, other threads.
#include "loop.h"

#include <thread>

#include <sys/socket.h>

using namespace asyncio_tests;

namespace {
struct Fixture {
    Texts errors, seen;
    TestLoop loop{errors};
    auto note(std::string what) {
        return [this, what] { seen.push_back(what); };
    }
    void run(Seconds time = 0s) { // what is ready now, and what is within that time
        loop.call_later(time, [this] { loop.stop(); });
        loop.run_forever();
    }
};
struct Pair { // two connected sockets
    zen::Descriptor left{-1}, right{-1};
    Pair() {
        int numbers[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, numbers) == 0);
        left = zen::Descriptor(numbers[0]);
        right = zen::Descriptor(numbers[1]);
    }
};
} // namespace

TEST_CASE_METHOD(Fixture, "1: call_soon calls in order, each once, never within call_soon") {
    for (const auto name : {"a", "b", "c"}) loop.call_soon(note(name));
    REQUIRE(seen == Texts());
    run();
    run();
    REQUIRE(seen == Texts{"a", "b", "c"});
}

TEST_CASE_METHOD(Fixture, "2: what a callback schedules runs in the next turn, after a poll") {
    int turn_of_first = 0, turn_of_second = 0;
    loop.call_soon([&] {
        turn_of_first = loop.turns;
        loop.call_soon([&] { turn_of_second = loop.turns; });
    });
    run(1s);
    REQUIRE(turn_of_first == 1);
    REQUIRE(turn_of_second == 2);
}

TEST_CASE_METHOD(Fixture, "2: a callback that schedules itself for ever does not starve readers") {
    Pair pair;
    std::function<void()> again = [&] { loop.call_soon(again); };
    again();
    loop.add_reader(pair.left.get(), [&] { loop.stop(); });
    REQUIRE(write(pair.right.get(), "x", 1) == 1);
    loop.run_forever();
    REQUIRE(loop.turns < 5);
}

TEST_CASE_METHOD(Fixture, "3: a handle that is cancelled before its turn is not called") {
    const Handle first = loop.call_soon(note("first"));
    Handle third;
    loop.call_soon([&] { third.cancel(); }); // in the same turn
    third = loop.call_soon(note("third"));
    first.cancel();
    REQUIRE(first.cancelled());
    run();
    REQUIRE(seen == Texts());
    Handle().cancel(); // of none: nothing happens
}

TEST_CASE_METHOD(Fixture, "4: timers come by time, those of the same time in order, never early") {
    loop.call_later(3s, note("3"));
    loop.call_later(1s, note("1"));
    loop.call_at(loop.time() + 2s, note("2"));
    loop.call_later(1s, note("1 again"));
    loop.call_later(1.5s, [&] { seen.push_back(std::to_string(loop.elapsed())); });
    run(10s);
    REQUIRE(seen == Texts{"1", "1 again", "1500", "2", "3"});
}

TEST_CASE_METHOD(Fixture, "4: a cancelled timer is dropped, also in the turn in which it is due") {
    const TimerHandle late = loop.call_later(1000s, note("late"));
    REQUIRE(late.when() == loop.time() + 1000s);
    REQUIRE(loop.timers() == 1);
    late.cancel();
    REQUIRE(loop.timers() == 0);
    TimerHandle second;
    loop.call_later(1s, [&] { second.cancel(); });
    second = loop.call_later(1s, note("second"));
    run(2000s);
    REQUIRE(seen == Texts());
}

TEST_CASE_METHOD(Fixture, "4: timers of different functions for the same time are all called") {
    const Time when = loop.time() + 1ms;
    loop.call_at(when, [this] { seen.push_back("first"); }); // each lambda has a type of its own
    loop.call_at(when, [this] { seen.push_back("second"); });
    loop.call_at(when, [this] { seen.push_back("third"); });
    REQUIRE(loop.timers() == 3);
    run(1s);
    REQUIRE(seen == Texts{"first", "second", "third"});
}

TEST_CASE("4: with the real clock, a timer is not early either") {
    EventLoop loop;
    const auto start = Clock::now();
    loop.call_later(0.0105s, [&] { loop.stop(); });
    loop.run_forever();
    REQUIRE(Clock::now() - start >= 10'500us);
}

TEST_CASE_METHOD(Fixture, "5: an exception in a callback is reported, and the loop goes on") {
    loop.call_soon([] { throw RuntimeError("broken"); });
    loop.call_soon([] { throw 1; });
    loop.call_soon(note("next"));
    run();
    REQUIRE(seen == Texts{"next"});
    REQUIRE(errors ==
            Texts{"Exception in callback: broken", "Exception in callback: unknown exception"});
}

TEST_CASE_METHOD(Fixture, "5: an exception handler that throws does not end the loop") {
    loop.set_exception_handler([](auto &) { throw RuntimeError("of the handler"); });
    loop.call_soon([] { throw RuntimeError("broken"); });
    loop.call_soon(note("next"));
    run();
    REQUIRE(seen == Texts{"next"});
}

TEST_CASE("with ASYNCIO_DEBUG, what has kept the loop for long is told, and which task it was") {
    struct WorkingLoop : EventLoop { // whose time passes while a callback works
        Time now = Time();
        Time time() const override { return now; }
    };
    for (const bool debug : {false, true}) {
        debug ? setenv("ASYNCIO_DEBUG", "1", 1) : unsetenv("ASYNCIO_DEBUG");
        Texts seen;
        WorkingLoop loop;
        unsetenv("ASYNCIO_DEBUG");
        loop.set_exception_handler([&seen](auto &context) { seen.push_back(context.message); });
        loop.call_soon([&] { loop.now += 99ms; });
        loop.call_soon([&] { loop.now += 100ms; });
        loop.run_until_complete(create_task(
            [&]() -> Coroutine<void> {
                loop.now += 2s;
                co_await sleep(0s);
            },
            "slow"));
        REQUIRE(seen == (debug ? Texts{"Executing <Handle> took 0.100000 s",
                                       "Executing <Task slow> took 2.000000 s"}
                               : Texts()));
    }
}

TEST_CASE_METHOD(Fixture, "7: after stop(), what is ready still runs, and then the loop ends") {
    loop.call_soon([&] {
        loop.stop();
        loop.call_soon(note("next turn"));
    });
    loop.call_soon(note("same turn"));
    loop.run_forever();
    REQUIRE(seen == Texts{"same turn"});
    REQUIRE_FALSE(loop.is_running());
    run();
    REQUIRE(seen == Texts{"same turn", "next turn"});
    loop.stop(); // before it runs: one turn
    loop.call_soon(note("once"));
    loop.run_forever();
    REQUIRE(seen.back() == "once");
}

TEST_CASE("8: call_soon_threadsafe wakes a loop that sleeps, and calls in order") {
    EventLoop loop;
    Texts seen;
    std::thread other([&] {
        for (int i = 0; i < 100; ++i)
            loop.call_soon_threadsafe([&seen, i] { seen.push_back(std::to_string(i)); });
        loop.call_soon_threadsafe([&] { loop.stop(); });
    });
    loop.run_forever(); // without a timer or a descriptor, it would sleep for ever
    other.join();
    REQUIRE(seen.size() == 100);
    REQUIRE(seen.front() == "0");
    REQUIRE(seen.back() == "99");
}

TEST_CASE_METHOD(Fixture, "9: a new reader replaces the one before; to remove none gives false") {
    Pair pair;
    const int descriptor = pair.left.get();
    REQUIRE_FALSE(loop.remove_reader(descriptor));
    REQUIRE_FALSE(loop.remove_writer(descriptor));
    loop.add_reader(descriptor, note("old"));
    loop.add_reader(descriptor, note("new"));
    REQUIRE(write(pair.right.get(), "x", 1) == 1);
    run();
    REQUIRE(std::count(seen.begin(), seen.end(), "old") == 0);
    REQUIRE(std::count(seen.begin(), seen.end(), "new") > 0);
    REQUIRE(loop.remove_reader(descriptor));
    REQUIRE_FALSE(loop.remove_reader(descriptor));
    REQUIRE_THROWS_AS(loop.add_reader(-1, [] {}), ValueError);
}

TEST_CASE_METHOD(Fixture, "9: reader and writer of a descriptor do not depend on each other") {
    Pair pair;
    const int descriptor = pair.left.get();
    loop.add_reader(descriptor, note("reader"));
    loop.add_writer(descriptor, note("writer"));
    run();
    REQUIRE(std::count(seen.begin(), seen.end(), "reader") == 0);
    REQUIRE(std::count(seen.begin(), seen.end(), "writer") > 0);
    REQUIRE(loop.remove_writer(descriptor));
    seen.clear();
    REQUIRE(write(pair.right.get(), "x", 1) == 1);
    run();
    REQUIRE(std::count(seen.begin(), seen.end(), "reader") > 0);
    REQUIRE(std::count(seen.begin(), seen.end(), "writer") == 0);
    REQUIRE(loop.remove_reader(descriptor));
}

TEST_CASE_METHOD(Fixture, "10: a reader removed after its event was seen is not called") {
    Pair first, second;
    for (Pair *pair : {&first, &second}) REQUIRE(write(pair->right.get(), "x", 1) == 1);
    const auto end_both = [&](std::string name) {
        return [&, name] {
            seen.push_back(name);
            loop.remove_reader(first.left.get());
            loop.remove_reader(second.left.get());
        };
    };
    loop.add_reader(first.left.get(), end_both("first")); // which comes first, epoll decides
    loop.add_reader(second.left.get(), end_both("second"));
    run();
    REQUIRE(seen.size() == 1);
}

TEST_CASE_METHOD(Fixture, "10: a descriptor closed and used again gets no event of the old one") {
    Pair first, second;
    for (Pair *pair : {&first, &second}) REQUIRE(write(pair->right.get(), "x", 1) == 1);
    std::optional<Pair> next;
    const auto use_again = [&](Pair &other) {
        return [&] {
            if (next) return;
            loop.remove_reader(other.left.get());
            const int number = other.left.get();
            other.left = zen::Descriptor(-1);
            next.emplace();
            REQUIRE((next->left.get() == number || next->right.get() == number));
            loop.add_reader(number, note("the new one, which has nothing to read"));
        };
    };
    loop.add_reader(first.left.get(), use_again(second));
    loop.add_reader(second.left.get(), use_again(first));
    run();
    REQUIRE(next);
    REQUIRE(seen == Texts());
    REQUIRE(errors == Texts());
}

TEST_CASE_METHOD(Fixture, "11: a signal handler runs as a callback of the loop") {
    loop.add_signal_handler(SIGUSR1, [&] {
        note("signal")();
        loop.stop();
    });
    loop.call_soon([&] {
        raise(SIGUSR1); // its function does not run here
        note("callback")();
    });
    loop.run_forever();
    REQUIRE(seen == Texts{"callback", "signal"});
    REQUIRE(loop.remove_signal_handler(SIGUSR1));
    REQUIRE_FALSE(loop.remove_signal_handler(SIGUSR1));
    struct sigaction action = {};
    sigaction(SIGUSR1, nullptr, &action);
    REQUIRE(action.sa_handler == SIG_DFL);
}

TEST_CASE("A loop is found by its thread, and those who look for it") {
    REQUIRE_THROWS_AS(get_event_loop(), RuntimeError);
    Texts errors;
    TestLoop loop(errors);
    REQUIRE(&get_event_loop() == &loop);
    REQUIRE_THROWS_WITH(get_running_loop(), "no running event loop");
    loop.call_soon([&] {
        REQUIRE(&get_running_loop() == &loop);
        REQUIRE_THROWS_WITH(loop.run_forever(), "This event loop is already running");
        loop.stop();
    });
    loop.run_forever();
    REQUIRE(errors == Texts());
}
