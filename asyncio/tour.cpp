// tour: small examples of asyncio, one for each thing that it can do. They print the same lines as
// the same few lines of Python do, in the same order at each run.
//
// Run:        ./asyncio/tour                 all examples, one after the other
//             ./asyncio/tour cancel          one; -l lists them, -f runs them ten times as fast
// Simplified: what is to happen first in an example has a much shorter delay than what follows.
// See also:   examples.h (the first half of them); the headers of asyncio/, which say what differs
//             from Python.

#include "arguments.h"
#include "examples.h"
#include "executors.h"
#include "generators.h"
#include "subprocess.h"

using namespace std::string_literals;
constexpr arguments::Usage usage = {
    {"tour", "Small examples of asyncio, and what they print.", "fl", "./asyncio/tour -f gather"},
    "[-f] [-l] [NAME]",
    "  -f           fast: all times are a tenth\n"
    "  -l           list the examples\n"
    "  NAME         of an example, or wait for all four that begin so (all examples)\n"};

// With -f, the clock of the loop runs ten times as fast, and so do those who work without a loop.
// It stands still in a turn, and stops at the time of the next timer: so the lines have one order,
// also where the machine is so busy that two timers would be late at once.
int speed = 1;
class TourLoop final : public asyncio::EventLoop {
  public:
    asyncio::Time time() const override { return now_; }
    int wait(epoll_event *list, int size, int milliseconds) override {
        const auto next = milliseconds < 0 ? asyncio::Time::max() : now_ + 1ms * milliseconds;
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>((next - running()) / speed);
        const int count = EventLoop::wait(
            list, size, milliseconds < 0 ? -1 : std::max(0, static_cast<int>(rest.count())));
        now_ = std::min(next, running());
        return count;
    }

  private:
    asyncio::Time running() const { return start_ + speed * (asyncio::Clock::now() - start_); }
    const asyncio::Time start_ = asyncio::Clock::now();
    asyncio::Time now_ = start_;
};
void work(std::chrono::milliseconds time) { std::this_thread::sleep_for(time / speed); }

// ---- Tasks
Coroutine<void> cancel_me() {
    print("cancel_me: before the sleep");
    const asyncio::Finally last([] { print("cancel_me: finally"); });
    try {
        co_await sleep(1h);
    } catch (const asyncio::CancelledError &) {
        print("cancel_me: cancelled in its sleep");
        throw;
    }
}
Coroutine<void> cancel() {
    const auto task = create_task(cancel_me());
    co_await sleep(300ms);
    task.cancel();
    try {
        co_await task;
    } catch (const asyncio::CancelledError &) {
        print("main: cancel_me is cancelled now");
    }
}

Coroutine<void> never() {
    asyncio::get_running_loop().set_exception_handler([](const asyncio::ExceptionContext &context) {
        print("the loop reports: ", context.message, ": ", asyncio::describe(context.exception));
    });
    {
        const auto coroutine = say_after(0s, "this is never printed"); // and no compiler warns
    }
    create_task([]() -> Coroutine<void> {
        throw std::runtime_error("nobody looks at me");
        co_return;
    });
    co_await sleep(100ms);
    print("finished");
}

Coroutine<void> set_after(asyncio::Future<std::string> future, std::string result) {
    co_await sleep(300ms);
    future.set_result(result);
}
Coroutine<void> future() {
    const asyncio::Future<std::string> future;
    future.add_done_callback([] { print("a callback of the future"); });
    create_task(set_after(future, "... world"));
    print("hello ...");
    const auto result = co_await future;
    print(result);
}

Coroutine<void> wait_for_event(std::string name, asyncio::Event event) {
    print(name, " waits");
    co_await event.wait();
    print(name, " goes on");
}
Coroutine<void> event() {
    const asyncio::Event event;
    const auto first = create_task(wait_for_event("Anna", event));
    const auto second = create_task(wait_for_event("Bert", event));
    co_await sleep(300ms);
    print("the event is set");
    event.set();
    co_await asyncio::gather(first, second);
}

std::vector<std::string> bowl;
Coroutine<void> eat(std::string name, asyncio::Condition condition) {
    const auto held = co_await asyncio::with(condition);
    const auto is_filled = [] { return !bowl.empty(); };
    co_await condition.wait_for(is_filled);
    print(name, " eats the ", bowl.back());
    bowl.pop_back();
}
Coroutine<void> condition() {
    const asyncio::Condition condition;
    const auto meals = asyncio::gather(eat("Anna", condition), eat("Bert", condition));
    for (const std::string fruit : {"apple", "pear"}) {
        co_await sleep(200ms);
        const auto held = co_await asyncio::with(condition);
        print("here is the ", fruit);
        bowl.push_back(fruit);
        condition.notify();
    }
    co_await meals;
}

// ---- Beside the loop
int turns = 0; // no variable of thread(), which can end, also by an error, before who counts them
Coroutine<void> count_turns() {
    for (; true; ++turns) {
        co_await sleep(50ms);
    }
}
int slow_square(int x) {
    print("the thread computes");
    work(500ms);
    return x * x;
}
Coroutine<void> thread() {
    const auto counting = create_task(count_turns);
    const int result = co_await asyncio::to_thread(slow_square, 12);
    counting.cancel();
    print("its result is ", to_string(result));
    print(turns > 0 ? "the loop has run meanwhile" : "the loop has stood still");
}

long sum_of_squares(long end) {
    long sum = 0;
    for (long i = 0; i < end; ++i) sum += i * i;
    return sum;
}
Coroutine<void> process() {
    const asyncio::ProcessPoolExecutor pool(2);
    std::vector<asyncio::Task<long>> calls;
    for (const long end : {1000, 10'000, 100'000})
        calls.push_back(asyncio::run_in_executor(pool, [end] { return sum_of_squares(end); }));
    const auto sums = co_await asyncio::gather(calls);
    for (const long sum : sums) print("a process has computed ", to_string(sum));
    const auto dies = asyncio::run_in_executor(pool, [] { raise(SIGKILL); });
    try {
        co_await dies;
    } catch (const asyncio::BrokenProcessPool &) {
        print("and one has died");
    }
}

void add_to(asyncio::SharedValue<int> counter) {
    for (int i = 0; i < 1000; ++i) {
        const std::lock_guard held(counter.get_lock());
        counter.value() += 1;
    }
}
Coroutine<void> shared() {
    const asyncio::SharedValue<int> counter(0);
    int own = 0; // of which each process has a copy
    const asyncio::ProcessPoolExecutor pool(4);
    std::vector<asyncio::Task<void>> calls;
    for (int i = 0; i < 4; ++i)
        calls.push_back(asyncio::run_in_executor(pool, [&] { ++own, add_to(counter); }));
    co_await asyncio::gather(calls);
    print("the shared counter: ", to_string(counter.value()));
    print("a variable of the parent: ", to_string(own));
}

asyncio::AsyncGenerator<int> count_to(int end) {
    const asyncio::Finally last([] { print("the generator cleans up"); });
    for (int i = 1; i <= end; ++i) {
        co_await sleep(100ms);
        co_yield i;
    }
}
Coroutine<void> generator() {
    auto numbers = count_to(3);
    while (true) {
        const auto next = co_await numbers.next();
        if (!next) break;
        print("next: ", to_string(*next));
    }
    print("finished");
}

Coroutine<void> subprocess() {
    const std::vector<std::string> arguments = {"sort", "-r"};
    const asyncio::Redirections pipes = {asyncio::PIPE, asyncio::PIPE};
    const auto sort = co_await asyncio::create_subprocess_exec(arguments, pipes);
    const auto outputs = co_await sort.communicate("apple\npear\nfig\n");
    zen::write_all(STDOUT_FILENO, outputs.first);
    print("exit status ", to_string(*sort.returncode()));
    const std::vector<std::string> long_sleep = {"sleep", "100"};
    const auto sleeper = co_await asyncio::create_subprocess_exec(long_sleep);
    sleeper.terminate();
    const int code = co_await sleeper.wait();
    print("killed by signal ", to_string(-code));
}

Coroutine<void> signal() {
    const asyncio::Event seen;
    asyncio::get_running_loop().add_signal_handler(SIGUSR1, [seen] {
        print("the handler, in a turn of the loop");
        seen.set();
    });
    asyncio::get_running_loop().call_later(300ms, [] { raise(SIGUSR1); });
    print("waits for SIGUSR1");
    co_await seen.wait();
    print("finished");
}

// ---- All of them
struct Example {
    const char *name, *purpose;
    Coroutine<void> (*run)();
};
constexpr Example examples[] = {
    {"hello", "a coroutine, and a sleep in which others could run", hello},
    {"delay", "two coroutines one after the other: the delays add up", delay},
    {"concurrent", "the same two as tasks: the delays run at the same time", concurrent},
    {"cancel", "a task is cancelled: an exception comes out of its await", cancel},
    {"timeout", "wait_for cancels what takes too long", timeout},
    {"shield", "what is shielded runs on after the timeout", shield},
    {"gather", "three tasks, and their results in order", gather},
    {"exceptions", "gather throws the first exception, or gives all as results", exceptions},
    {"completed", "as_completed: who is ready first comes first", completed},
    {"wait-all", "wait until all are done", wait_all},
    {"wait-first", "wait until one is done", wait_first},
    {"wait-exception", "wait until one has failed", wait_exception},
    {"wait-timeout", "wait for some time, which is no error", wait_timeout},
    {"future", "a result that is not there yet", future},
    {"lock", "what others must not begin while one is in the middle of it", lock},
    {"semaphore", "two at a time", semaphore},
    {"event", "many wait for one", event},
    {"condition", "wait until something is true, with a lock", condition},
    {"queue", "one makes, one uses, and neither gets too far ahead", queue},
    {"thread", "a blocking function beside the loop", thread},
    {"process", "functions in other processes, and one that dies", process},
    {"shared", "what processes share, and what they have copies of", shared},
    {"generator", "values one after the other, with waits between them", generator},
    {"subprocess", "other programs, their output and their end", subprocess},
    {"signal", "a signal is a callback of the loop", signal},
    {"never", "what nobody awaits, and an exception that nobody looks at", never},
};
// "wait" means all that begin with "wait-".
bool is_meant(const Example &example, const std::string &name) {
    return name.empty() || name == example.name || (example.name + "-"s).starts_with(name + '-');
}
void list_examples() {
    for (const Example &each : examples)
        print(each.name, std::string(16 - std::strlen(each.name), ' '), each.purpose);
}
void run_examples(const std::string &name) {
    for (const Example &each : examples) {
        if (!is_meant(each, name)) continue;
        if (name != each.name) print("== ", each.name, ": ", each.purpose);
        TourLoop loop;
        asyncio::run(each.run, loop);
    }
}

int main(int argc, char *argv[]) {
    bool list = false;
    const auto on_option = [&list](char letter, const std::string &) {
        if (letter == 'f') speed = 10;
        else list = true;
    };
    const auto words = arguments::read(argc, argv, usage, 0, 1, on_option);
    const std::string name = words.empty() ? "" : words[0];
    const auto meant = [&name](const Example &each) { return is_meant(each, name); };
    if (std::none_of(std::begin(examples), std::end(examples), meant))
        usage.error("no example is called '" + name + "': -l lists them");
    try {
        list ? list_examples() : run_examples(name);
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(usage.program, error.what());
    }
}
