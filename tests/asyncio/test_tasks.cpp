// Tasks: how they begin and end, what they are asked, what is said of those that are left.
#include "loop.h"

using namespace asyncio_tests;

namespace {
Coroutine<int> note(Texts *seen, std::string what) {
    seen->push_back(what);
    co_return int(seen->size());
}
} // namespace

TEST_CASE("23: a coroutine that is called does not run; its task runs in the next turn") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        { const auto never_awaited = note(&seen, "never"); }
        const auto task = create_task(note(&seen, "task"));
        seen.push_back("main");
        co_await task;
        CHECK(seen == Texts{"main", "task"});
    });
}

TEST_CASE("23: a task keeps the closure of its lambda, and the arguments of its coroutine") {
    const std::string result = run_in_test_loop([]() -> Coroutine<std::string> {
        Task<std::string> task;
        {
            const std::string captured(100, 'a');
            task = create_task([captured]() -> Coroutine<std::string> {
                co_await sleep(1s);
                co_return captured;
            });
        }
        co_return co_await task;
    });
    REQUIRE(result == std::string(100, 'a'));
}

TEST_CASE("24: to await a coroutine runs it at once, in the same task, without the loop") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const int turns = test_loop().turns;
        const auto same_task = [](AnyTask task) -> Coroutine<bool> {
            co_return current_task() == task;
        };
        create_task(note(&seen, "other task"));
        const int count = co_await note(&seen, "awaited");
        CHECK(count == 1);
        const bool same = co_await same_task(current_task());
        CHECK(same);
        CHECK(seen == Texts{"awaited"});
        CHECK(test_loop().turns == turns);
        co_await sleep(0s);
        CHECK(seen.size() == 2);
    });
}

TEST_CASE("24: an exception goes through all the coroutines that await each other") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const auto middle = [&seen]() -> Coroutine<int> {
            const Finally last([&seen] { seen.push_back("finally"); });
            co_return co_await fail_later(1s, "deep");
        };
        try {
            co_await middle();
        } catch (const RuntimeError &error) {
            seen.push_back(error.what());
        }
        CHECK(seen == Texts{"finally", "deep"});
    });
}

TEST_CASE("24: a coroutine is awaited once") {
    run_in_test_loop([]() -> Coroutine<void> {
        Coroutine<int> coroutine = later(0s, 3);
        const int result = co_await coroutine;
        CHECK(result == 3);
        std::string what;
        try {
            co_await coroutine;
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        CHECK(what == "cannot reuse already awaited coroutine");
    });
}

TEST_CASE("32: a task that awaits itself gets a RuntimeError") {
    run_in_test_loop([]() -> Coroutine<void> {
        Task<void> task;
        task = create_task([&task]() -> Coroutine<void> { co_await task; });
        std::string what;
        try {
            co_await task;
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        CHECK(what == "Task cannot await on itself");
        task = {};
    });
}

TEST_CASE("33: the result of a task cannot be set by others") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> task = create_task(later(1s, 3));
        CHECK_THROWS_AS(task.set_result(4), RuntimeError);
        CHECK_THROWS_AS(task.set_exception(ValueError("x")), RuntimeError);
        const int result = co_await task;
        CHECK(result == 3);
    });
}

TEST_CASE("34: current_task() is the one that runs, and none in a plain callback") {
    CHECK_FALSE(current_task());
    run_in_test_loop([]() -> Coroutine<void> {
        const AnyTask main = current_task();
        CHECK(main);
        AnyTask of_callback = main, of_task;
        get_running_loop().call_soon([&of_callback] { of_callback = current_task(); });
        const Task<void> task = create_task([&of_task]() -> Coroutine<void> {
            of_task = current_task();
            co_return;
        });
        co_await task;
        CHECK_FALSE(of_callback);
        CHECK(of_task == task);
        CHECK(current_task() == main);
    });
}

TEST_CASE("34: all_tasks() has those that have not ended") {
    run_in_test_loop([]() -> Coroutine<void> {
        const AnyTask main = current_task();
        const Task<int> brief = create_task(later(1s, 1)), lasting = create_task(later(2s, 2));
        CHECK(all_tasks() == std::vector<AnyTask>{main, brief, lasting});
        co_await brief;
        CHECK(all_tasks() == std::vector<AnyTask>{main, lasting});
        co_await lasting;
        CHECK(all_tasks() == std::vector<AnyTask>{main});
    });
}

TEST_CASE("34: tasks have names, by numbers if they are given none") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<int> first = create_task(later(0s, 1)), second = create_task(later(0s, 1));
        const Task<int> named = create_task(later(0s, 1), "Ann");
        const int number = std::stoi(first.get_name().substr(5));
        CHECK(first.get_name() == "Task-" + std::to_string(number));
        CHECK(second.get_name() == "Task-" + std::to_string(number + 1));
        CHECK(named.get_name() == "Ann");
        named.set_name("Bob");
        CHECK(named.get_name() == "Bob");
        co_return;
    });
}

TEST_CASE("35: an exception of a task that nobody retrieves is reported, once") {
    Texts errors;
    TestLoop loop(errors);
    run(
        []() -> Coroutine<void> {
            create_task(fail_later(1s, "lost"));
            const Task<int> retrieved = create_task(fail_later(1s, "seen"));
            co_await sleep(2s);
            CHECK(describe(retrieved.exception()) == "seen");
        },
        loop);
    REQUIRE(errors == Texts{"Task exception was never retrieved: lost"});
}

TEST_CASE("35: a loop that goes says which tasks were pending, and ends their frames") {
    Texts errors, seen;
    {
        TestLoop loop(errors);
        const Future<void> never;
        create_task(
            [&seen, never]() -> Coroutine<void> {
                const Finally last([&seen] { seen.push_back("inner"); });
                co_await never; // the frame and the future own each other
            },
            "lost");
        loop.call_later(1s, [&loop] { loop.stop(); });
        loop.run_forever();
        REQUIRE(seen == Texts());
    }
    REQUIRE(errors == Texts{"Task was destroyed but it is pending! lost"});
    REQUIRE(seen == Texts{"inner"});
}

TEST_CASE("35: the frames of nested coroutines and timers end with the loop, too") {
    Texts errors, seen;
    Task<void> outlives;
    {
        TestLoop loop(errors);
        outlives = create_task(
            [&seen]() -> Coroutine<void> {
                const Finally last([&seen] { seen.push_back("outer"); });
                co_await sleep(1000s); // its frame drops a timer of the loop
            },
            "sleeper");
        create_task(later(1000s, 1), "second");
        create_task(later(0s, 1), "not begun");
        REQUIRE(errors == Texts());
        loop.call_soon([&loop] { loop.stop(); });
    }
    REQUIRE(errors.size() == 3);
    REQUIRE(seen == Texts());
    REQUIRE_FALSE(outlives.done());
}

TEST_CASE("36: sleep(0) gives way for exactly one turn") {
    run_in_test_loop([]() -> Coroutine<void> {
        const int turns = test_loop().turns;
        co_await sleep(0s);
        CHECK(test_loop().turns == turns + 1);
        co_await sleep(-1s);
        CHECK(test_loop().turns == turns + 2);
        Texts seen;
        const auto take_turns = [&seen](std::string name) -> Coroutine<void> {
            for (int i = 0; i < 2; ++i) {
                seen.push_back(name);
                co_await sleep(0s);
            }
        };
        const auto a = create_task(take_turns("a")), b = create_task(take_turns("b"));
        co_await a;
        co_await b;
        CHECK(seen == Texts{"a", "b", "a", "b"});
    });
}

TEST_CASE("36: sleep lasts as long as it says, and gives its result") {
    run_in_test_loop([]() -> Coroutine<void> {
        co_await sleep(1.5s);
        CHECK(test_loop().elapsed() == 1500);
        const std::string result = co_await sleep(100ms, std::string("done"));
        CHECK(result == "done");
        CHECK(test_loop().elapsed() == 1600);
    });
}

TEST_CASE("36: a cancelled sleep leaves no timer") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<void> task = create_task(sleep(1000s));
        co_await sleep(0s);
        CHECK(test_loop().timers() == 1);
        task.cancel();
        co_await settle();
        CHECK(task.cancelled());
        CHECK(test_loop().timers() == 0);
        CHECK(test_loop().elapsed() == 0);
    });
}
