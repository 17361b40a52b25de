// tasks.h: tasks of Python's asyncio (its modules tasks, runners): coroutines that run beside each
// other. What a coroutine is: coroutines.h.
//
// A task runs its coroutine in steps. A step ends where a future (or a Waiter, which is one for a
// single frame) is awaited that is not done: then the loop does other things, and the future has the
// task as a callback. When it is done, the loop calls the task, and the next step begins there.
// A task is cancelled by an exception: the co_await at which it waits throws CancelledError, which
// can be caught, and cleans up on its way. No frame is destroyed before it has ended, but by the
// loop when that goes: a frame and the future that it awaits own each other.
//
// What differs from Python:
//  - A co_await stands alone: `co_await f(x);`, `const auto y = co_await f(x);`, or
//    `co_return co_await f(x);`, also with a name in place of the call. In conditions and larger
//    expressions, g++ before 13 compiles it wrongly. And it cannot stand in a catch block.
//  - Parameters of coroutines are taken by value: a reference could outlive what it refers to.
//  - The loop keeps a task until it is done; in Python the program has to. Tasks are handles, as
//    futures are. AnyTask is one whose type of result is not known.
#pragma once

#include "coroutines.h"
#include "futures.h"

namespace asyncio {
// ---- What is behind the handles
class TaskBase;
inline constinit thread_local TaskBase *running_task = nullptr; // whose step is being run

/// A task without its coroutine and result. It resumes frames, one after the other.
class TaskBase : public FutureBase, public DoneCallback {
  public:
    explicit TaskBase(std::string task_name) : FutureBase("Task"), name(std::move(task_name)) {}
    /// The loop keeps it from now on, and runs its first step in the next turn.
    void start(std::coroutine_handle<> first) {
        static std::atomic<unsigned> count;
        if (name.empty()) name = "Task-" + std::to_string(++count);
        frame_ = first;
        auto &tasks = get_event_loop().tasks;
        place_ = tasks.insert(tasks.end(), handle());
        wake();
    }
    std::shared_ptr<TaskBase> handle() {
        return std::static_pointer_cast<TaskBase>(shared_from_this());
    }
    void wake() { get_event_loop().schedule(handle()); } ///< The next step is in the next turn.
    bool cancel() override {
        retrieved();
        if (done()) return false;
        ++cancelling;
        if (!waiting_for_ || !waiting_for_->cancel()) must_cancel_ = true;
        return true;
    }
    int uncancel() {
        if (cancelling > 0 && --cancelling == 0) must_cancel_ = false;
        return cancelling;
    }
    void check_pending() const override {
        throw RuntimeError("Task does not support set_result and set_exception");
    }
    /// For what is awaited: the step is over. The next one, after wake(), resumes this frame.
    void suspend(std::coroutine_handle<> frame, Awaited *awaited) {
        frame_ = frame;
        next_frame = nullptr;
        waiting_for_ = awaited;
        if (must_cancel_ && awaited && awaited->cancel()) must_cancel_ = false;
    }
    /// Comes first in a frame that is resumed after suspend(): here it learns that it is cancelled.
    void resumed() {
        if (std::exchange(throw_, false)) std::rethrow_exception(cancelled_error);
    }

    std::string name;
    int cancelling = 0; ///< how often cancel() was called, less the calls of uncancel()

  protected:
    virtual std::exception_ptr take_result() = 0; ///< or what the coroutine has thrown instead
    virtual void destroy_frames() = 0;

  private:
    /// A step: from where the coroutine waited to where it has to wait again.
    void run() override {
        future.reset(); // of DoneCallback: what this task has waited for
        waiting_for_ = nullptr;
        throw_ = std::exchange(must_cancel_, false);
        if (throw_ && !started_) return end(); // before its first step: it never runs
        started_ = true;
        running_task = this;
        next_frame = std::exchange(frame_, nullptr);
        while (next_frame) next_frame.resume();
        running_task = nullptr;
        if (!frame_) end();
    }
    void end() {
        const auto exception = started_ ? take_result() : cancelled_error;
        destroy_frames(); // before anybody is told
        get_event_loop().tasks.erase(place_);
        if (exception ? is_cancelled_error(exception) : must_cancel_) FutureBase::cancel();
        else if (exception) set_exception(exception);
        else set_done();
    }
    std::string what() const override { return "<Task " + name + ">"; }
    void abandon() override {
        report("Task was destroyed but it is pending! ", name);
        forget_callbacks(); // one of them may own this task
        destroy_frames();
    }
    std::coroutine_handle<> frame_; // that waits; none while a step runs
    Awaited *waiting_for_ = nullptr;
    bool started_ = false, must_cancel_ = false, throw_ = false;
    std::list<std::shared_ptr<Callback>>::iterator place_; // in the loop's list
};

// ---- Tasks
template <class T> struct TaskState final : WithResult<T, TaskBase> {
    Coroutine<T> coroutine;
    TaskState(Coroutine<T> c, std::string task_name)
        : WithResult<T, TaskBase>(std::move(task_name)), coroutine(std::move(c)) {}
    std::exception_ptr take_result() override {
        if (coroutine.exception()) return coroutine.exception();
        if constexpr (!std::is_void_v<T>) this->result.emplace(coroutine.take());
        return nullptr;
    }
    void destroy_frames() override { coroutine.destroy(); }
};

/// A task: a future, and more. AnyTask is one whatever its result; or none, which is false.
template <class Base> class TaskHandle : public Base {
  public:
    TaskHandle() : Base(nullptr) {}
    explicit TaskHandle(std::shared_ptr<FutureBase> state) : Base(std::move(state)) {}
    std::string get_name() const { return task().name; }
    void set_name(std::string name) const { task().name = std::move(name); }
    int cancelling() const { return task().cancelling; }
    int uncancel() const { return task().uncancel(); }
    operator TaskHandle<AnyFuture>() const { return TaskHandle<AnyFuture>(this->state_); }

  private:
    TaskBase &task() const { return static_cast<TaskBase &>(*this->state_); }
};
using AnyTask = TaskHandle<AnyFuture>;
template <class T> using Task = TaskHandle<Future<T>>;

/// Runs a coroutine beside the others, from the next turn on.
template <class T> Task<T> create_task(Coroutine<T> coroutine, std::string name = "") {
    const auto state = std::make_shared<TaskState<T>>(std::move(coroutine), std::move(name));
    state->start(state->coroutine.frame());
    return Task<T>(state);
}
template <class F> using ResultOf = typename std::invoke_result_t<F &>::Result;
template <class F> Coroutine<ResultOf<F>> call(F function) { co_return co_await function(); }
/// The same of a function or lambda without arguments, which is kept until the task has ended.
template <class F, class T = ResultOf<F>> Task<T> create_task(F function, std::string name = "") {
    return create_task(call(std::move(function)), std::move(name));
}
/// Whatever can be awaited, as a future: of a coroutine or a function, it makes a task.
template <class T> Future<T> ensure_future(Future<T> future) { return future; }
template <class T> Task<T> ensure_future(Coroutine<T> coroutine) {
    return create_task(std::move(coroutine));
}
template <class F, class T = ResultOf<F>> Task<T> ensure_future(F function) {
    return create_task(std::move(function));
}
/// The task that runs now; none within a plain callback.
inline AnyTask current_task() { return running_task ? AnyTask(running_task->handle()) : AnyTask(); }
/// Those that have not ended, in the order in which they were made.
inline std::vector<AnyTask> all_tasks() {
    std::vector<AnyTask> tasks;
    for (const auto &task : get_event_loop().tasks)
        tasks.emplace_back(std::static_pointer_cast<TaskBase>(task));
    return tasks;
}

// ---- Waiting
/// co_await of a future or a task, whose handle is F.
template <class F> struct FutureAwaiter {
    F future;
    bool suspended = false;
    bool await_ready() const {
        if (future.state() == running_task) throw RuntimeError("Task cannot await on itself");
        return future.done();
    }
    void await_suspend(std::coroutine_handle<> frame) {
        suspended = true;
        future.state()->add_done_callback(running_task->handle());
        running_task->suspend(frame, future.state());
    }
    auto await_resume() const {
        future.state()->retrieved();
        if (suspended) running_task->resumed();
        return future.take();
    }
};
inline FutureAwaiter<AnyFuture> AnyFuture::operator co_await() const {
    return FutureAwaiter<AnyFuture>{*this};
}
/// A future without a result that only one frame awaits: it is a variable of this frame, and needs
/// no allocation. Who calls set_result() has to forget it before the frame goes on.
class Waiter : public Awaited {
  public:
    Waiter() = default;
    Waiter(const Waiter &) = delete;
    bool done() const { return done_; }
    bool cancelled() const { return cancelled_; }
    void set_result() {                     ///< Does nothing if it is done.
        if (!done_ && task_) task_->wake(); // if this throws, it is not done
        done_ = true;
    }
    bool cancel() override {
        if (done_) return false;
        set_result();
        cancelled_ = true; // before the task goes on: it does so in the next turn
        return true;
    }
    bool await_ready() const { return done_; }
    void await_suspend(std::coroutine_handle<> frame) {
        task_ = running_task;
        task_->suspend(frame, this);
    }
    void await_resume() const {
        if (task_) task_->resumed();
        if (cancelled_) std::rethrow_exception(cancelled_error);
    }

  private:
    TaskBase *task_ = nullptr; // that waits
    bool done_ = false, cancelled_ = false;
};
/// co_await of it gives way for one turn.
struct NextTurn {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> frame) const {
        running_task->suspend(frame, nullptr);
        running_task->wake();
    }
    void await_resume() const { running_task->resumed(); }
};
/// Lets others run for so long; with 0, for one turn.
inline Coroutine<void> sleep(Seconds delay) {
    NextTurn next_turn;
    if (delay <= Seconds(0)) {
        co_await next_turn;
        co_return;
    }
    Waiter waiter;
    const auto timer = get_running_loop().call_later(delay, [&waiter] { waiter.set_result(); });
    const Finally drop([&timer] { timer.cancel(); });
    co_await waiter;
}
template <class T> Coroutine<T> sleep(Seconds delay, T result) {
    co_await sleep(delay);
    co_return result;
}

// ---- Running
inline void EventLoop::run_until_done(const AnyFuture &future) {
    const Handle handle = future.add_done_callback([this] { stop(); });
    run_forever();
    future.remove_done_callback(handle);
    if (!future.done()) throw RuntimeError("Event loop stopped before Future completed.");
}
template <class Awaitable> auto EventLoop::run_until_complete(Awaitable awaitable) {
    check_not_running();
    const auto future = ensure_future(std::move(awaitable));
    run_until_done(future);
    return future.take();
}
/// Cancels the tasks that are left, and waits until they have ended.
inline void cancel_all_tasks(EventLoop &loop) {
    const auto tasks = all_tasks();
    for (const AnyTask &task : tasks) task.cancel();
    for (const AnyTask &task : tasks) {
        loop.run_until_done(task);
        if (!task.cancelled() && task.exception())
            report("unhandled exception during asyncio::run() shutdown", "", task.exception());
    }
}
/// Runs main to its end in a loop, then cancels all other tasks, and waits for them and for the
/// loop's own threads. Returns main's result or throws its exception. The first SIGINT or SIGTERM
/// cancels main, which may clean up for 0.75 seconds (zen::stop_on_signals); if main ends by this,
/// KeyboardInterrupt is thrown.
template <class Awaitable> auto run(Awaitable main, EventLoop &loop) {
    zen::stop_on_signals();
    const auto task = ensure_future(std::move(main));
    bool interrupted = false;
    loop.on_stop = [&interrupted, &task] { interrupted = task.cancel(); };
    const Finally forget([&loop] { loop.on_stop = nullptr; });
    try {
        loop.run_until_done(task);
    } catch (...) { // somebody has called stop()
        cancel_all_tasks(loop);
        throw;
    }
    cancel_all_tasks(loop);
    loop.default_executor = nullptr; // waits for its threads
    if (interrupted && task.cancelled() && task.uncancel() == 0) throw KeyboardInterrupt();
    return task.take();
}
template <class Awaitable> auto run(Awaitable main) {
    if (loop_of_thread && loop_of_thread->is_running())
        throw RuntimeError("asyncio::run() cannot be called from a running event loop");
    EventLoop loop;
    return run(std::move(main), loop);
}
} // namespace asyncio
