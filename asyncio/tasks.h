// tasks.h: futures, coroutines and tasks of Python's asyncio (its modules futures, tasks, runners).
//
// How a coroutine runs: its variables are in a frame on the heap, not on a thread's stack. A task
// resumes the frame, which runs until it has to wait. `co_await` has two cases:
//  - of a coroutine: it notes that frame as the next one and suspends its own; the task goes on with
//    the next one, within the same step of the loop. When that has ended, its result is the value
//    of the co_await. (A frame is never resumed by another frame: so no stack grows.)
//  - of a future: if that is done, there is the result. If not, the step of the task is over; the
//    future keeps the task as a callback, and once it is done, the loop runs the next step.
// Cancelling a task means that the co_await at which it waits throws CancelledError: it can be
// caught, and cleans up on its way. Frames are destroyed when they have ended, or with the loop.
//
// What differs from Python:
//  - A co_await stands alone: `co_await f(x);`, `const auto y = co_await f(x);`, `co_return co_await
//    f(x);`, because g++ before 13 compiles it wrongly within conditions and larger expressions. It
//    cannot stand in a catch block. Parameters of coroutines are taken by value, as a reference
//    could outlive what it refers to.
//  - Futures and tasks are handles: a copy is the same future, as a reference in Python. AnyFuture
//    and AnyTask are those whose type of result is not known.
//  - cancel() takes no message. A loop that goes destroys the tasks that are left, and says so.
#pragma once

#include "events.h"

#include <coroutine>
#include <optional>
#include <variant>

namespace asyncio {
template <class T> using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// ---- What is behind the handles
/// What a task can wait for.
struct Awaited {
    virtual bool cancel() = 0; ///< Whether it ends now, or will end, because of this.

  protected:
    ~Awaited() = default;
};
/// What is called when a future is done: a function, or a task that goes on.
struct DoneCallback : Callback {
    std::shared_ptr<class FutureBase> future = nullptr; // set when it is done
};

/// A future without its result.
class FutureBase : public Awaited, public std::enable_shared_from_this<FutureBase> {
  public:
    explicit FutureBase(const char *kind = "Future") : kind_(kind) {}
    FutureBase(const FutureBase &) = delete;
    FutureBase &operator=(const FutureBase &) = delete;
    virtual ~FutureBase() {
        if (exception_ && !retrieved_)
            report({std::string(kind_) + " exception was never retrieved", exception_});
    }
    virtual void *result_place() = 0; ///< a std::optional<Value<T>>, as Future<T> knows
    bool done() const { return state_ != pending; }
    bool cancelled() const { return state_ == was_cancelled; }
    bool cancel() override {
        retrieved_ = true;
        if (done()) return false;
        finish(was_cancelled);
        return true;
    }
    /// Throws what result() throws, if it is not there.
    void check() {
        if (!done()) throw InvalidStateError("Result is not set.");
        if (cancelled()) throw CancelledError();
        retrieved_ = true;
        if (exception_) std::rethrow_exception(exception_);
    }
    std::exception_ptr exception() {
        if (!done()) throw InvalidStateError("Exception is not set.");
        if (cancelled()) throw CancelledError();
        retrieved_ = true;
        return exception_;
    }
    void set_exception(std::exception_ptr exception) {
        exception_ = std::move(exception);
        finish(finished);
    }
    void set_done() { finish(finished); } ///< The result has been put in its place.
    /// Throws if it is done, or is a task's, which alone sets its result.
    virtual void check_pending() const {
        if (done()) throw InvalidStateError("invalid state");
    }
    void add_done_callback(std::shared_ptr<DoneCallback> callback) {
        callbacks_.push_back(std::move(callback));
        if (done()) schedule_callbacks();
    }
    std::size_t remove_done_callback(const Callback *callback) {
        return std::erase_if(callbacks_, [=](auto &each) { return each.get() == callback; });
    }
    void retrieved() { retrieved_ = true; } ///< Nobody needs to be told of its exception.

  private:
    enum State : char { pending, was_cancelled, finished };
    void finish(State state) {
        state_ = state;
        schedule_callbacks();
    }
    void schedule_callbacks() {
        for (auto &callback : callbacks_) {
            callback->future = shared_from_this();
            get_event_loop().schedule(std::move(callback));
        }
        callbacks_.clear();
    }
    State state_ = pending;
    bool retrieved_ = false;
    const char *kind_;
    std::exception_ptr exception_;
    std::vector<std::shared_ptr<DoneCallback>> callbacks_;
};
/// A future, or a task, with the place for its result.
template <class T, class Base> struct WithResult : Base {
    using Base::Base;
    std::optional<Value<T>> result;
    void *result_place() override { return &result; }
};
template <class T> struct FutureState : WithResult<T, FutureBase> {};

class TaskBase;
inline constinit thread_local TaskBase *running_task = nullptr; // whose step is being run

/// A task without its result: it resumes frames, one after the other.
class TaskBase : public FutureBase, public DoneCallback {
  public:
    explicit TaskBase(std::string task_name) : FutureBase("Task"), name(std::move(task_name)) {}
    /// Makes the loop keep it, and run its first step in the next turn.
    void start(std::coroutine_handle<> first) {
        next_ = first;
        static std::atomic<unsigned> count;
        if (name.empty()) name = "Task-" + std::to_string(++count);
        EventLoop &loop = get_event_loop();
        place_ = loop.tasks.insert(loop.tasks.end(), handle());
        loop.schedule(handle());
    }
    void wake() { get_event_loop().schedule(handle()); }
    std::shared_ptr<TaskBase> handle() {
        return std::static_pointer_cast<TaskBase>(shared_from_this());
    }
    /// For a co_await: the task goes on with this frame, in the same step; or (null) has ended.
    void go_on(std::coroutine_handle<> frame) { next_ = frame; }
    /// For a co_await: the step is over. The next one resumes the frame, when somebody calls wake().
    void suspend(std::coroutine_handle<> frame, Awaited *awaited) {
        next_ = frame;
        suspended_ = true;
        waiting_for_ = awaited;
        if (must_cancel_ && awaited && awaited->cancel()) must_cancel_ = false;
    }
    /// For a co_await that is resumed: here the task learns that it has been cancelled.
    void resumed() {
        if (std::exchange(throw_, false)) throw CancelledError();
    }
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
        throw RuntimeError("Task does not support set_result and set_exception operations");
    }
    std::string name;
    int cancelling = 0; ///< how often cancel() was called, less the calls of uncancel()

  protected:
    virtual void
    take_result() = 0; ///< Moves it to its place; throws what the coroutine has thrown.
    virtual void destroy_frames() = 0;

  private:
    /// A step: from where it waited to where it has to wait again.
    void run() override {
        future.reset();
        waiting_for_ = nullptr;
        suspended_ = false;
        throw_ = std::exchange(must_cancel_, false);
        if (throw_ && !started_) return end(); // it has no co_await yet that could throw
        started_ = true;
        const auto outer = std::exchange(running_task, this);
        while (next_ && !suspended_) next_.resume();
        running_task = outer;
        if (!next_) end();
    }
    void end() {
        get_event_loop().tasks.erase(place_);
        try {
            if (started_) take_result();
            destroy_frames(); // while it still counts as pending: they may look at it
            if (must_cancel_ || !started_) FutureBase::cancel(); // cancelled at its very end
            else set_done();
        } catch (const CancelledError &) {
            destroy_frames();
            FutureBase::cancel();
        } catch (...) {
            destroy_frames();
            set_exception(std::current_exception());
        }
    }
    void abandon() override {
        report({"Task was destroyed but it is pending! (" + name + ")"});
        destroy_frames();
    }
    std::coroutine_handle<> next_; // the frame to be resumed
    Awaited *waiting_for_ = nullptr;
    bool started_ = false, suspended_ = false, must_cancel_ = false, throw_ = false;
    std::list<std::shared_ptr<Callback>>::iterator place_;
};

// ---- Coroutines
struct PromiseBase {
    std::coroutine_handle<> awaiting =
        nullptr; // the frame that awaits this one; a task's first: none
    std::exception_ptr exception = nullptr;
    struct AtEnd {
        bool await_ready() noexcept { return false; }
        template <class P> void await_suspend(std::coroutine_handle<P> frame) noexcept {
            running_task->go_on(frame.promise().awaiting);
        }
        void await_resume() noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    AtEnd final_suspend() noexcept { return {}; }
    void unhandled_exception() { exception = std::current_exception(); }
};
template <class T> struct Promise;
/// What a coroutine function returns. Nothing has run yet; `co_await` it, or give it to a task.
template <class T> class [[nodiscard]] Coroutine {
  public:
    using Result = T;
    using promise_type = Promise<T>;
    explicit Coroutine(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    Coroutine(Coroutine &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Coroutine &operator=(Coroutine other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~Coroutine() { destroy(); }
    void destroy() {
        if (const auto frame = std::exchange(frame_, nullptr)) frame.destroy();
    }
    std::coroutine_handle<> frame() const { return frame_; }
    /// The result of one that has ended, or its exception. Only once, as it is moved.
    T result() const {
        if (frame_.promise().exception) std::rethrow_exception(frame_.promise().exception);
        if constexpr (!std::is_void_v<T>) return std::move(*frame_.promise().value);
    }
    // co_await coroutine
    bool await_ready() const {
        if (!frame_ || frame_.done()) throw RuntimeError("cannot reuse already awaited coroutine");
        return false;
    }
    void await_suspend(std::coroutine_handle<> awaiting) const {
        frame_.promise().awaiting = awaiting;
        running_task->go_on(frame_);
    }
    T await_resume() const { return result(); }

  private:
    std::coroutine_handle<promise_type> frame_;
};
template <class T> struct Promise : PromiseBase {
    std::optional<T> value;
    Coroutine<T> get_return_object() {
        return Coroutine<T>(std::coroutine_handle<Promise>::from_promise(*this));
    }
    template <class U = T> void return_value(U &&result) { value.emplace(std::forward<U>(result)); }
};
template <> struct Promise<void> : PromiseBase {
    Coroutine<void> get_return_object() {
        return Coroutine<void>(std::coroutine_handle<Promise>::from_promise(*this));
    }
    void return_void() {}
};
template <class T> struct TaskState final : WithResult<T, TaskBase> {
    Coroutine<T> coroutine;
    TaskState(Coroutine<T> c, std::string task_name)
        : WithResult<T, TaskBase>(std::move(task_name)), coroutine(std::move(c)) {}
    void take_result() override {
        if constexpr (std::is_void_v<T>) coroutine.result(), this->result.emplace();
        else this->result.emplace(coroutine.result());
    }
    void destroy_frames() override { coroutine.destroy(); }
};

// ---- Handles
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
/// A function that is called with the future, or without anything.
template <class F, class Function> struct DoneFunction final : DoneCallback {
    Function function;
    explicit DoneFunction(Function f) : function(std::move(f)) {}
    void run() override {
        const F done(std::move(this->future));
        if constexpr (std::is_invocable_v<Function &, F>) function(done);
        else function();
    }
};

/// A future, whatever its result; or none, which is false.
class AnyFuture {
  public:
    AnyFuture() = default;
    explicit AnyFuture(std::shared_ptr<FutureBase> state) : state_(std::move(state)) {}
    explicit operator bool() const { return state_ != nullptr; }
    bool operator==(const AnyFuture &other) const = default;
    bool done() const { return state_->done(); }
    bool cancelled() const { return state_->cancelled(); }
    /// False if it is done already. A future is cancelled at once, a task when it has ended.
    bool cancel() const { return state_->cancel(); }
    /// The exception or null. Throws while it is pending (InvalidStateError) or if it is cancelled.
    std::exception_ptr exception() const { return state_->exception(); }
    /// Calls a function, with the future or without anything, once it is done; in the next turn.
    template <class Function> Handle add_done_callback(Function function) const {
        return add_callback<AnyFuture>(std::move(function));
    }
    /// How many were removed: 1, or 0 if it has been scheduled already.
    std::size_t remove_done_callback(const Handle &handle) const {
        return state_->remove_done_callback(handle.callback());
    }
    void take() const { state_->check(); }
    auto operator co_await() const { return FutureAwaiter<AnyFuture>{*this}; }
    FutureBase *state() const { return state_.get(); }

  protected:
    template <class F, class Function> Handle add_callback(Function function) const {
        auto callback = std::make_shared<DoneFunction<F, Function>>(std::move(function));
        state_->add_done_callback(callback);
        return Handle(std::move(callback));
    }
    std::shared_ptr<FutureBase> state_;
};

template <class T> class Future : public AnyFuture {
  public:
    Future() : AnyFuture(std::make_shared<FutureState<T>>()) {} ///< A new one, pending.
    explicit Future(std::shared_ptr<FutureBase> state) : AnyFuture(std::move(state)) {}
    /// The result, or what the coroutine has thrown, or CancelledError, or InvalidStateError.
    const Value<T> &result() const {
        state_->check();
        return *place();
    }
    /// A copy of it. A result that cannot be copied can be taken once.
    T take() const {
        state_->check();
        if constexpr (std::is_copy_constructible_v<T>) return *place();
        else if constexpr (!std::is_void_v<T>) return std::move(*place());
    }
    template <class... Result> void set_result(Result &&...result) const {
        state_->check_pending();
        place().emplace(std::forward<Result>(result)...);
        state_->set_done();
    }
    void set_exception(std::exception_ptr exception) const {
        state_->check_pending();
        state_->set_exception(std::move(exception));
    }
    template <class E> void set_exception(E exception) const {
        set_exception(std::make_exception_ptr(std::move(exception)));
    }
    template <class Function> Handle add_done_callback(Function function) const {
        return add_callback<Future>(std::move(function));
    }
    auto operator co_await() const { return FutureAwaiter<Future>{*this}; }

  private:
    std::optional<Value<T>> &place() const {
        return *static_cast<std::optional<Value<T>> *>(state_->result_place());
    }
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
template <class T> Task<T> ensure_future(Coroutine<T> coroutine) {
    return create_task(std::move(coroutine));
}
template <class T> Future<T> ensure_future(Future<T> future) { return future; }
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
/// A future without a result that only one frame awaits: a variable of this frame, which needs no
/// allocation. Who calls set_result() must forget it before the frame goes on.
class Waiter : public Awaited {
  public:
    Waiter() = default;
    Waiter(const Waiter &) = delete;
    Waiter &operator=(const Waiter &) = delete;
    bool done() const { return done_; }
    bool cancelled() const { return cancelled_; }
    void set_result() { ///< Does nothing if it is done.
        if (!std::exchange(done_, true) && task_) task_->wake();
    }
    bool cancel() override {
        if (done_) return false;
        cancelled_ = true;
        set_result();
        return true;
    }
    bool await_ready() const { return done_; }
    void await_suspend(std::coroutine_handle<> frame) {
        task_ = running_task;
        task_->suspend(frame, this);
    }
    void await_resume() const {
        if (task_) task_->resumed();
        if (cancelled_) throw CancelledError();
    }

  private:
    TaskBase *task_ = nullptr;
    bool done_ = false, cancelled_ = false;
};
/// Calls a function when the block is left, also by an exception: Python's `finally`.
template <class F> struct Finally {
    F function;
    explicit Finally(F f) : function(std::move(f)) {}
    Finally(const Finally &) = delete;
    Finally &operator=(const Finally &) = delete;
    ~Finally() { function(); }
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
            report({"unhandled exception during asyncio::run() shutdown", task.exception()});
    }
}
/// Runs main to its end in a loop of its own, then cancels all other tasks and waits for them.
/// Returns its result or throws its exception. A first SIGINT or SIGTERM cancels main, which may
/// clean up for 0.75 seconds (zen::stop_on_signals); if it has ended by that: KeyboardInterrupt.
template <class T> T run(Coroutine<T> main, EventLoop &loop) {
    zen::stop_on_signals();
    const Task<T> task = create_task(std::move(main), "main");
    bool interrupted = false;
    loop.on_stop = [&interrupted, task] { interrupted = task.cancel(); };
    const Finally forget([&loop] { loop.on_stop = nullptr; });
    try {
        loop.run_until_done(task);
    } catch (...) { // somebody has called stop()
        cancel_all_tasks(loop);
        throw;
    }
    cancel_all_tasks(loop);
    if (interrupted && task.cancelled() && task.uncancel() == 0) throw KeyboardInterrupt();
    return task.take();
}
template <class T> T run(Coroutine<T> main) {
    if (loop_of_thread && loop_of_thread->is_running())
        throw RuntimeError("asyncio::run() cannot be called from a running event loop");
    EventLoop loop;
    return run(std::move(main), loop);
}
template <class F, class T = ResultOf<F>> T run(F function) {
    return run(call(std::move(function)));
}
} // namespace asyncio
