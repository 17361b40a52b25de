// locks.h: Lock, Event, Condition, Semaphore of Python's asyncio (its module locks). One thread
// runs all tasks, so no memory needs them: they are for what must not be begun by one task while
// another one is in the middle of it, at a co_await. No other thread may use them.
//
// Who has to wait stands in a line. What is given to a task is its own only when the task goes on,
// which is a turn later; it may have been cancelled meanwhile. So each acquire() that is cancelled
// passes on what it has been given, and whoever comes first stands behind those who wait.
//
// What differs from Python: `const auto held = co_await asyncio::with(lock);` is its `async with`;
// the lock is released where the block ends. Locks are handles: a copy is the same lock.
#pragma once

#include "tasks.h"

#include <deque>

namespace asyncio {
/// Those who wait, in the order in which they came.
class Line {
  public:
    /// A place in a line: a variable of the frame that waits; left when that ends, in whatever way.
    struct Place {
        Line &line;
        Waiter waiter = {};
        explicit Place(Line &l) : line(l) { line.waiters_.push_back(&waiter); }
        ~Place() { line.waiters_.erase(std::find(line.begin(), line.end(), &waiter)); }
    };
    /// Whether somebody waits, or has been woken and has not gone on yet.
    bool somebody_waits() const {
        return std::any_of(waiters_.begin(), waiters_.end(),
                           [](auto *w) { return !w->cancelled(); });
    }
    /// Wakes the first one. If that has been woken already, it is still its turn.
    void wake_first() {
        if (!waiters_.empty()) waiters_.front()->set_result();
    }
    /// Wakes so many who have not been woken yet. Returns how many these were.
    std::size_t wake(std::size_t number) {
        std::size_t woken = 0;
        for (auto next = begin(); next != end() && woken < number; ++next) {
            woken += !(*next)->done();
            (*next)->set_result();
        }
        return woken;
    }
    std::size_t size() const { return waiters_.size(); }

  private:
    std::deque<Waiter *>::iterator begin() { return waiters_.begin(); }
    std::deque<Waiter *>::iterator end() { return waiters_.end(); }
    std::deque<Waiter *> waiters_;
};

/// What one task has at a time.
class Lock {
  public:
    bool locked() const { return state_->locked; }
    Coroutine<void> acquire() const { return acquire(state_); }
    /// Throws if nobody has it.
    void release() const {
        if (!locked()) throw RuntimeError("Lock is not acquired.");
        state_->locked = false;
        state_->line.wake_first();
    }

  private:
    struct State {
        bool locked = false;
        Line line;
    };
    static Coroutine<void> acquire(std::shared_ptr<State> state) {
        if (!state->locked && !state->line.somebody_waits()) {
            state->locked = true;
            co_return;
        }
        try {
            Line::Place place(state->line);
            co_await place.waiter;
        } catch (const CancelledError &) {
            if (!state->locked) state->line.wake_first();
            throw;
        }
        state->locked = true;
    }
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// What many wait for, until one sets it.
class Event {
  public:
    bool is_set() const { return state_->set; }
    void set() const {
        state_->set = true;
        state_->line.wake(state_->line.size());
    }
    void clear() const { state_->set = false; }
    Coroutine<void> wait() const { return wait(state_); }

  private:
    struct State {
        bool set = false;
        Line line;
    };
    static Coroutine<void> wait(std::shared_ptr<State> state) {
        if (state->set) co_return;
        Line::Place place(state->line);
        co_await place.waiter; // set() has woken it, even if clear() came at once
    }
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// To wait, with a lock, until another task says that something has changed.
class Condition {
  public:
    explicit Condition(Lock lock = {}) : state_(std::make_shared<State>(lock)) {}
    bool locked() const { return state_->lock.locked(); }
    Coroutine<void> acquire() const { return state_->lock.acquire(); }
    void release() const { state_->lock.release(); }
    /// Releases the lock, waits, and has it again afterwards, also when it is cancelled.
    Coroutine<void> wait() const { return wait(state_); }
    /// Waits until predicate() is true.
    template <class Predicate> Coroutine<void> wait_for(Predicate predicate) const {
        return wait_for(*this, std::move(predicate));
    }
    void notify(std::size_t number = 1) const {
        if (!locked()) throw RuntimeError("cannot notify on un-acquired lock.");
        state_->line.wake(number);
    }
    void notify_all() const { notify(state_->line.size()); }

  private:
    struct State {
        Lock lock;
        Line line = {};
        explicit State(Lock l) : lock(std::move(l)) {}
    };
    static Coroutine<void> wait(std::shared_ptr<State> state) {
        if (!state->lock.locked()) throw RuntimeError("cannot wait on un-acquired lock");
        state->lock.release();
        bool cancelled = false;
        try {
            Line::Place place(state->line);
            co_await place.waiter;
        } catch (const CancelledError &) {
            cancelled = true;
        }
        for (bool held = false; !held;) {
            try {
                co_await state->lock.acquire();
                held = true;
            } catch (const CancelledError &) {
                cancelled = true;
            }
        }
        if (!cancelled) co_return;
        state->line.wake(1); // it may have been notified, too: somebody else is then
        throw CancelledError();
    }
    template <class Predicate>
    static Coroutine<void> wait_for(Condition condition, Predicate predicate) {
        while (!predicate()) {
            co_await condition.wait();
        }
    }
    std::shared_ptr<State> state_;
};

/// What a number of tasks have at a time.
class Semaphore {
  public:
    explicit Semaphore(std::size_t value = 1) : state_(std::make_shared<State>(value)) {}
    /// Whether acquire() would have to wait.
    bool locked() const { return state_->locked(); }
    Coroutine<void> acquire() const { return acquire(state_); }
    void release() const {
        ++state_->value;
        state_->wake_next();
    }

  protected:
    struct State {
        std::size_t value; // permits that nobody has; who is woken has got one
        const std::size_t bound;
        Line line = {};
        explicit State(std::size_t v) : value(v), bound(v) {}
        bool locked() const { return value == 0 || line.somebody_waits(); }
        bool wake_next() {
            const bool woken = value > 0 && line.wake(1) == 1;
            if (woken) --value;
            return woken;
        }
    };
    static Coroutine<void> acquire(std::shared_ptr<State> state) {
        if (!state->locked()) {
            --state->value;
            co_return;
        }
        // Those who came while a permit was free had to wait because this one stood before them.
        const Finally wake_others([&state] {
            while (state->wake_next())
                ;
        });
        Line::Place place(state->line);
        try {
            co_await place.waiter;
        } catch (const CancelledError &) {
            if (!place.waiter.cancelled()) ++state->value; // it had been woken, with a permit
            throw;
        }
    }
    std::shared_ptr<State> state_;
};
/// One that notices if it is released too often.
class BoundedSemaphore : public Semaphore {
  public:
    using Semaphore::Semaphore;
    void release() const {
        if (state_->value >= state_->bound)
            throw ValueError("BoundedSemaphore released too many times");
        Semaphore::release();
    }
};

/// Releases what it has acquired, where the block ends.
template <class L> class Held {
  public:
    explicit Held(L lock) : lock_(std::move(lock)) {}
    Held(Held &&other) noexcept : lock_(std::exchange(other.lock_, std::nullopt)) {}
    ~Held() {
        if (lock_ && lock_->locked()) lock_->release();
    }

  private:
    std::optional<L> lock_;
};
/// `const auto held = co_await with(lock);`
template <class L> Coroutine<Held<L>> with(L lock) {
    co_await lock.acquire();
    co_return Held<L>(lock);
}
} // namespace asyncio
