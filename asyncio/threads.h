// threads.h: functions that wait or compute for long, in threads beside the loop (Python's modules
// concurrent.futures.thread and asyncio.threads); and the way back, run_coroutine_threadsafe().
// Processes beside the loop: executors.h, which includes this file.
//
// A thread calls the function and puts its result into an inbox: a list with a mutex, and with a
// descriptor (eventfd) that wakes the loop. Only the loop's own thread touches its futures. The
// threads block the signals that stop a program, which are for the loop.
//
// At the end of a loop its threads are waited for. But if a signal stops the program, those that
// are still busy are left alone, and end with the program: what they use has to be their own, or in
// a std::shared_ptr.
//
// What differs from Python:
//  - run_in_executor() is a function; nullptr, as None there, is the loop's own executor.
//  - A loop waits for its own executor when it goes, and not yet in run(). A thread that then waits
//    for a coroutine of that loop gets CancelledError, as it does when a shutdown() in the loop's
//    thread waits for it: in Python, both would wait for ever.
#pragma once

#include "waiting.h"

#include <condition_variable>
#include <thread>

namespace asyncio {
// ---- Threads
/// A call that a thread makes for a loop.
struct Job {
    std::atomic<bool> begun = false; ///< Or it is cancelled, and is not to begin any more.
    std::shared_ptr<class Inbox> inbox = nullptr;
    virtual ~Job() = default;
    virtual void work() noexcept = 0; ///< In the thread,
    virtual void finish() = 0;        ///< then in the loop.
};
template <class F, class T = std::invoke_result_t<F &>> struct FunctionJob final : Job {
    F function;
    Future<T> future = {};
    std::optional<Value<T>> value = {};
    std::exception_ptr exception = nullptr;
    explicit FunctionJob(F f) : function(std::move(f)) {}
    void work() noexcept override try {
        if constexpr (std::is_void_v<T>) function(), value.emplace();
        else value.emplace(function());
    } catch (...) {
        exception = std::current_exception();
    }
    void finish() override {
        if (future.done()) return; // it was cancelled meanwhile
        if (exception) future.set_exception(std::exchange(exception, nullptr));
        else future.set_result(std::move(*value));
    }
};
/// Where threads put what they have done. It is there as long as a thread or the loop needs it.
class Inbox {
  public:
    int descriptor() const { return wake_.get(); }
    void put(std::shared_ptr<Job> job) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        done_.push_back(std::move(job));
        eventfd_write(descriptor(), 1);
    }
    void finish_all() {
        eventfd_t count;
        eventfd_read(descriptor(), &count);
        for (const auto &job : take(false)) job->finish();
    }
    void close() { take(true); } ///< What comes now is dropped.

  private:
    std::vector<std::shared_ptr<Job>> take(bool last) {
        const std::lock_guard lock(mutex_);
        closed_ |= last;
        return std::exchange(done_, {});
    }
    std::mutex mutex_;
    std::vector<std::shared_ptr<Job>> done_;
    bool closed_ = false;
    zen::Descriptor wake_{eventfd(0, EFD_NONBLOCK)};
};

/// Threads that make calls, one after the other. Each is started when none of the others is idle.
class ThreadPoolExecutor {
  public:
    explicit ThreadPoolExecutor(std::size_t max_workers = default_workers())
        : max_workers_(max_workers) {
        if (max_workers == 0) throw ValueError("max_workers must be greater than 0");
    }
    ThreadPoolExecutor(const ThreadPoolExecutor &) = delete;
    ~ThreadPoolExecutor() { shutdown(); }
    /// Takes no more calls. With `wait`, returns when all have ended: the loop waits as well.
    void shutdown(bool wait = true) {
        std::unique_lock lock(state_->mutex);
        state_->closed = true;
        state_->waited_for = wait;
        state_->work.notify_all();
        while (wait && state_->threads > 0 && !zen::stopping)
            state_->ended.wait_for(lock, std::chrono::milliseconds(50));
        if (!wait) return;
        const bool all = state_->threads == 0;
        if (!all) state_->queue.clear(); // the program is being stopped
        lock.unlock();
        for (std::thread &thread : threads_) all ? thread.join() : thread.detach();
        threads_.clear();
    }
    void submit(std::shared_ptr<Job> job) {
        const std::lock_guard lock(state_->mutex);
        if (state_->closed) throw RuntimeError("cannot schedule new futures after shutdown");
        state_->queue.push_back(std::move(job));
        if (state_->idle >= state_->queue.size()) return state_->work.notify_one();
        if (state_->threads < max_workers_) start_thread();
    }
    /// Whether this is one of its threads, for which shutdown() waits: so the loop does not run.
    static bool is_waited_for() { return state_of_thread && state_of_thread->waited_for; }

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable work, ended;
        std::deque<std::shared_ptr<Job>> queue;
        std::size_t idle = 0, threads = 0;
        bool closed = false;
        std::atomic<bool> waited_for = false;
    };
    static inline constinit thread_local State *state_of_thread = nullptr;

    static std::size_t default_workers() {
        return std::min(32u, std::max(1u, std::thread::hardware_concurrency()) + 4);
    }
    void start_thread() try {
        sigset_t stops, before; // so that they interrupt the loop, and not a thread
        sigemptyset(&stops);
        for (const int number : {SIGINT, SIGTERM, SIGALRM}) sigaddset(&stops, number);
        pthread_sigmask(SIG_BLOCK, &stops, &before);
        const Finally restore([&before] { pthread_sigmask(SIG_SETMASK, &before, nullptr); });
        threads_.emplace_back(work, state_);
        ++state_->threads;
    } catch (const std::system_error &) {
        if (state_->threads > 0) return; // the others will come to it
        state_->queue.pop_back();
        throw;
    }
    static void work(std::shared_ptr<State> state) {
        state_of_thread = state.get();
        std::unique_lock lock(state->mutex);
        while (true) {
            ++state->idle;
            state->work.wait(lock, [&] { return state->closed || !state->queue.empty(); });
            --state->idle;
            if (state->queue.empty()) break;
            auto job = std::move(state->queue.front());
            state->queue.pop_front();
            lock.unlock();
            if (!job->begun.exchange(true)) job->work();
            const auto inbox = std::move(job->inbox);
            inbox->put(std::move(job));
            lock.lock();
        }
        --state->threads;
        state->ended.notify_all();
    }
    const std::size_t max_workers_;
    const std::shared_ptr<State> state_ = std::make_shared<State>();
    std::vector<std::thread> threads_;
};

/// The inbox of a loop, and its own executor. The loop owns it.
struct ThreadsOfLoop {
    const EventLoop *loop;
    const std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
    ThreadPoolExecutor executor = ThreadPoolExecutor();
    static inline constinit thread_local ThreadsOfLoop *current = nullptr;

    explicit ThreadsOfLoop(const EventLoop &owner) : loop(&owner) {}
    ThreadsOfLoop(const ThreadsOfLoop &) = delete;
    ~ThreadsOfLoop() {
        if (current == this) current = nullptr;
        executor.shutdown();
        inbox->close();
    }
    static ThreadsOfLoop &get() {
        EventLoop &running = get_event_loop();
        if (current && current->loop == &running) return *current;
        const auto made = std::make_shared<ThreadsOfLoop>(running);
        running.add_reader(made->inbox->descriptor(), [made] { made->inbox->finish_all(); });
        return *(current = made.get());
    }
};
/// A function with copies of its arguments.
template <class F, class... As> auto with_arguments(F function, As... arguments) {
    return [function = std::move(function), ... arguments = std::move(arguments)]() mutable {
        return std::invoke(function, arguments...);
    };
}
/// Calls a function in a thread of the executor; the future is done when it has returned. Cancelled
/// before a thread has taken it, it is not called; later, it runs on, and its result is dropped.
template <class F, class T = std::invoke_result_t<F &>>
Future<T> run_in_executor(ThreadPoolExecutor &executor, F function) {
    const auto job = std::make_shared<FunctionJob<F>>(std::move(function));
    const Future<T> future = job->future;
    job->inbox = ThreadsOfLoop::get().inbox;
    future.add_done_callback([weak = std::weak_ptr(job)](const AnyFuture &done) {
        const auto cancelled = done.cancelled() ? weak.lock() : nullptr;
        if (cancelled) cancelled->begun = true;
    });
    executor.submit(job);
    return future;
}
template <class F> auto run_in_executor(std::nullptr_t, F function) {
    return run_in_executor(ThreadsOfLoop::get().executor, std::move(function));
}
template <class F, class T = std::invoke_result_t<F &>> Coroutine<T> call_in_thread(F function) {
    const auto future = run_in_executor(nullptr, std::move(function));
    co_return co_await future;
}
/// `co_await to_thread(f, x)` calls f(x) in a thread, with copies of both, and gives its result.
template <class F, class... As> auto to_thread(F function, As... arguments) {
    return call_in_thread(with_arguments(std::move(function), std::move(arguments)...));
}

// ---- The way back
/// The result of a coroutine, for another thread than that of its loop. A copy is the same one.
template <class T> class ConcurrentFuture {
  public:
    struct State {
        EventLoop &loop;
        std::mutex mutex = {}; // for the next four
        std::condition_variable changed = {};
        bool done = false;
        std::optional<Value<T>> value = {};
        std::exception_ptr exception = nullptr;
        Task<void> task = {}; // for the loop's thread alone

        explicit State(EventLoop &l) : loop(l) {}
        bool finish(std::exception_ptr error, std::optional<Value<T>> result = {}) {
            const std::lock_guard lock(mutex);
            if (std::exchange(done, true)) return false;
            exception = std::move(error);
            value = std::move(result);
            changed.notify_all();
            return true;
        }
    };
    explicit ConcurrentFuture(std::shared_ptr<State> state) : state_(std::move(state)) {}
    bool done() const {
        const std::lock_guard lock(state_->mutex);
        return state_->done;
    }
    /// Waits until it is done, for so long at most (TimeoutError). Returns the result, or throws.
    T result(std::optional<Seconds> timeout = {}) const {
        const Clock::duration slice = std::chrono::milliseconds(50);
        const Time end =
            Clock::now() + std::chrono::round<Clock::duration>(timeout.value_or(Seconds(0)));
        std::unique_lock lock(state_->mutex);
        while (!state_->done) {
            const auto left = timeout ? end - Clock::now() : slice;
            if (left <= Clock::duration(0)) throw TimeoutError();
            if (ThreadPoolExecutor::is_waited_for()) throw CancelledError();
            state_->changed.wait_for(lock, std::min(left, slice));
        }
        if (state_->exception) *exception_ = std::exchange(state_->exception, nullptr);
        if (*exception_) std::rethrow_exception(*exception_);
        if constexpr (!std::is_void_v<T>) return *state_->value;
    }
    /// Cancels the task. False if it is done already. The loop has to be there still.
    bool cancel() const {
        if (!state_->finish(cancelled_error)) return false;
        state_->loop.call_soon_threadsafe([state = state_] {
            if (state->task) state->task.cancel();
        });
        return true;
    }

  private:
    std::shared_ptr<State> state_;
    // An exception is no longer in what the loop has, too, when another thread looks at it.
    std::shared_ptr<std::exception_ptr> exception_ = std::make_shared<std::exception_ptr>();
};
/// Hands over the result of a coroutine, of which nothing is left in this thread then.
template <class T, class State>
Coroutine<void> hand_over(Coroutine<T> coroutine, std::shared_ptr<State> to) {
    std::optional<Value<T>> value;
    std::exception_ptr error;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await coroutine;
            value.emplace();
        } else {
            T result = co_await coroutine;
            value.emplace(std::move(result));
        }
    } catch (...) {
        error = std::current_exception();
    }
    coroutine.destroy();
    to->task = Task<void>();
    to->finish(std::move(error), std::move(value));
}
/// Runs a coroutine as a task in the loop of another thread. It is cancelled when that loop goes.
template <class T>
ConcurrentFuture<T> run_coroutine_threadsafe(Coroutine<T> coroutine, EventLoop &loop) {
    using State = typename ConcurrentFuture<T>::State;
    const auto state = std::make_shared<State>(loop);
    // Only the loop has this handle: if that drops it, nobody waits for ever.
    const std::shared_ptr<State> own(state.get(),
                                     [state](State *dropped) { dropped->finish(cancelled_error); });
    loop.call_soon_threadsafe([own, coroutine = std::move(coroutine)]() mutable {
        const bool cancelled = ConcurrentFuture<T>(own).done();
        own->task = create_task(hand_over(std::move(coroutine), own));
        if (cancelled) own->task.cancel(); // so it never begins
    });
    return ConcurrentFuture<T>(state);
}
} // namespace asyncio
