// futures.h: the futures of Python's asyncio: a result that is not there yet, and who waits for it.
//
// A future is pending until somebody sets its result or an exception, or cancels it. Then its
// callbacks are given to the loop, which calls them in its next turn. A task that awaits a future
// is such a callback: called, it goes on (tasks.h). A task is itself a future, of the result of its
// coroutine.
//
// What differs from Python:
//  - A future is a handle: a copy is the same future, as a copied reference is in Python. AnyFuture
//    is one whose type of result is not known.
//  - add_done_callback() returns a handle, as functions cannot be compared: each that is added is
//    removed by its own handle.
//  - cancel() takes no message.
#pragma once

#include "events.h"

#include <optional>
#include <variant>

namespace asyncio {
// ---- What is behind the handles
/// What a result of type T is kept as.
template <class T> using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
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
    virtual ~FutureBase() {
        if (exception_ && !retrieved_) report(kind_, " exception was never retrieved", exception_);
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
        if (cancelled()) std::rethrow_exception(cancelled_error);
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
    /// Throws if it is done, or is a task, which sets its result itself.
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
    void forget_callbacks() { callbacks_.clear(); }
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

// ---- Handles
template <class F> struct FutureAwaiter; // co_await of a future: see tasks.h

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
    /// It is not called any more. Returns 1, or 0 if it has been given to the loop already.
    std::size_t remove_done_callback(const Handle &handle) const {
        handle.cancel();
        return state_->remove_done_callback(handle.callback());
    }
    void take() const { state_->check(); } ///< As Future<T>::take(), without the result.
    FutureAwaiter<AnyFuture> operator co_await() const;
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
    using Result = T;
    Future() : AnyFuture(std::make_shared<FutureState<T>>()) {} ///< a new one, pending
    explicit Future(std::shared_ptr<FutureBase> state) : AnyFuture(std::move(state)) {}
    /// The result, or what the coroutine has thrown, or CancelledError, or InvalidStateError.
    const Value<T> &result() const {
        state_->check();
        return *place();
    }
    /// A copy of the result; one that cannot be copied can be taken once.
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
    FutureAwaiter<Future> operator co_await() const { return FutureAwaiter<Future>{*this}; }

  private:
    std::optional<Value<T>> &place() const {
        return *static_cast<std::optional<Value<T>> *>(state_->result_place());
    }
};
} // namespace asyncio
