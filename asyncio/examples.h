// examples.h: half of the examples of tour: coroutines, what waits for several tasks, what they
// share. The others, and the list of all, are in tour.cpp: those with a lambda in a coroutine, for
// which g++ has a warning in headers.
#pragma once

#include "waiting.h"

using namespace std::chrono_literals;
using asyncio::Coroutine, asyncio::create_task, asyncio::sleep, asyncio::wait_for, zen::print;
using std::to_string;

// ---- Coroutines and tasks
inline Coroutine<void> hello() {
    print("Hello ...");
    co_await sleep(500ms);
    print("... World!");
}

inline Coroutine<void> say_after(asyncio::Seconds delay, std::string what) {
    co_await sleep(delay);
    print(what);
}
inline Coroutine<void> delay() {
    print("one after the other:");
    co_await say_after(600ms, "hello, after the longer delay");
    co_await say_after(200ms, "world, after the shorter one");
    print("finished");
}

inline Coroutine<void> concurrent() {
    print("at the same time:");
    const auto hello_task = create_task(say_after(600ms, "hello, after the longer delay"));
    const auto world_task = create_task(say_after(200ms, "world, after the shorter one"));
    co_await hello_task;
    co_await world_task;
    print("finished");
}

// ---- Several at a time
inline Coroutine<std::string> eternity() {
    co_await sleep(1h);
    co_return "yay!";
}
inline Coroutine<void> timeout() {
    try {
        const auto result = co_await wait_for(eternity(), 300ms);
        print(result);
    } catch (const asyncio::TimeoutError &) {
        print("timeout!");
    }
}

inline Coroutine<std::string> slowly() {
    co_await sleep(800ms);
    co_return "the result";
}
inline Coroutine<void> shield() {
    const auto task = create_task(slowly());
    try {
        co_await wait_for(asyncio::shield(task), 300ms);
    } catch (const asyncio::TimeoutError &) {
        print("it takes longer than expected");
    }
    const auto result = co_await task; // not cancelled, as it was shielded
    print(result);
}

inline Coroutine<int> factorial(std::string name, int number) {
    int result = 1;
    for (int i = 2; i <= number; ++i) {
        print("Task ", name, ": factorial(", to_string(number), "), i = ", to_string(i));
        co_await sleep(300ms);
        result *= i;
    }
    print("Task ", name, ": factorial(", to_string(number), ") = ", to_string(result));
    co_return result;
}
inline Coroutine<void> gather() {
    const auto all =
        co_await asyncio::gather(factorial("A", 2), factorial("B", 3), factorial("C", 4));
    const auto [a, b, c] = all;
    print("[", to_string(a), ", ", to_string(b), ", ", to_string(c), "]");
}

inline Coroutine<int> divide(asyncio::Seconds delay, int number, int by) {
    co_await sleep(delay);
    if (by == 0) throw std::runtime_error("division by zero");
    co_return number / by;
}
inline Coroutine<void> exceptions() {
    const auto six = create_task(divide(600ms, 6, 1));
    try {
        co_await asyncio::gather(divide(200ms, 1, 0), six);
    } catch (const std::runtime_error &error) {
        print("gather throws: ", error.what());
    }
    const int result = co_await six;
    print("the other one has run on: ", to_string(result));
    const auto both =
        co_await asyncio::gather(asyncio::return_exceptions, divide(0s, 1, 0), divide(0s, 8, 2));
    const auto &[bad, good] = both;
    print("an exception as a result: ", asyncio::describe(bad.exception));
    print("and a result: ", to_string(*good.value));
}

inline Coroutine<int> after(asyncio::Seconds delay, int result) { return sleep(delay, result); }
inline Coroutine<void> completed() {
    std::vector<Coroutine<int>> three;
    three.push_back(after(700ms, 1));
    three.push_back(after(100ms, 2));
    three.push_back(after(400ms, 3));
    for (auto &next : asyncio::as_completed(std::move(three))) {
        const int result = co_await next;
        print("completed: ", to_string(result));
    }
}

// Three tasks that end after 0.1, 0.4 and 0.7 seconds; the second one may fail.
inline std::vector<asyncio::Task<int>> three_tasks(int by) {
    return {create_task(divide(100ms, 1, 1)), create_task(divide(400ms, 2, by)),
            create_task(divide(700ms, 3, 1))};
}
inline Coroutine<void> show_wait(int by, asyncio::ReturnWhen until,
                                 std::optional<asyncio::Seconds> limit) {
    const auto tasks = three_tasks(by);
    const auto result = co_await asyncio::wait(tasks, until, limit);
    print("done: ", to_string(result.done.size()), ", pending: ", to_string(result.pending.size()));
    for (const auto &task : result.done)
        if (task.exception()) print("one has failed: ", asyncio::describe(task.exception()));
    for (const auto &task : result.pending) task.cancel(); // wait itself cancels nothing
}
inline Coroutine<void> wait_all() { return show_wait(1, asyncio::ALL_COMPLETED, {}); }
inline Coroutine<void> wait_first() { return show_wait(1, asyncio::FIRST_COMPLETED, {}); }
inline Coroutine<void> wait_exception() { return show_wait(0, asyncio::FIRST_EXCEPTION, {}); }
inline Coroutine<void> wait_timeout() { return show_wait(1, asyncio::ALL_COMPLETED, 550ms); }

// ---- Tasks that share something
inline int total = 0;
inline Coroutine<void> add_one() {
    const int before = total;
    co_await sleep(50ms); // here the others run
    total = before + 1;
}
inline Coroutine<void> add_one_with(asyncio::Lock lock) {
    const auto held = co_await asyncio::with(lock);
    co_await add_one();
}
inline Coroutine<void> lock() {
    total = 0;
    co_await asyncio::gather(add_one(), add_one(), add_one());
    print("three times one, without a lock: ", to_string(total));
    total = 0;
    const asyncio::Lock lock;
    co_await asyncio::gather(add_one_with(lock), add_one_with(lock), add_one_with(lock));
    print("three times one, with a lock: ", to_string(total));
}

inline int inside = 0, most_inside = 0;
inline Coroutine<void> come_in(std::string name, asyncio::Semaphore semaphore) {
    const auto held = co_await asyncio::with(semaphore);
    print(name, " comes in");
    most_inside = std::max(most_inside, ++inside);
    co_await sleep(200ms);
    --inside;
}
inline Coroutine<void> semaphore() {
    const asyncio::Semaphore two(2);
    co_await asyncio::gather(come_in("Anna", two), come_in("Bert", two), come_in("Cleo", two),
                             come_in("Dora", two));
    print("never more than ", to_string(most_inside), " inside");
}

inline Coroutine<void> produce(asyncio::Queue<int> queue) {
    for (int i = 1; i <= 4; ++i) {
        co_await queue.put(i); // waits while two are in it
        print("put ", to_string(i));
    }
}
inline Coroutine<void> consume(asyncio::Queue<int> queue) {
    while (true) {
        const int item = co_await queue.get();
        print("got ", to_string(item));
        co_await sleep(100ms);
        queue.task_done();
    }
}
inline Coroutine<void> queue() {
    const asyncio::Queue<int> queue(2);
    const auto consumer = create_task(consume(queue));
    co_await produce(queue);
    co_await queue.join();
    consumer.cancel(); // or it would wait for ever
    print("all is done");
}
