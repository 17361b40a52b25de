// Queue.
#include "loop.h"

using namespace asyncio_tests;

namespace {
Coroutine<void> get_into(Queue<int> queue, std::vector<int> *seen) {
    const int item = co_await queue.get();
    seen->push_back(item);
}
} // namespace

TEST_CASE("57: put waits while the queue is full; items come in the order in which they went in") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Queue<int> queue(2);
        const auto producer = create_task([queue]() -> Coroutine<void> {
            for (int i = 0; i < 5; ++i) co_await queue.put(i);
        });
        co_await settle();
        CHECK(queue.qsize() == 2);
        CHECK(queue.full());
        std::vector<int> seen;
        for (int i = 0; i < 5; ++i) co_await get_into(queue, &seen);
        CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
        CHECK(producer.done());
        CHECK(queue.empty());
    });
}

TEST_CASE("57: get waits while the queue is empty, and those who wait are served in order") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Queue<std::unique_ptr<int>> queue; // of what can only be moved
        Texts seen;
        const auto consumer = [queue, &seen](std::string name) -> Coroutine<void> {
            const auto item = co_await queue.get();
            seen.push_back(name + std::to_string(*item));
        };
        const auto a = create_task(consumer("a")), b = create_task(consumer("b"));
        co_await settle();
        CHECK(seen == Texts());
        for (int i = 0; i < 2; ++i) co_await queue.put(std::make_unique<int>(i));
        co_await gather(a, b);
        CHECK(seen == Texts{"a0", "b1"});
    });
}

TEST_CASE("57: a getter that is cancelled, before it is woken or after, loses no item") {
    for (const bool woken_first : {false, true})
        run_in_test_loop([woken_first]() -> Coroutine<void> {
            const Queue<int> queue;
            std::vector<int> seen;
            const auto first = create_task(get_into(queue, &seen));
            const auto second = create_task(get_into(queue, &seen));
            co_await settle();
            if (woken_first) queue.put_nowait(7);
            first.cancel();
            if (!woken_first) queue.put_nowait(7);
            co_await settle();
            CHECK(first.cancelled());
            CHECK(second.done());
            CHECK(seen == std::vector<int>{7});
        });
}

TEST_CASE("57: a putter that is cancelled after it was woken lets the next one in") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Queue<int> queue(1);
        queue.put_nowait(0);
        const auto first = create_task(queue.put(1)), second = create_task(queue.put(2));
        co_await settle();
        CHECK(queue.get_nowait() == 0);
        first.cancel();
        co_await settle();
        CHECK(first.cancelled());
        CHECK(second.done());
        CHECK(queue.get_nowait() == 2);
    });
}

TEST_CASE("57: no getter waits while there are items, whoever was cancelled") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Queue<int> queue(1);
        queue.put_nowait(0);
        const auto putter = create_task(queue.put(1));
        std::vector<int> seen;
        co_await settle();
        CHECK(queue.get_nowait() == 0);
        const auto getter = create_task(get_into(queue, &seen));
        putter.cancel();
        co_await settle();
        CHECK_FALSE(getter.done());
        queue.put_nowait(2);
        co_await settle();
        CHECK(getter.done());
        CHECK(seen == std::vector<int>{2});
    });
}

TEST_CASE("58: get_nowait and put_nowait do not wait: QueueEmpty, QueueFull") {
    const Texts nothing;
    Texts errors;
    TestLoop loop(errors);
    const Queue<int> queue(1);
    REQUIRE_THROWS_AS(queue.get_nowait(), QueueEmpty);
    queue.put_nowait(3);
    REQUIRE_THROWS_AS(queue.put_nowait(4), QueueFull);
    REQUIRE(queue.get_nowait() == 3);
}

TEST_CASE("58: task_done for more items than were put in is a ValueError") {
    const Queue<int> queue;
    REQUIRE_THROWS_WITH(queue.task_done(), "task_done() called too many times");
    queue.put_nowait(1);
    queue.task_done();
    REQUIRE_THROWS_AS(queue.task_done(), ValueError);
}

TEST_CASE("58: join waits for the last task_done, and not at all for an empty queue") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Queue<int> queue;
        co_await queue.join();
        for (int i = 0; i < 3; ++i) queue.put_nowait(i);
        const auto worker = create_task([queue]() -> Coroutine<void> {
            for (;;) {
                co_await queue.get();
                co_await sleep(1s);
                queue.task_done();
            }
        });
        co_await queue.join();
        CHECK(test_loop().elapsed() == 3000);
        CHECK(queue.empty());
        co_await queue.join();
    });
}
