// What the compiler has to do right, so that the rule "a co_await stands alone" is enough; how deep
// and how often; how many allocations. What is probed here is what the headers and programs use.
#include "loop.h"

#include <atomic>
#include <cstdlib>
#include <new>

using namespace asyncio_tests;

namespace {
std::atomic<long> allocations = 0, alive = 0;

/// Counts how many of it there are: what is destroyed twice, or never, is seen.
struct Counted {
    static inline long count = 0;
    std::string text = std::string(50, 'x');
    Counted() { ++count; }
    Counted(const Counted &other) : text(other.text) { ++count; }
    Counted(Counted &&other) noexcept : text(std::move(other.text)) { ++count; }
    Counted &operator=(const Counted &) = default;
    Counted &operator=(Counted &&) = default;
    ~Counted() { --count; }
};
Coroutine<std::size_t> take(Counted counted) {
    co_await sleep(0s);
    co_return counted.text.size();
}
Coroutine<Counted> give() {
    co_await sleep(0s);
    co_return Counted();
}
Coroutine<std::size_t> pass_on(Counted counted) { co_return co_await take(counted); }
Coroutine<int> one() { co_return 1; }
Coroutine<int> depth(int below) {
    if (below == 0) co_return 0;
    const int result = co_await depth(below - 1);
    co_return result + 1;
}
Coroutine<void> wait_deep(int below) {
    if (below == 0) co_await forever();
    else co_await wait_deep(below - 1);
}
/// How many allocations a number of awaits need.
template <class F> Coroutine<long> allocations_of(F function) {
    const long before = allocations;
    co_await function();
    co_return allocations - before;
}
} // namespace

// Every new of this program is counted.
void *operator new(std::size_t size) {
    ++allocations;
    ++alive;
    if (void *const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { // or ASan's is called
    try {
        return operator new(size);
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}
void operator delete(void *memory) noexcept {
    if (memory) --alive;
    std::free(memory);
}
void operator delete(void *memory, std::size_t) noexcept { operator delete(memory); }

TEST_CASE("Compiler: a coroutine without local variables runs") {
    run_in_test_loop([]() -> Coroutine<void> {
        static int runs = 0;
        const auto no_variables = []() -> Coroutine<void> {
            co_await sleep(0s);
            ++runs;
        };
        co_await no_variables();
        CHECK(runs == 1);
    });
}

TEST_CASE("Compiler: arguments and results are destroyed once") {
    run_in_test_loop([]() -> Coroutine<void> {
        {
            Counted named;
            const std::size_t of_name = co_await take(named);
            CHECK(of_name == 50);
            const std::size_t of_moved = co_await take(std::move(named));
            CHECK(of_moved == 50);
            const std::size_t of_call = co_await pass_on(Counted());
            CHECK(of_call == 50);
            const Counted result = co_await give();
            CHECK(result.text.size() == 50);
            co_await give();
            CHECK(Counted::count == 2);
        }
        CHECK(Counted::count == 0);
    });
}

TEST_CASE("Compiler: the captures of a lambda in a variable, and of one for a task") {
    run_in_test_loop([]() -> Coroutine<void> {
        {
            const Counted counted;
            const auto lambda = [counted]() -> Coroutine<std::size_t> {
                co_await sleep(0s);
                co_return counted.text.size();
            };
            const std::size_t awaited = co_await lambda();
            CHECK(awaited == 50);
            const std::size_t of_task = co_await create_task(lambda);
            CHECK(of_task == 50);
            const auto [a, b] = co_await gather(lambda, take(counted));
            CHECK(a + b == 100);
        }
        CHECK(Counted::count == 0);
    });
}

TEST_CASE("Compiler: co_await in loops, try blocks and branches, as a statement of its own") {
    run_in_test_loop([]() -> Coroutine<void> {
        int sum = 0;
        for (int i = 0; i < 10; ++i) {
            if (i % 2 == 0) co_await sleep(0s);
            else sum += 1;
            try {
                const Counted counted;
                const int result = co_await one();
                sum += result;
                if (i == 5) co_await fail_later(0s, "x");
            } catch (const RuntimeError &) {
                sum += 100;
            }
        }
        CHECK(sum == 115);
        CHECK(Counted::count == 0);
    });
}

TEST_CASE("Compiler: what a frame holds is destroyed once, whether it ends, fails, or never ends") {
    Texts errors;
    {
        TestLoop loop(errors);
        run(
            []() -> Coroutine<void> {
                create_task([counted = Counted()]() -> Coroutine<void> { co_return; });
                create_task([counted = Counted()]() -> Coroutine<void> {
                    const Counted local;
                    co_await fail_later(1s, "lost");
                });
                create_task([counted = Counted()]() -> Coroutine<void> {
                    const Counted local;
                    co_await forever();
                });
                co_await sleep(2s);
                CHECK(Counted::count == 2); // the third one's closure and local variable
            },
            loop);
        CHECK(Counted::count == 0);
        create_task(take(Counted())); // ended by the loop
        CHECK(Counted::count == 1);
    }
    CHECK(Counted::count == 0);
    CHECK(errors.size() == 2);
}

TEST_CASE("A million awaits, one after the other, need no stack and no memory") {
    const long sum = run_in_test_loop([]() -> Coroutine<long> {
        const long before = alive;
        long total = 0;
        for (int i = 0; i < 1'000'000; ++i) {
            const int result = co_await one();
            total += result;
        }
        CHECK(alive - before < 10);
        co_return total;
    });
    REQUIRE(sum == 1'000'000);
}

TEST_CASE("20,000 coroutines that await each other need no stack") {
    const int result = run_in_test_loop([] { return depth(20'000); });
    REQUIRE(result == 20'000);
}

TEST_CASE("A cancellation comes up through 1,000 coroutines") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Task<void> task = create_task(wait_deep(1'000));
        co_await sleep(0s);
        task.cancel();
        co_await settle();
        CHECK(task.cancelled());
    });
}

TEST_CASE("10,000 tasks are cancelled, and nothing is left of them") {
    run_in_test_loop([]() -> Coroutine<void> {
        const long before = alive;
        {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 10'000; ++i) tasks.push_back(create_task(sleep(1000s)));
            co_await sleep(0s);
            CHECK(test_loop().timers() == 10'000);
            for (const Task<void> &task : tasks) task.cancel();
            co_await settle();
            const auto cancelled = [](const Task<void> &task) { return task.cancelled(); };
            CHECK(std::all_of(tasks.begin(), tasks.end(), cancelled));
        }
        CHECK(test_loop().timers() == 0);
        CHECK(all_tasks().size() == 1);
        CHECK(alive - before < 100);
    });
}

TEST_CASE("10,000 tasks take a lock and hand items through a queue") {
    const long sum = run_in_test_loop([]() -> Coroutine<long> {
        const Lock lock;
        const Queue<int> queue(10);
        long total = 0;
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 5'000; ++i) {
            tasks.push_back(create_task([lock, queue, i]() -> Coroutine<void> {
                const auto held = co_await with(lock);
                co_await queue.put(i);
            }));
            tasks.push_back(create_task([queue, &total]() -> Coroutine<void> {
                const int item = co_await queue.get();
                total += item;
            }));
        }
        co_await gather(tasks);
        co_return total;
    });
    REQUIRE(sum == 5'000L * 4'999 / 2);
}

// clang saves some of these frames; nothing relies on it.
TEST_CASE("Allocations: a frame for a coroutine at most, none for what only one frame awaits") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto nothing = []() -> Coroutine<void> { co_return; };
        const auto turn = []() -> Coroutine<void> {
            NextTurn next_turn;
            co_await next_turn;
        };
        const auto wait = []() -> Coroutine<void> {
            Waiter waiter;
            test_loop().call_soon([&waiter] { waiter.set_result(); }); // a callback
            co_await waiter;
        };
        co_await turn(); // the lists of the loop have their size now
        co_await turn();
        const long frame = co_await allocations_of(nothing);
        CHECK(frame <= 1);
        const long of_turn = co_await allocations_of(turn);
        CHECK(of_turn <= 1); // its frame only
        const long of_waiter = co_await allocations_of(wait);
        CHECK(of_waiter <= 2); // its frame and the callback
        const auto sleeping = [] { return sleep(1s); };
        const long of_sleep = co_await allocations_of(sleeping);
        CHECK(of_sleep <= 3); // its frame, the callback, the timer
        const Lock lock;
        const auto acquire = [lock] { return lock.acquire(); };
        const long of_lock = co_await allocations_of(acquire);
        CHECK(of_lock <= 1);
        const auto make_task = [nothing]() -> Coroutine<void> {
            const Task<void> task = create_task(nothing());
            co_await task;
        };
        const long of_task = co_await allocations_of(make_task);
        // This frame and the task's; the task, its place in the loop's list, and the list of who
        // awaits it.
        CHECK(of_task <= 5);
    });
}
