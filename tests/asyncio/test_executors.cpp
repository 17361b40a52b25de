// ProcessPoolExecutor, and what processes share.
#include "../../asyncio/executors.h"
#include "loop.h"

#include <filesystem>

using namespace asyncio_tests;

namespace {
std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto &each : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}
/// Whether this process has a child, be it a zombie.
bool has_children() { return waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == 0; }
/// What a call throws, or "".
template <class T> Coroutine<std::string> error_of(Future<T> call) {
    try {
        co_await call;
    } catch (const std::exception &error) {
        co_return error.what();
    }
    co_return "";
}
/// Text in which a lost or exchanged part is seen.
std::string long_text(int size) {
    std::string text;
    for (int i = 0; int(text.size()) < size; ++i) text += std::to_string(i) + ' ';
    return text;
}
/// Runs a coroutine function with an executor, after which all is as before.
template <class F> void with_processes(std::size_t most, F function) {
    const std::size_t before = descriptors();
    run_in_test_loop([&]() -> Coroutine<void> {
        const ProcessPoolExecutor pool(most);
        co_await function(pool);
    });
    CHECK(descriptors() == before);
    CHECK(!has_children());
}
struct Point {
    int x;
    double y;
};
} // namespace

TEST_CASE("a call in a process: its result is a string, trivially copyable, or nothing") {
    with_processes(2, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        int base = 40;
        const auto number = run_in_executor(pool, [base] { return base + 2; });
        const auto text = run_in_executor(pool, [] { return long_text(1'000'000); });
        const auto empty = run_in_executor(pool, [] { return std::string(); });
        const auto point = run_in_executor(pool, [] { return Point{1, 2.5}; });
        const auto process = run_in_executor(pool, [] { return getpid(); });
        const auto nothing = run_in_executor(pool, [] {});
        co_await gather(number, text, empty, point, process, nothing);
        REQUIRE(number.result() == 42);
        REQUIRE(text.result() == long_text(1'000'000));
        REQUIRE(empty.result().empty());
        REQUIRE(point.result().y == 2.5);
        REQUIRE(process.result() != getpid());
    });
}

TEST_CASE("a process that throws, ends or dies is an error of its future alone") {
    with_processes(4, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        const auto broken = run_in_executor(pool, [] { throw RuntimeError("broken"); });
        const auto other = run_in_executor(pool, [] { throw 1; });
        const auto killed = run_in_executor(pool, [] { return kill(getpid(), SIGKILL); });
        const auto ended = run_in_executor(pool, [] { _exit(3); });
        const auto quiet = run_in_executor(pool, [] { _exit(0); });
        const auto fine = run_in_executor(pool, [] { return 1; });
        const std::string abruptly = "A process of the pool has ended abruptly: ";
        const auto errors =
            co_await gather(error_of<void>(broken), error_of<void>(other), error_of<int>(killed),
                            error_of<void>(ended), error_of<void>(quiet), error_of<int>(fine));
        const auto &[first, second, third, fourth, fifth, sixth] = errors;
        REQUIRE(first == "broken");
        REQUIRE(second == "unknown exception");
        REQUIRE(third == abruptly + "killed by signal 9 (Killed)");
        REQUIRE(fourth == abruptly + "exit status 3");
        REQUIRE(fifth == abruptly + "exit status 0");
        REQUIRE(sixth.empty());
    });
}

TEST_CASE("so many processes at most run at once, and the next begins when one has ended") {
    with_processes(2, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        const SharedValue<int> now, most;
        const auto call = [&] {
            {
                const std::lock_guard held(now.get_lock());
                most.value() = std::max(most.value(), ++now.value());
            }
            usleep(20'000);
            const std::lock_guard held(now.get_lock());
            --now.value();
        };
        std::vector<Task<void>> calls;
        for (int i = 0; i < 8; ++i) calls.push_back(run_in_executor(pool, call));
        co_await gather(calls);
        REQUIRE(most.value() == 2);
    });
}

TEST_CASE("a call that is cancelled is killed and leaves no zombie; the next one has its place") {
    with_processes(1, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        const auto first = run_in_executor(pool, [] { pause(); });
        const auto second = run_in_executor(pool, [] { return 2; });
        co_await settle();
        REQUIRE(has_children());
        first.cancel();
        const int next = co_await second;
        REQUIRE(next == 2);
        REQUIRE(first.cancelled());
    });
}

TEST_CASE("run kills the processes that are left") {
    with_processes(1, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        run_in_executor(pool, [] { pause(); });
        co_await settle();
        REQUIRE(has_children());
    });
}

TEST_CASE("a process has no descriptor of its parent, no loop, and the signals' own actions") {
    with_processes(1, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        get_running_loop().add_signal_handler(SIGUSR1, [] {});
        const auto open = run_in_executor(pool, [] { return descriptors(); });
        const std::size_t count = co_await open;
        REQUIRE(count == 5); // 0, 1, 2, that of the result, and that of /proc/self/fd
        const auto loop = run_in_executor(pool, [] { return run(later(1ms, 7)); });
        const int in_loop = co_await loop;
        REQUIRE(in_loop == 7);
        const auto signalled = run_in_executor(pool, [] { raise(SIGUSR1); });
        const std::string error = co_await error_of<void>(signalled);
        REQUIRE(error.find("killed by signal 10") != error.npos);
    });
}

TEST_CASE("what processes add to a shared value with its lock is not lost") {
    with_processes(4, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        const SharedValue<long> sum(5);
        const auto add = [&sum] {
            for (int i = 0; i < 10'000; ++i) {
                const std::lock_guard held(sum.get_lock());
                sum.value() += 1;
            }
        };
        std::vector<Task<void>> calls;
        for (int i = 0; i < 4; ++i) calls.push_back(run_in_executor(pool, add));
        co_await gather(calls);
        REQUIRE(sum.value() == 40'005);
    });
}

TEST_CASE("a process that dies with a shared lock gives it free") {
    with_processes(1, [](ProcessPoolExecutor pool) -> Coroutine<void> {
        const SharedLock lock;
        const auto call = run_in_executor(pool, [&lock] {
            lock.lock();
            kill(getpid(), SIGKILL);
        });
        const std::string error = co_await error_of<void>(call);
        REQUIRE(!error.empty());
        const std::lock_guard held(lock); // does not hang
    });
}
