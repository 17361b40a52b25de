// executors.h: what would keep the loop from its work, beside it: in threads (threads.h), or in
// processes, which compute at the same time whatever they share (Python's modules
// concurrent.futures.process and multiprocessing).
//
// For each call a process is forked. It has a copy of all variables, so nothing has to be packed on
// its way there; what the function returns comes back through a pipe. Memory that both sides see
// has to be asked for: SharedValue, with a lock, as nobody knows who comes first.
//
// What differs from Python:
//  - A result is a string, or trivially copyable, or nothing. An exception comes as RuntimeError
//    with the same text. A process that dies is an error of its own call only: the others go on.
//  - A process has no descriptors but 0, 1 and 2, or connections that are closed here stayed open.
//  - A call that is cancelled is killed, also when run() ends.
//  - A mutex that another thread has locked at the fork stays locked in the process for ever: where
//    there are threads, the function must not need one. (malloc() is all right.)
#pragma once

#include "children.h"
#include "sockets.h"
#include "threads.h"

#include <type_traits>

#include <sys/mman.h>

namespace asyncio {
// ---- Processes
/// The process of a call has died, or has ended without a result.
struct BrokenProcessPool : RuntimeError {
    using RuntimeError::RuntimeError;
};
/// What a process sends: a '+' and the bytes of the result, or a '-' and the text of an exception.
template <class T> struct Packed {
    static_assert(std::is_void_v<T> || std::is_same_v<T, std::string> ||
                      std::is_trivially_copyable_v<T>,
                  "the result of a process is a string, or trivially copyable, or nothing");
    template <class F> static std::string call(F &function) try {
        if constexpr (std::is_void_v<T>) return function(), "+";
        else if constexpr (std::is_same_v<T, std::string>) return '+' + function();
        else {
            const T result = function();
            return '+' + std::string(reinterpret_cast<const char *>(&result), sizeof result);
        }
    } catch (...) {
        return '-' + describe(std::current_exception());
    }
    static T unpack(const std::string &bytes) {
        if (bytes[0] == '-') throw RuntimeError(bytes.substr(1));
        if constexpr (std::is_same_v<T, std::string>) return bytes.substr(1);
        else if constexpr (!std::is_void_v<T>) {
            T result;
            std::memcpy(&result, bytes.data() + 1, sizeof result);
            return result;
        }
    }
};

/// Processes that make calls, at most so many at a time; further calls wait for their turn.
class ProcessPoolExecutor {
  public:
    explicit ProcessPoolExecutor(std::size_t max_workers = default_workers())
        : slots_(max_workers) {
        if (max_workers == 0) throw ValueError("max_workers must be greater than 0");
    }
    /// See run_in_executor().
    template <class F, class T = std::invoke_result_t<F &>> Task<T> submit(F function) const {
        return create_task(call(slots_, std::move(function)));
    }
    static std::size_t default_workers() {
        return std::max(1u, std::thread::hardware_concurrency());
    }

  private:
    template <class F, class T = std::invoke_result_t<F &>>
    static Coroutine<T> call(Semaphore slots, F function) {
        const auto slot = co_await with(slots);
        PipeEnds pipe = make_pipe(false);
        const Child child([&] { answer<T>(pipe.theirs.get(), function); });
        pipe.theirs = zen::Descriptor(-1); // so the end of the process is the end of file
        const std::string bytes = co_await read_all(pipe.ours.get());
        const int code = co_await child.wait();
        if (code != 0 || bytes.empty())
            throw BrokenProcessPool("A process of the pool has ended abruptly: " +
                                    describe_returncode(code));
        co_return Packed<T>::unpack(bytes);
    }
    template <class T, class F> static void answer(int to_parent, F &function) {
        signal(SIGINT, SIG_IGN); // Ctrl-C is for the parent, which kills its processes
        close_range(3, unsigned(to_parent) - 1, 0);
        close_range(unsigned(to_parent) + 1, ~0u, 0);
        if (!zen::write_all(to_parent, Packed<T>::call(function))) _exit(1);
    }
    static Coroutine<std::string> read_all(int pipe) {
        std::string all;
        char buffer[65'536];
        while (true) {
            co_await readable(pipe);
            const ssize_t size = read(pipe, buffer, sizeof buffer);
            if (size < 0 && !zen::not_ready()) throw OSError("cannot read from a process");
            if (size == 0) co_return all;
            if (size > 0) all.append(buffer, std::size_t(size));
        }
    }
    Semaphore slots_;
};
/// Calls a function in a process of the executor. The future is a task, which waits for it.
template <class F> auto run_in_executor(const ProcessPoolExecutor &executor, F function) {
    return executor.submit(std::move(function));
}

// ---- What processes share
/// A place for a T in memory that children share with their parent, as long as a handle is there.
template <class T> std::shared_ptr<T> shared_memory() {
    void *memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw OSError("cannot share memory");
    return std::shared_ptr<T>(new (memory) T(), [](T *place) { munmap(place, sizeof(T)); });
}
/// A lock between processes, for std::lock_guard. One that dies with it gives it free.
class SharedLock {
  public:
    SharedLock() {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(mutex_.get(), &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    void lock() const {
        if (pthread_mutex_lock(mutex_.get()) == EOWNERDEAD) pthread_mutex_consistent(mutex_.get());
    }
    void unlock() const { pthread_mutex_unlock(mutex_.get()); }

  private:
    std::shared_ptr<pthread_mutex_t> mutex_ = shared_memory<pthread_mutex_t>();
};
/// A value between processes:
///     const std::lock_guard held(counter.get_lock());
///     counter.value() += 1;
template <class T> class SharedValue {
    static_assert(std::is_trivially_copyable_v<T>, "a shared value is trivially copyable");

  public:
    explicit SharedValue(T first = T()) { *value_ = first; }
    T &value() const { return *value_; }
    const SharedLock &get_lock() const { return lock_; }

  private:
    std::shared_ptr<T> value_ = shared_memory<T>();
    SharedLock lock_;
};
} // namespace asyncio
