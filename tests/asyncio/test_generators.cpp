// AsyncGenerator: values one after the other, with waits between them.
#include "../../asyncio/generators.h"
#include "loop.h"

using namespace asyncio_tests;

namespace {
AsyncGenerator<int> count(int end, Texts *seen = nullptr) {
    const Finally last([seen] {
        if (seen) seen->push_back("finally");
    });
    for (int i = 0; i < end; ++i) {
        co_await sleep(1s);
        co_yield i;
    }
}
AsyncGenerator<std::string> without_waiting() {
    co_yield "a";
    const std::string text(100, 'b');
    co_yield text;
}
AsyncGenerator<int> failing() {
    co_yield 1;
    throw RuntimeError("broken");
}
/// A generator that uses another one.
AsyncGenerator<int> squares(int end) {
    AsyncGenerator<int> numbers = count(end);
    while (true) {
        const auto next = co_await numbers.next();
        if (!next) co_return;
        co_yield *next **next;
    }
}
template <class T> Coroutine<std::vector<T>> all_of(AsyncGenerator<T> generator) {
    std::vector<T> all;
    while (true) {
        const auto next = co_await generator.next();
        if (!next) co_return all;
        all.push_back(*next);
    }
}
} // namespace

TEST_CASE("a generator gives its values, then nothing, again and again") {
    run_in_test_loop([]() -> Coroutine<void> {
        AsyncGenerator<int> numbers = count(3);
        REQUIRE(test_loop().elapsed() == 0);
        for (int i = 0; i < 3; ++i) {
            const auto next = co_await numbers.next();
            REQUIRE(next == i);
            REQUIRE(test_loop().elapsed() == 1000 * (i + 1));
        }
        for (int i = 0; i < 2; ++i) {
            const auto end = co_await numbers.next();
            REQUIRE(!end);
        }
    });
}

TEST_CASE("a generator that does not wait needs no turn of the loop") {
    run_in_test_loop([]() -> Coroutine<void> {
        const int turns = test_loop().turns;
        const auto texts = co_await all_of(without_waiting());
        REQUIRE(texts == Texts{"a", std::string(100, 'b')});
        REQUIRE(test_loop().turns == turns);
    });
}

TEST_CASE("generators within generators; others run while they wait") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto both = co_await gather(all_of(squares(4)), all_of(count(3)));
        REQUIRE(std::get<0>(both) == std::vector{0, 1, 4, 9});
        REQUIRE(std::get<1>(both) == std::vector{0, 1, 2});
        REQUIRE(test_loop().elapsed() == 4000);
    });
}

TEST_CASE("what a generator throws comes out of next, and then it has ended") {
    run_in_test_loop([]() -> Coroutine<void> {
        AsyncGenerator<int> numbers = failing();
        const auto first = co_await numbers.next();
        REQUIRE(first == 1);
        std::string what;
        try {
            co_await numbers.next();
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        REQUIRE(what == "broken");
        const auto end = co_await numbers.next();
        REQUIRE(!end);
    });
}

TEST_CASE("a task that is cancelled in a generator cleans up there") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        const auto task = create_task(all_of(count(3, &seen)));
        co_await sleep(1500ms);
        task.cancel();
        co_await settle();
        REQUIRE(task.cancelled());
        REQUIRE(seen == Texts{"finally"});
    });
}

TEST_CASE("a generator that is left before its end cleans up at once") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts seen;
        {
            AsyncGenerator<int> numbers = count(3, &seen);
            co_await numbers.next();
            REQUIRE(seen.empty());
        }
        REQUIRE(seen == Texts{"finally"});
        { AsyncGenerator<int> never = count(3, &seen); }
        REQUIRE(seen == Texts{"finally"}); // it had not begun
    });
}

TEST_CASE("two tasks cannot ask a generator at the same time") {
    run_in_test_loop([]() -> Coroutine<void> {
        AsyncGenerator<int> numbers = count(3);
        const auto ask = [&numbers]() -> Coroutine<int> {
            const auto next = co_await numbers.next();
            co_return *next;
        };
        const auto first = create_task(ask), second = create_task(ask);
        co_await sleep(2s);
        REQUIRE(first.result() == 0);
        REQUIRE_THROWS_WITH(second.result(), "anext(): asynchronous generator is already running");
    });
}

TEST_CASE("a million values need no stack") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto numbers = [](int end) -> AsyncGenerator<int> {
            for (int i = 0; i < end; ++i) co_yield i;
        };
        const auto all = co_await all_of(numbers(1'000'000));
        REQUIRE(all.size() == 1'000'000);
    });
}
