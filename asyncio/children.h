// children.h: a child process, for a loop that wants to know when it ends. The processes of
// subprocess.h and of ProcessPoolExecutor are such children.
//
// The kernel gives a descriptor for a process, a pidfd, which is ready when the process has ended:
// so the loop waits for it as for a socket. SIGCHLD would be one signal for all children, and for
// those that other parts of a program have started, too.
//
// A child never outlives its owner: when the last handle goes, it is killed and waited for, so that
// no zombie stays. If the thread that has started it dies, the kernel kills it.
#pragma once

#include "locks.h"

#include <cstdio>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace asyncio {
/// The process has ended: no signal can be sent to it any more.
struct ProcessLookupError : OSError {
    ProcessLookupError() : OSError("cannot send a signal", ESRCH) {}
};

/// A handle: a copy is the same child.
class Child {
  public:
    /// Forks. The child calls function(), in which it is a program without a loop, whose signals do
    /// what they do by default; when that returns, it ends with status 0. Throws OSError.
    template <class F> explicit Child(F function) : state_(std::make_shared<State>()) {
        std::fflush(stdout); // or the child would have a copy of what is not written yet
        struct sigaction on_end = {};
        sigaction(SIGCHLD, nullptr, &on_end); // who has started us may have it ignored: then nobody
        if (on_end.sa_handler == SIG_IGN) signal(SIGCHLD, SIG_DFL); // could wait for a child
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); // no handler of the parent runs in the child
        const pid_t parent = getpid();
        state_->pid = fork();
        if (state_->pid == 0) {
            begin(parent, before);
            function();
            std::fflush(stdout);
            _exit(0); // no destructor of the parent's things runs here
        }
        const int error = errno;
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (state_->pid < 0) throw OSError("cannot start a process", error);
        state_->watch();
    }
    pid_t pid() const { return state_->pid; }
    /// Its exit status, or less than 0: the number of the signal that has killed it. None: it runs.
    std::optional<int> returncode() const { return state_->returncode; }
    /// Throws ProcessLookupError if it has ended.
    void send_signal(int signal) const {
        if (returncode() || kill(pid(), signal) != 0) throw ProcessLookupError();
    }
    /// Waits until it has ended. Several tasks may do so.
    Coroutine<int> wait() const { return wait(state_); }

  private:
    struct State : std::enable_shared_from_this<State> {
        pid_t pid = -1; // belongs to this child until it is waited for: so it can be signalled
        zen::Descriptor end{-1};
        std::optional<int> returncode = {};
        Event ended = {};

        State() = default;
        State(const State &) = delete;
        ~State() {
            if (pid <= 0 || returncode) return;
            kill(pid, SIGKILL);
            while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
            if (end && loop_of_thread) loop_of_thread->remove_reader(end.get());
        }
        void watch() {
            end = zen::Descriptor(int(syscall(SYS_pidfd_open, pid, 0)));
            if (!end) throw OSError("cannot watch a process");
            get_event_loop().add_reader(end.get(), [weak = weak_from_this()] {
                if (const auto self = weak.lock()) self->reap();
            });
        }
        void reap() {
            int status = 0;
            const pid_t reaped = waitpid(pid, &status, WNOHANG);
            if (reaped == 0 || (reaped < 0 && errno == EINTR)) return;
            if (reaped < 0) returncode = 255; // somebody else has waited for it: so says Python
            else returncode = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
            get_event_loop().remove_reader(end.get());
            end = zen::Descriptor(-1);
            ended.set();
        }
    };
    static void begin(pid_t parent, const sigset_t &mask) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(0); // it has died before this was asked for
        for (int number = 1; number < NSIG; ++number) {
            struct sigaction action = {};
            const bool known = sigaction(number, nullptr, &action) == 0;
            if (known && action.sa_handler != SIG_IGN) signal(number, SIG_DFL);
        }
        pthread_sigmask(SIG_SETMASK, &mask, nullptr);
        loop_of_thread = nullptr;
        running_task = nullptr;
    }
    static Coroutine<int> wait(std::shared_ptr<State> state) {
        if (!state->returncode) {
            co_await state->ended.wait();
        }
        co_return *state->returncode;
    }
    std::shared_ptr<State> state_;
};
/// The ends of a stream between a child and its parent. What is -1 is not there.
struct PipeEnds {
    zen::Descriptor theirs{-1}, ours{-1};
};
/// `to_child`: the child reads and we write; or else it is the other way round.
inline PipeEnds make_pipe(bool to_child) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw OSError("cannot make a pipe");
    return {zen::Descriptor(ends[to_child ? 0 : 1]), zen::Descriptor(ends[to_child ? 1 : 0])};
}
/// What is said of a return code: "exit status 1", "killed by signal 9 (Killed)".
inline std::string describe_returncode(int code) {
    if (code >= 0) return "exit status " + std::to_string(code);
    return "killed by signal " + std::to_string(-code) + " (" + strsignal(-code) + ')';
}
} // namespace asyncio
