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
//  - Times are of std::chrono: call_later(2s, f). Timers of the same time are called in order.
#pragma once

#include "signals.h"

#include <algorithm>
#include <functional>
#include <list>

#include <sys/epoll.h>

namespace asyncio {
class EventLoop;
inline constinit thread_local EventLoop *loop_of_thread = nullptr;
/// Tells of an error that nobody has caught, also where there is no loop any more.
inline void report(std::string_view begin, std::string_view end,
                   const std::exception_ptr &exception = nullptr) noexcept;

class EventLoop {
  public:
    EventLoop() : previous_(std::exchange(loop_of_thread, this)) {
        if (!epoll_) zen::fail("cannot make an event loop");
        add_reader(inbox->descriptor(), [this] { empty_inbox(); });
        for (Callbacks *list : {&ready_, &turn_})
            list->reserve(1024); // needs no memory when it is short
    }
    /// Ends the tasks that are left while the loop is still there, as they may call it.
    virtual ~EventLoop() {
        signals_.remove_all();
        for (auto *list : {&tasks, &transports})
            while (!list->empty()) {
                const auto next = std::move(list->front());
                list->pop_front();
                next->abandon();
            }
        default_executor = nullptr; // waits for its threads
        inbox->close();
        const auto watched = std::move(watched_); // what these own may call the loop as well
        const auto timers = std::move(timers_);
        for (Callbacks rest; !ready_.empty(); rest.clear()) rest.swap(ready_);
        loop_of_thread = previous_;
    }

    /// Turns until stop() is called; what is ready then still runs.
    void run_forever() {
        check_not_running();
        running_ = true;
        const Finally end([this] { running_ = false; });
        do run_once();
        while (!stopping_);
        stopping_ = false;
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
        inbox->put(callback);
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
        signals_.add(signal, make_callback(std::move(function)), inbox->descriptor());
    }
    bool remove_signal_handler(int signal) { return signals_.remove(signal); }

    /// Says what is done with errors that nobody catches; null: they are printed.
    void set_exception_handler(std::function<void(const ExceptionContext &)> handler) {
        exception_handler_ = std::move(handler);
    }
    void call_exception_handler(const ExceptionContext &context) noexcept try {
        exception_handler_ ? exception_handler_(context) : default_exception_handler(context);
    } catch (...) {
        default_exception_handler({"Error in the exception handler", std::current_exception()});
    }

    const std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>(); ///< for other threads
    std::list<std::shared_ptr<Callback>> tasks, transports;         ///< those that have not ended
    std::shared_ptr<void> default_executor;    ///< its own threads, if it has some: see threads.h
    bool debug = std::getenv("ASYNCIO_DEBUG"); ///< Tells of a callback that takes as long as this,
    Seconds slow_callback_duration = Seconds(0.1); ///< in which nobody else had a turn.
    std::function<void()> on_stop; ///< Called once when zen::stop_on_signals() has seen a signal.

  protected:
    /// Sleeps until descriptors are ready, for so many milliseconds at most (-1: for ever).
    virtual int wait(epoll_event *list, int size, int milliseconds) {
        return epoll_wait(epoll_.get(), list, size, milliseconds);
    }

  private:
    struct Watched { // one registration in epoll for both
        std::shared_ptr<Callback> reader = nullptr, writer = nullptr;
        std::uint32_t events() const { return (reader ? EPOLLIN : 0u) | (writer ? EPOLLOUT : 0u); }
    };

    void run_once() {
        collect_events(milliseconds_to_sleep());
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
    void collect_events(int milliseconds) try {
        epoll_event list[256]; // if more are ready, they come in the next turn
        const int count = wait(list, 256, milliseconds);
        if (count < 0 && !zen::not_ready()) zen::fail("epoll_wait failed");
        for (int i = 0; i < count; ++i) {
            // EPOLLERR and EPOLLHUP are for both: their system calls tell what has happened.
            const Watched &watched = watched_[std::size_t(list[i].data.fd)];
            if (watched.reader && (list[i].events & ~EPOLLOUT)) schedule(watched.reader);
            if (watched.writer && (list[i].events & ~EPOLLIN)) schedule(watched.writer);
        }
    } catch (const std::bad_alloc &) { // epoll tells of these events again
    }
    void empty_inbox() {
        for (auto &callback : inbox->take_all()) schedule(std::move(callback));
        for (auto &callback : signals_.take_all()) schedule(std::move(callback));
    }
    void run(Callback &callback) {
        if (callback.cancelled) return;
        const Time start = debug ? time() : Time();
        try {
            callback.run();
        } catch (...) {
            report("Exception in callback", "", std::current_exception());
        }
        const Seconds took = debug ? time() - start : Clock::duration(0);
        if (debug && took >= slow_callback_duration)
            report("Executing " + callback.what() + " took ", std::to_string(took.count()) + " s");
    }

    /// Sets a side (&Watched::reader, or writer), or removes it (null). Returns whether there was one.
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
        if (events != before) {                               // or a system call is saved
            epoll_event event = {events, {.fd = descriptor}}; // level-triggered: told while ready
            if (epoll_ctl(epoll_.get(), what, descriptor, &event) != 0 && what != EPOLL_CTL_DEL)
                zen::fail("epoll_ctl failed"); // one that has been closed is out of epoll already
        }
        watched_[index] = std::move(next);
        if (old) old->cancelled = true;
        return old != nullptr;
    }

    static inline std::atomic<std::uint64_t> timers_made_; // by all loops: no number comes twice
    EventLoop *previous_;
    zen::Descriptor epoll_{epoll_create1(0)};
    SignalHandlers signals_;
    bool running_ = false, stopping_ = false;
    Callbacks ready_, turn_; // for the next turn; of this turn
    std::map<TimerKey, std::shared_ptr<Callback>> timers_;
    std::vector<Watched> watched_; // by descriptor
    std::function<void(const ExceptionContext &)> exception_handler_;
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
inline void report(std::string_view begin, std::string_view end,
                   const std::exception_ptr &exception) noexcept try {
    const ExceptionContext context = {std::string(begin).append(end), exception};
    if (loop_of_thread) loop_of_thread->call_exception_handler(context);
    else default_exception_handler(context);
} catch (const std::bad_alloc &) { // then it is left out
}
} // namespace asyncio
