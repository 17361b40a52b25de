// Lock, Event, Condition, Semaphore.
#include "loop.h"

using namespace asyncio_tests;

namespace {
/// Takes a lock for a turn, and notes it.
template <class L> Coroutine<void> take(L lock, Texts *seen, std::string name) {
    co_await lock.acquire();
    seen->push_back(name);
    co_await sleep(0s);
    lock.release();
}
Coroutine<void> hold(Lock lock, Seconds time) {
    const auto held = co_await with(lock);
    co_await sleep(time);
}
Coroutine<void> wait_for_event(Event event, Texts *seen, std::string name) {
    co_await event.wait();
    seen->push_back(name);
}
Coroutine<void> wait_for_notice(Condition condition, Texts *seen, std::string name) {
    const auto held = co_await with(condition);
    co_await condition.wait();
    CHECK(condition.locked());
    seen->push_back(name);
}
} // namespace

TEST_CASE("50: a lock goes to those who wait in the order in which they came") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Lock lock;
        Texts seen;
        std::vector<Task<void>> tasks;
        for (const auto name : {"a", "b", "c"})
            tasks.push_back(create_task(take(lock, &seen, name)));
        co_await gather(tasks);
        CHECK(seen == Texts{"a", "b", "c"});
        CHECK_FALSE(lock.locked());
    });
}

TEST_CASE("50: with() has the lock until its block ends, also by an exception") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Lock lock;
        try {
            const auto held = co_await with(lock);
            CHECK(lock.locked());
            throw ValueError("x");
        } catch (const ValueError &) {
            CHECK_FALSE(lock.locked());
        }
    });
}

TEST_CASE("50: a waiter that is cancelled is skipped") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Lock lock;
        Texts seen;
        co_await lock.acquire();
        const auto first = create_task(take(lock, &seen, "first"));
        const auto second = create_task(take(lock, &seen, "second"));
        co_await settle();
        first.cancel();
        lock.release(); // in the same turn: the first one is still in line
        co_await settle();
        CHECK(first.cancelled());
        CHECK(seen == Texts{"second"});
    });
}

TEST_CASE("50: nobody takes the lock before those who wait") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Lock lock;
        Texts seen;
        co_await lock.acquire();
        create_task(take(lock, &seen, "waits"));
        co_await settle();
        lock.release();
        CHECK_FALSE(lock.locked()); // free, but it is the turn of the one that was woken
        co_await take(lock, &seen, "main");
        CHECK(seen == Texts{"waits", "main"});
    });
}

TEST_CASE("51: a waiter that is cancelled after it was woken passes the lock on") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Lock lock;
        Texts seen;
        co_await lock.acquire();
        const auto first = create_task(take(lock, &seen, "first"));
        const auto second = create_task(take(lock, &seen, "second"));
        co_await settle();
        lock.release(); // wakes the first one,
        first.cancel(); // which is cancelled before it goes on
        co_await settle();
        CHECK(first.cancelled());
        CHECK(second.done());
        CHECK(seen == Texts{"second"});
        CHECK_FALSE(lock.locked());
    });
}

TEST_CASE("52: to release a lock that nobody has is a RuntimeError") {
    REQUIRE_THROWS_WITH(Lock().release(), "Lock is not acquired.");
}

TEST_CASE("53: an event wakes all who wait, and then lets everybody pass") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Event event;
        Texts seen;
        create_task(wait_for_event(event, &seen, "a"));
        create_task(wait_for_event(event, &seen, "b"));
        co_await settle();
        CHECK(seen == Texts());
        event.set();
        CHECK(event.is_set());
        co_await settle();
        CHECK(seen == Texts{"a", "b"});
        co_await wait_for_event(event, &seen, "c");
        CHECK(seen.back() == "c");
    });
}

TEST_CASE("53: set and clear at once wake those who waited, and no others") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Event event;
        Texts seen;
        create_task(wait_for_event(event, &seen, "a"));
        create_task(wait_for_event(event, &seen, "b"));
        co_await settle();
        event.set();
        event.clear();
        const auto late = create_task(wait_for_event(event, &seen, "late"));
        co_await settle();
        CHECK(seen == Texts{"a", "b"});
        late.cancel();
    });
}

TEST_CASE("54: a wait that is cancelled has the lock again before CancelledError comes out") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Lock lock;
        const Condition condition(lock);
        Texts seen;
        const auto waiting = create_task([condition, &seen]() -> Coroutine<void> {
            const auto held = co_await with(condition);
            const Finally last([&seen, condition] {
                seen.push_back(condition.locked() ? "with the lock" : "without");
            });
            co_await condition.wait();
        });
        co_await settle();
        CHECK_FALSE(lock.locked());
        const auto other = create_task(hold(lock, 5s));
        co_await settle();
        waiting.cancel();
        co_await settle();
        CHECK_FALSE(waiting.done()); // the other one has the lock
        waiting.cancel();            // cancelled again while it waits for it
        co_await settle();
        CHECK_FALSE(waiting.done());
        co_await other;
        co_await settle();
        CHECK(waiting.cancelled());
        CHECK(seen == Texts{"with the lock"});
        CHECK_FALSE(lock.locked());
    });
}

TEST_CASE("54: notified and cancelled at once, it passes the notice on") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Condition condition;
        Texts seen;
        const auto first = create_task(wait_for_notice(condition, &seen, "first"));
        const auto second = create_task(wait_for_notice(condition, &seen, "second"));
        co_await settle();
        co_await condition.acquire();
        condition.notify();
        first.cancel();
        condition.release();
        co_await settle();
        CHECK(first.cancelled());
        CHECK(second.done());
        CHECK(seen == Texts{"second"});
    });
}

TEST_CASE("55: without the lock, wait and notify are RuntimeErrors") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Condition condition;
        CHECK_THROWS_WITH(condition.notify(), "cannot notify on un-acquired lock.");
        std::string what;
        try {
            co_await condition.wait();
        } catch (const RuntimeError &error) {
            what = error.what();
        }
        CHECK(what == "cannot wait on un-acquired lock");
    });
}

TEST_CASE("55: notify(n) wakes n, notify_all() all, wait_for() waits for its predicate") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Condition condition;
        Texts seen;
        for (const auto name : {"a", "b", "c", "d", "e"})
            create_task(wait_for_notice(condition, &seen, name));
        co_await settle();
        const auto full = create_task([condition, &seen]() -> Coroutine<void> {
            const auto held = co_await with(condition);
            const auto all_have_seen_it = [&seen] { return seen.size() == 5; };
            co_await condition.wait_for(all_have_seen_it);
            seen.push_back("full");
        });
        co_await settle();
        co_await condition.acquire();
        condition.notify(2);
        condition.release();
        co_await settle();
        CHECK(seen == Texts{"a", "b"});
        for (int i = 0; i < 2; ++i) {
            co_await condition.acquire();
            condition.notify_all();
            condition.release();
            co_await settle();
        }
        CHECK(seen == Texts{"a", "b", "c", "d", "e", "full"});
    });
}

TEST_CASE("56: a semaphore has so many permits, and gives them in order") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Semaphore semaphore(2);
        Texts seen;
        std::vector<Task<void>> tasks;
        for (const auto name : {"a", "b", "c", "d"})
            tasks.push_back(create_task(take(semaphore, &seen, name)));
        co_await sleep(0s);
        CHECK(seen == Texts{"a", "b"});
        CHECK(semaphore.locked());
        co_await gather(tasks);
        CHECK(seen == Texts{"a", "b", "c", "d"});
        CHECK_FALSE(semaphore.locked());
    });
}

TEST_CASE("56: nobody takes a permit before those who wait") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Semaphore semaphore(1);
        Texts seen;
        co_await semaphore.acquire();
        create_task(take(semaphore, &seen, "waits"));
        co_await settle();
        semaphore.release();
        CHECK(semaphore.locked());
        co_await take(semaphore, &seen, "main");
        CHECK(seen == Texts{"waits", "main"});
    });
}

TEST_CASE("56: who is cancelled, before it is woken or after, passes its permit on") {
    for (const bool woken_first : {false, true})
        run_in_test_loop([woken_first]() -> Coroutine<void> {
            const Semaphore semaphore(1);
            Texts seen;
            co_await semaphore.acquire();
            const auto first = create_task(take(semaphore, &seen, "first"));
            const auto second = create_task(take(semaphore, &seen, "second"));
            const auto third = create_task(take(semaphore, &seen, "third"));
            co_await settle();
            if (woken_first) semaphore.release();
            first.cancel();
            if (!woken_first) semaphore.release();
            co_await settle();
            CHECK(first.cancelled());
            CHECK(seen == Texts{"second", "third"});
            CHECK_FALSE(semaphore.locked());
        });
}

TEST_CASE("56: several released at once wake several, also if one of them was cancelled") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Semaphore semaphore(0);
        Texts seen;
        const auto first = create_task(take(semaphore, &seen, "first"));
        create_task(take(semaphore, &seen, "second"));
        create_task(take(semaphore, &seen, "third"));
        co_await settle();
        semaphore.release();
        semaphore.release();
        first.cancel();
        co_await sleep(0s);
        co_await sleep(0s);
        CHECK(seen == Texts{"second", "third"});
        co_await settle();
    });
}

TEST_CASE("56: a bounded semaphore that is released too often throws ValueError") {
    run_in_test_loop([]() -> Coroutine<void> {
        const BoundedSemaphore semaphore(2);
        co_await semaphore.acquire();
        semaphore.release();
        CHECK_THROWS_WITH(semaphore.release(), "BoundedSemaphore released too many times");
        const auto held = co_await with(semaphore);
        CHECK_FALSE(semaphore.locked());
    });
}
