// handles.h: what an event loop calls, and how it gets there: callbacks, the handles that cancel
// them, and an inbox for those that come from other threads. The loop itself: events.h.
#pragma once

#include "exceptions.h"

#include <mutex>
#include <vector>

#include <sys/eventfd.h>

namespace asyncio {
using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Seconds = std::chrono::duration<double>; ///< 2s, 100ms and 0.5s are all taken for it.

/// What the loop calls. A task is one, too, so that its next step needs no allocation.
struct Callback {
    virtual ~Callback() = default;
    virtual void run() = 0;
    virtual void abandon() {} ///< The loop goes and will never call it: a task ends its frames.
    virtual std::string what() const { return "<Handle>"; } ///< as messages name it
    bool cancelled = false;                                 ///< Then it is not called any more.
};
using Callbacks = std::vector<std::shared_ptr<Callback>>;
template <class F> struct Function final : Callback {
    F function;
    explicit Function(F f) : function(std::move(f)) {}
    void run() override { function(); }
};
template <class F> std::shared_ptr<Callback> make_callback(F function) {
    return std::make_shared<Function<F>>(std::move(function));
}

/// To cancel a callback that has been scheduled. A copy is the same handle.
class Handle {
  public:
    Handle() = default; ///< of no callback
    explicit Handle(std::shared_ptr<Callback> callback) : callback_(std::move(callback)) {}
    void cancel() const {
        if (callback_) callback_->cancelled = true;
    }
    bool cancelled() const { return callback_ && callback_->cancelled; }
    const Callback *callback() const { return callback_.get(); }

  private:
    std::shared_ptr<Callback> callback_;
};
/// Timers are sorted by time, those of the same time by their number.
using TimerKey = std::pair<Time, std::uint64_t>;
class TimerHandle : public Handle {
  public:
    TimerHandle() = default;
    TimerHandle(std::shared_ptr<Callback> callback, TimerKey key)
        : Handle(std::move(callback)), key_(key) {}
    void cancel() const; ///< Also takes it from the loop.
    Time when() const { return key_.first; }

  private:
    TimerKey key_ = {};
};

/// Where other threads put callbacks for a loop, which wakes up because of the descriptor. It is
/// shared, as a thread may outlive the loop.
class Inbox {
  public:
    Inbox() {
        if (!wake_) zen::fail("cannot make an event loop");
    }
    int descriptor() const { return wake_.get(); }
    void put(std::shared_ptr<Callback> callback) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        callbacks_.push_back(std::move(callback));
        eventfd_write(descriptor(), 1);
    }
    Callbacks take_all() {
        eventfd_t count;
        eventfd_read(descriptor(), &count);
        const std::lock_guard lock(mutex_);
        return std::exchange(callbacks_, {});
    }
    void close() {         ///< The loop goes: what is here and what comes now is dropped.
        Callbacks dropped; // without the lock, as what they own may call anything
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(callbacks_);
    }

  private:
    std::mutex mutex_;
    Callbacks callbacks_;
    bool closed_ = false;
    zen::Descriptor wake_{eventfd(0, EFD_NONBLOCK)};
};
} // namespace asyncio
