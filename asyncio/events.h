// events.h: the event loop of Python's asyncio (its modules events, base_events, selector_events)
// in C++, on the epoll that the student has seen in tae. One thread does everything: what would
// have to wait is a callback instead, which the loop calls when its time has come.
//
// A turn of the loop, run_once():
//  1. It asks epoll which descriptors are ready, and sleeps there if nothing else is to be done.
//     All events become callbacks before any of them runs: so a descriptor that one callback closes
//     and another opens again gets no event that was meant for the old one.
//  2. Timers whose time has come become callbacks, too.
//  3. All these callbacks run, in the order in which they got ready. What they schedule by
//     call_soon() waits for the next turn: so one that schedules itself again holds nobody up.
//
// What differs from Python:
//  - A callback has no arguments: a lambda captures what it needs.
//  - A thread has one loop, the one made last: get_event_loop(). There are no policies.
//  - Times are of std::chrono: call_later(2s, f). Timers of the same time are called in the order
//    in which they were made, which Python leaves open; a cancelled one is gone at once.
#pragma once

#include "exceptions.h"

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <vector>

#include <sys/epoll.h>
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
    bool cancelled = false;   ///< Then it is not called any more.
};
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

class EventLoop;
inline constinit thread_local EventLoop *loop_of_thread = nullptr;

class EventLoop {
  public:
    EventLoop() : previous_(std::exchange(loop_of_thread, this)) {
        if (!epoll_ || !wake_) zen::fail("cannot make an event loop");
        control(EPOLL_CTL_ADD, wake_.get(), EPOLLIN);
        for (Callbacks *list : {&ready_, &turn_})
            list->reserve(1024); // needs no memory when it is short
    }
    /// Ends the tasks that are left while the loop is still there, as they may call it.
    virtual ~EventLoop() {
        while (!signal_handlers_.empty()) remove_signal_handler(signal_handlers_.begin()->first);
        while (!tasks.empty()) {
            const auto task = std::move(tasks.front());
            tasks.pop_front();
            task->abandon();
        }
        for (const auto open = std::move(transports); const auto &transport : open)
            transport->abandon();
        const auto watched = std::move(watched_); // what these own may call the loop as well
        const auto timers = std::move(timers_);
        for (Callbacks rest; !ready_.empty(); rest.clear()) rest.swap(ready_);
        loop_of_thread = previous_;
    }

    /// Turns until stop() is called; what is ready then still runs.
    void run_forever() {
        check_not_running();
        running_ = true;
        try {
            do run_once();
            while (!stopping_);
        } catch (...) {
            running_ = false;
            throw;
        }
        running_ = stopping_ = false;
    }
    void stop() { stopping_ = true; }
    bool is_running() const { return running_; }
    static void check_not_running() {
        if (loop_of_thread && loop_of_thread->running_)
            throw RuntimeError("This event loop is already running");
    }
    /// Runs until a coroutine or a future is done, and returns its result: see tasks.h.
    template <class Awaitable> auto run_until_complete(Awaitable awaitable);
    void run_until_done(const class AnyFuture &future);
    /// The loop's clock. Virtual, with wait(), so that a test can let the time pass at once.
    virtual Time time() const { return Clock::now(); }

    /// Calls a function once, in the next turn, after all that is scheduled already.
    template <class F> Handle call_soon(F function) {
        auto callback = make_callback(std::move(function));
        schedule(callback);
        return Handle(std::move(callback));
    }
    /// The same, also from another thread, and it wakes the loop: all else is for its own thread.
    template <class F> Handle call_soon_threadsafe(F function) {
        auto callback = make_callback(std::move(function));
        {
            const std::lock_guard lock(mutex_);
            from_threads_.push_back(callback);
        }
        eventfd_write(wake_.get(), 1);
        return Handle(std::move(callback));
    }
    template <class F> TimerHandle call_later(Seconds delay, F function) {
        return call_at(time() + std::chrono::round<Clock::duration>(delay), std::move(function));
    }
    template <class F> TimerHandle call_at(Time when, F function) {
        const TimerKey key = {when, ++timers_made_};
        auto callback = make_callback(std::move(function));
        timers_.emplace(key, callback);
        return {std::move(callback), key};
    }
    void schedule(std::shared_ptr<Callback> callback) { ready_.push_back(std::move(callback)); }
    void drop_timer(const TimerKey &key) { timers_.erase(key); }
    std::size_t timers() const { return timers_.size(); }

    /// Calls a function whenever a descriptor can be read from (written to), and no longer the one
    /// before. It is to be removed before the descriptor is closed.
    template <class F> void add_reader(int descriptor, F function) {
        watch(descriptor, &Watched::reader, make_callback(std::move(function)));
    }
    template <class F> void add_writer(int descriptor, F function) {
        watch(descriptor, &Watched::writer, make_callback(std::move(function)));
    }
    /// False if there was none. It is not called any more, even if its event has been seen already.
    bool remove_reader(int descriptor) { return watch(descriptor, &Watched::reader, nullptr); }
    bool remove_writer(int descriptor) { return watch(descriptor, &Watched::writer, nullptr); }

    /// Calls a function for a signal; in a turn of the loop, not within what the signal interrupts.
    template <class F> void add_signal_handler(int signal, F function) {
        signal_handlers_[signal] = make_callback(std::move(function));
        wake_for_signals = wake_.get();
        struct sigaction action = {};
        action.sa_flags = SA_RESTART;
        action.sa_handler = [](int number) { // does only what cannot hurt what is interrupted
            const int error = errno;
            signals_seen[number] = true;
            eventfd_write(wake_for_signals, 1);
            errno = error;
        };
        if (sigaction(signal, &action, nullptr) != 0) zen::fail("cannot handle the signal");
    }
    /// The signal does again what it does by default.
    bool remove_signal_handler(int signal) {
        return signal_handlers_.erase(signal) > 0 && std::signal(signal, SIG_DFL) != SIG_ERR;
    }

    /// Says what is done with errors that nobody catches; null: they are printed.
    void set_exception_handler(std::function<void(const ExceptionContext &)> handler) {
        exception_handler_ = std::move(handler);
    }
    void call_exception_handler(const ExceptionContext &context) noexcept try {
        exception_handler_ ? exception_handler_(context) : default_exception_handler(context);
    } catch (...) {
        default_exception_handler({"Error in the exception handler", std::current_exception()});
    }

    std::list<std::shared_ptr<Callback>> tasks;      ///< those that have not ended: see tasks.h
    std::list<std::shared_ptr<Callback>> transports; ///< those that are open: see transports.h
    std::function<void()> on_stop; ///< Called once when zen::stop_on_signals() has seen a signal.

  protected:
    /// Sleeps until descriptors are ready, for so many milliseconds at most (-1: for ever).
    virtual int wait(epoll_event *list, int size, int milliseconds) {
        return epoll_wait(epoll_.get(), list, size, milliseconds);
    }

  private:
    using Callbacks = std::vector<std::shared_ptr<Callback>>;
    struct Watched { // one registration in epoll for both
        std::shared_ptr<Callback> reader = nullptr, writer = nullptr;
        std::uint32_t events() const { return (reader ? EPOLLIN : 0u) | (writer ? EPOLLOUT : 0u); }
    };

    void run_once() {
        try {
            collect_events(milliseconds_to_sleep());
        } catch (const std::bad_alloc &) { // epoll tells of these events again
        }
        if (zen::stopping && on_stop) std::exchange(on_stop, nullptr)();
        for (const Time now = time(); !timers_.empty() && timers_.begin()->first.first <= now;)
            schedule(std::move(timers_.extract(timers_.begin()).mapped()));
        turn_.swap(ready_); // what is scheduled from here on waits for the next turn
        for (auto &next : turn_) run(*std::exchange(next, nullptr));
        turn_.clear();
    }
    int milliseconds_to_sleep() const {
        if (!ready_.empty() || stopping_ || (zen::stopping && on_stop)) return 0;
        if (timers_.empty()) return -1;
        using std::chrono::milliseconds, std::chrono::hours;
        const auto rest = std::chrono::ceil<milliseconds>(timers_.begin()->first.first - time());
        return int(std::clamp<milliseconds>(rest, milliseconds(0), hours(24)).count());
    }
    void collect_events(int milliseconds) {
        epoll_event list[256]; // if more are ready, they come in the next turn
        const int count = wait(list, 256, milliseconds);
        if (count < 0 && !zen::not_ready()) zen::fail("epoll_wait failed");
        for (int i = 0; i < count; ++i) {
            if (list[i].data.fd == wake_.get()) {
                collect_wake_ups();
                continue;
            }
            // EPOLLERR and EPOLLHUP are for both: their system calls tell what has happened.
            const Watched &watched = watched_[std::size_t(list[i].data.fd)];
            if (watched.reader && (list[i].events & ~EPOLLOUT)) schedule(watched.reader);
            if (watched.writer && (list[i].events & ~EPOLLIN)) schedule(watched.writer);
        }
    }
    void collect_wake_ups() {
        eventfd_t count;
        eventfd_read(wake_.get(), &count);
        for (const auto &[signal, callback] : signal_handlers_)
            if (signals_seen[signal].exchange(false)) schedule(callback);
        const std::lock_guard lock(mutex_);
        for (auto &callback : from_threads_) schedule(std::move(callback));
        from_threads_.clear();
    }
    void run(Callback &callback) try {
        if (!callback.cancelled) callback.run();
    } catch (...) {
        tell(std::current_exception());
    }
    void tell(const std::exception_ptr &exception) noexcept try {
        call_exception_handler({"Exception in callback", exception});
    } catch (const std::bad_alloc &) { // no memory for the words
    }

    /// Sets one side of a descriptor, or removes it (null). Returns whether there was one before.
    bool watch(int descriptor, std::shared_ptr<Callback> Watched::*side,
               std::shared_ptr<Callback> callback) {
        if (descriptor < 0) throw ValueError("Invalid file descriptor");
        const auto index = std::size_t(descriptor);
        if (index >= watched_.size()) watched_.resize(index + 1);
        Watched next = watched_[index];
        const auto before = next.events();
        const auto old = std::exchange(next.*side, std::move(callback));
        const auto events = next.events();
        const int what = before == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
        if (events != before) control(what, descriptor, events); // or a system call is saved
        watched_[index] = std::move(next);
        if (old) old->cancelled = true;
        return old != nullptr;
    }
    void control(int what, int descriptor, std::uint32_t events) {
        epoll_event event = {events, {.fd = descriptor}}; // level-triggered: told while ready
        if (epoll_ctl(epoll_.get(), what, descriptor, &event) != 0 && what != EPOLL_CTL_DEL)
            zen::fail("epoll_ctl failed"); // one that has been closed is out of epoll already
    }

    static inline std::atomic<std::uint64_t> timers_made_; // by all loops: no number comes twice
    static inline std::atomic<bool> signals_seen[NSIG];
    static inline std::atomic<int> wake_for_signals = -1;
    EventLoop *previous_;
    zen::Descriptor epoll_{epoll_create1(0)}, wake_{eventfd(0, EFD_NONBLOCK)};
    bool running_ = false, stopping_ = false;
    Callbacks ready_, turn_; // for the next turn; of this turn
    std::map<TimerKey, std::shared_ptr<Callback>> timers_;
    std::vector<Watched> watched_; // by descriptor
    std::map<int, std::shared_ptr<Callback>> signal_handlers_;
    std::function<void(const ExceptionContext &)> exception_handler_;
    std::mutex mutex_; // for from_threads_
    Callbacks from_threads_;
};

inline void TimerHandle::cancel() const {
    Handle::cancel();
    if (loop_of_thread) loop_of_thread->drop_timer(key_);
}
/// The loop that this thread has made, and the one that is running. Both throw if there is none.
inline EventLoop &get_event_loop() {
    if (!loop_of_thread) throw RuntimeError("There is no current event loop in this thread");
    return *loop_of_thread;
}
inline EventLoop &get_running_loop() {
    if (!loop_of_thread || !loop_of_thread->is_running())
        throw RuntimeError("no running event loop");
    return *loop_of_thread;
}
/// Tells of an error that nobody has caught, also where there is no loop any more.
inline void report(const ExceptionContext &context) {
    if (loop_of_thread) loop_of_thread->call_exception_handler(context);
    else default_exception_handler(context);
}
/// The same, where nothing may throw. Without memory it is left out.
inline void report(std::string_view begin, std::string_view end,
                   const std::exception_ptr &exception = nullptr) noexcept try {
    report({std::string(begin).append(end), exception});
} catch (const std::bad_alloc &) {
}
} // namespace asyncio
