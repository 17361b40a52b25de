// signals.h: functions that an event loop calls for signals (of Python's module unix_events). The
// signal itself may interrupt anything, at any place: so it only notes that it has come, and wakes
// the loop, which calls the function in its turn.
#pragma once

#include "handles.h"

#include <map>

namespace asyncio {
class SignalHandlers {
  public:
    SignalHandlers() = default;
    SignalHandlers(const SignalHandlers &) = delete;
    ~SignalHandlers() { remove_all(); }
    void remove_all() {
        while (!handlers_.empty()) remove(handlers_.begin()->first);
    }
    /// The signal writes to `wake`.
    void add(int signal, std::shared_ptr<Callback> callback, int wake) {
        handlers_[signal] = std::move(callback);
        wake_ = wake;
        struct sigaction action = {};
        action.sa_flags = SA_RESTART;
        action.sa_handler = [](int number) { // does only what cannot hurt what is interrupted
            const int error = errno;
            seen_[number] = true;
            eventfd_write(wake_, 1);
            errno = error;
        };
        if (sigaction(signal, &action, nullptr) != 0) zen::fail("cannot handle the signal");
    }
    /// The signal does again what it does by default. False if there was no function for it.
    bool remove(int signal) {
        return handlers_.erase(signal) > 0 && std::signal(signal, SIG_DFL) != SIG_ERR;
    }
    /// The functions for the signals that have come.
    Callbacks take_all() const {
        Callbacks result;
        for (const auto &[signal, callback] : handlers_)
            if (seen_[signal].exchange(false)) result.push_back(callback);
        return result;
    }

  private:
    static inline std::atomic<bool> seen_[NSIG];
    static inline std::atomic<int> wake_ = -1;
    std::map<int, std::shared_ptr<Callback>> handlers_;
};
} // namespace asyncio
