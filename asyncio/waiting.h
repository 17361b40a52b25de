// waiting.h: to wait for several tasks: gather, wait, as_completed and shield of Python's asyncio
// (its module tasks). To wait for one, but not for ever: timeouts.h, which this file includes.
//
// What differs from Python:
//  - gather() gives a tuple, for a vector of tasks a vector; what has no result (void) is a
//    std::monostate there. gather(return_exceptions, ...) gives Outcomes.
//  - as_completed() gives a vector of coroutines; wait() takes and gives vectors.
//  - A callback on one of the tasks does not keep alive what waits for them: as nothing here is
//    collected, the two would own each other for ever.
#pragma once

#include "queues.h"
#include "timeouts.h"

#include <tuple>

namespace asyncio {
// ---- gather
struct ReturnExceptions {};
inline constexpr ReturnExceptions return_exceptions;
/// The result of a task, or its exception: one of the two.
template <class T> struct Outcome {
    std::optional<Value<T>> value = {};
    std::exception_ptr exception = nullptr;
};
inline constexpr auto value_of = []<class T>(const Future<T> &future) -> Value<T> {
    if constexpr (std::is_void_v<T>) return future.take(), Value<T>();
    else return future.take();
};
inline constexpr auto outcome_of = []<class T>(const Future<T> &future) -> Outcome<T> {
    try {
        return {value_of(future)};
    } catch (...) {
        return {std::nullopt, std::current_exception()};
    }
};
/// The results of a function for all futures in a vector, or in a tuple.
template <class F, class Function>
auto transform(const std::vector<F> &futures, Function function) {
    std::vector<decltype(function(futures[0]))> results;
    for (const F &each : futures) results.push_back(function(each));
    return results;
}
template <class... Fs, class Function>
auto transform(const std::tuple<Fs...> &futures, Function function) {
    using Results = std::tuple<decltype(function(std::declval<const Fs &>()))...>;
    return std::apply([&](const Fs &...each) { return Results{function(each)...}; }, futures);
}

/// The future that gather() returns. `collect` makes the results, once all children are done.
template <class R, class Collect> class Gathering final : public WithResult<R, FutureBase> {
  public:
    Gathering(std::vector<AnyFuture> children, bool exceptions, Collect collect)
        : children_(std::move(children)), return_exceptions_(exceptions), collect_(collect) {}
    /// The others run on after the first exception: nobody needs to be told of theirs.
    ~Gathering() override {
        if (!this->done()) return;
        for (const AnyFuture &child : children_) child.state()->retrieved();
    }
    /// Waits for the children. If all are done already, it is done at once.
    void start() {
        const auto self = std::static_pointer_cast<Gathering>(this->shared_from_this());
        unfinished_ = children_.size();
        if (children_.empty()) finish();
        for (const AnyFuture &child : children_) {
            const auto on_done = [weak = std::weak_ptr(self)](const AnyFuture &done) {
                if (const auto gathering = weak.lock()) gathering->child_done(done);
            };
            if (child.done()) child_done(child);
            else child.add_done_callback(on_done);
        }
    }
    /// Cancels the children. It is done when they are.
    bool cancel() override {
        if (this->done()) return false;
        bool any = false;
        for (const AnyFuture &child : children_) any |= child.cancel();
        cancel_requested_ |= any;
        return any;
    }

  private:
    void child_done(const AnyFuture &child) {
        --unfinished_;
        child.state()->retrieved();
        if (this->done()) return;
        if (!return_exceptions_ && child.cancelled()) fail(cancelled_error);
        else if (!return_exceptions_ && child.exception()) fail(child.exception());
        else if (unfinished_ == 0) finish();
    }
    void finish() {
        if (cancel_requested_) return fail(cancelled_error);
        this->result.emplace(collect_());
        this->set_done();
    }
    void fail(std::exception_ptr exception) { this->set_exception(std::move(exception)); }
    std::vector<AnyFuture> children_;
    std::size_t unfinished_ = 0;
    bool return_exceptions_, cancel_requested_ = false;
    Collect collect_;
};
template <class Futures, class Function>
auto gather_futures(Futures futures, bool exceptions, Function result_of) {
    std::vector<AnyFuture> children;
    transform(futures, [&](const AnyFuture &each) { return &children.emplace_back(each); });
    const auto collect = [=] { return transform(futures, result_of); };
    using Results = decltype(collect());
    const auto gathering = std::make_shared<Gathering<Results, decltype(collect)>>(
        std::move(children), exceptions, collect);
    gathering->start();
    return Future<Results>(gathering);
}
template <class A> using FutureOf = decltype(ensure_future(std::declval<A>()));
template <class... As> std::tuple<FutureOf<As>...> ensure_futures(As... awaitables) {
    return {ensure_future(std::move(awaitables))...}; // in the order of the arguments
}
template <class A> std::vector<FutureOf<A>> ensure_futures(std::vector<A> awaitables) {
    std::vector<FutureOf<A>> futures;
    for (A &each : awaitables) futures.push_back(ensure_future(std::move(each)));
    return futures;
}
/// Runs what can be awaited beside each other: the arguments, or those in a vector. Gives all
/// results, in that order. The first exception is thrown at once, the others run on. If it is
/// cancelled, so are all. With return_exceptions, exceptions are results as others, and all results
/// are Outcomes.
template <class... As> auto gather(As... awaitables) {
    return gather_futures(ensure_futures(std::move(awaitables)...), false, value_of);
}
template <class... As> auto gather(ReturnExceptions, As... awaitables) {
    return gather_futures(ensure_futures(std::move(awaitables)...), true, outcome_of);
}

// ---- wait
enum ReturnWhen { FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED };
template <class F> struct DoneAndPending {
    std::vector<F> done = {}, pending = {};
};
/// Waits for futures or tasks until that many are done, or the time is over. Throws none of their
/// exceptions and cancels none of them, not even when it is cancelled itself.
template <class F> Coroutine<DoneAndPending<F>> wait(std::vector<F> futures,
                                                     ReturnWhen return_when = ALL_COMPLETED,
                                                     std::optional<Seconds> timeout = {}) {
    if (futures.empty()) throw ValueError("Set of Tasks/Futures is empty.");
    Waiter waiter;
    std::size_t unfinished = futures.size();
    std::vector<Handle> handles;
    TimerHandle timer;
    if (timeout)
        timer = get_running_loop().call_later(*timeout, [&waiter] { waiter.set_result(); });
    const Finally forget([&] {
        timer.cancel();
        for (std::size_t i = 0; i < handles.size(); ++i)
            futures[i].remove_done_callback(handles[i]);
    });
    const auto on_done = [&waiter, &unfinished, return_when](const AnyFuture &done) {
        if (--unfinished == 0 || return_when == FIRST_COMPLETED ||
            (return_when == FIRST_EXCEPTION && !done.cancelled() && done.exception()))
            waiter.set_result();
    };
    for (const F &future : futures) handles.push_back(future.add_done_callback(on_done));
    co_await waiter;
    DoneAndPending<F> result;
    for (const F &each : futures) (each.done() ? result.done : result.pending).push_back(each);
    co_return result;
}

// ---- as_completed
template <class T> struct AsCompleted {
    Queue<Future<T>> done = Queue<Future<T>>(); // a null one for each that was too late
    std::vector<Future<T>> pending;
    TimerHandle timer = {};
    ~AsCompleted() { timer.cancel(); }
    void on_done(const Future<T> &future) {
        if (std::erase(pending, future) == 0) return; // it was too late
        done.put_nowait(future);
        if (pending.empty()) timer.cancel();
    }
    void on_timeout() {
        for (std::size_t left = pending.size(); left > 0; --left)
            done.put_nowait(Future<T>(nullptr));
        pending.clear();
    }
};
template <class T> Coroutine<T> next_completed(std::shared_ptr<AsCompleted<T>> completed) {
    const Future<T> future = co_await completed->done.get();
    if (!future) throw TimeoutError();
    co_return future.take();
}
/// As many coroutines as there are awaitables. Each one waits for the next one that is done, and
/// gives its result; after the timeout it throws TimeoutError.
///     for (auto &next : as_completed(tasks)) { const auto result = co_await next; ... }
template <class A, class T = typename FutureOf<A>::Result> std::vector<Coroutine<T>>
as_completed(std::vector<A> awaitables, std::optional<Seconds> timeout = {}) {
    const auto completed = std::make_shared<AsCompleted<T>>();
    for (A &each : awaitables) completed->pending.push_back(ensure_future(std::move(each)));
    const std::weak_ptr weak = completed;
    for (const Future<T> &future : completed->pending)
        future.add_done_callback([weak](const Future<T> &done) {
            if (const auto shared = weak.lock()) shared->on_done(done);
        });
    if (timeout)
        completed->timer = get_running_loop().call_later(*timeout, [weak] {
            if (const auto shared = weak.lock()) shared->on_timeout();
        });
    std::vector<Coroutine<T>> coroutines;
    for (std::size_t i = 0; i < awaitables.size(); ++i)
        coroutines.push_back(next_completed(completed));
    return coroutines;
}

// ---- shield
/// A future that is done when the awaitable is. If the one who waits for it is cancelled, the
/// awaitable runs on.
template <class A> auto shield(A awaitable) {
    using T = typename FutureOf<A>::Result;
    const Future<T> inner = ensure_future(std::move(awaitable));
    if (inner.done()) return inner;
    const Future<T> outer;
    inner.add_done_callback([outer](const Future<T> &done) {
        if (outer.done()) return;
        if (done.cancelled()) outer.cancel();
        else if (done.exception()) outer.set_exception(done.exception());
        else outer.set_result(value_of(done));
    });
    return outer;
}
} // namespace asyncio
