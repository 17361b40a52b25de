// threads.h: functions that wait or compute for long, in threads beside the loop (Python's modules
// concurrent.futures.thread and asyncio.threads). The way back, from a thread to the loop:
// threadsafe.h. Processes beside the loop: executors.h.
//
// A thread calls the function and puts what has come of it into the loop's inbox (handles.h). Only
// the loop's own thread touches its futures. The threads block the signals that stop a program,
// which are for the loop.
//
// A loop waits for its own threads at the end of run(), and when it goes. But if a signal stops the
// program, those that are still busy are left alone, and end with the program: what they use has to
// be their own, or in a std::shared_ptr.
//
// What differs from Python:
//  - run_in_executor() is a function; nullptr, as None there, is the loop's own executor.
//  - While run() waits for the threads, the loop does not run.
#pragma once

#include "tasks.h"

#include <condition_variable>
#include <deque>
#include <thread>

namespace asyncio {
/// A call that a thread makes for a loop, which then calls run().
struct Job : Callback {
    std::atomic<bool> begun = false; ///< Or it is cancelled, and is not to begin any more.
    const std::shared_ptr<Inbox> inbox = get_event_loop().inbox;
    virtual void work() noexcept = 0; ///< In the thread.
};
template <class F, class T = std::invoke_result_t<F &>> struct FunctionJob final : Job {
    F function;
    const Future<T> future = {};
    std::optional<Value<T>> value = {};
    std::exception_ptr exception = nullptr;
    explicit FunctionJob(F f) : function(std::move(f)) {}
    void work() noexcept override try {
        if constexpr (std::is_void_v<T>) function(), value.emplace();
        else value.emplace(function());
    } catch (...) {
        exception = std::current_exception();
    }
    void run() override {
        if (future.done()) return; // it was cancelled meanwhile
        if (exception) future.set_exception(std::exchange(exception, nullptr));
        else future.set_result(std::move(*value));
    }
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
            const auto inbox = job->inbox; // it outlives the job and the loop
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
    future.add_done_callback([weak = std::weak_ptr(job)](const AnyFuture &done) {
        const auto cancelled = done.cancelled() ? weak.lock() : nullptr;
        if (cancelled) cancelled->begun = true;
    });
    executor.submit(job);
    return future;
}
template <class F> auto run_in_executor(std::nullptr_t, F function) {
    auto &executor = get_event_loop().default_executor;
    if (!executor) executor = std::make_shared<ThreadPoolExecutor>();
    return run_in_executor(*static_cast<ThreadPoolExecutor *>(executor.get()), std::move(function));
}
template <class F, class T = std::invoke_result_t<F &>> Coroutine<T> call_in_thread(F function) {
    const auto future = run_in_executor(nullptr, std::move(function));
    co_return co_await future;
}
/// `co_await to_thread(f, x)` calls f(x) in a thread, with copies of both, and gives its result.
template <class F, class... As> auto to_thread(F function, As... arguments) {
    return call_in_thread(with_arguments(std::move(function), std::move(arguments)...));
}
} // namespace asyncio
