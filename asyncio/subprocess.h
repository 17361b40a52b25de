// subprocess.h: other programs, as children of this one (Python's module asyncio.subprocess). Their
// standard streams are pipes, which coroutines read and write like a connection.
//
//     const std::vector<std::string> arguments = {"sort", "-r"};
//     const Redirections redirections = {.in = PIPE, .out = PIPE};
//     const auto process = co_await create_subprocess_exec(arguments, redirections);
//     const auto output = co_await process.communicate("a\nb\n");
//
// A pipe holds some 64 KiB: a child whose output nobody reads waits, and so does who waits for its
// end. communicate() writes and reads at the same time, and only then waits.
//
// What differs from Python:
//  - close() is a method of the process; there is no transport of a whole process. It kills a child
//    that still runs, as Python's does. So does the last handle when it goes; then it waits, too.
//  - The streams are called in, out and err, and one that is no pipe is std::nullopt.
//  - There is no create_subprocess_shell(): {"sh", "-c", "..."} does the same.
#pragma once

#include "children.h"
#include "streams.h"
#include "waiting.h"

namespace asyncio {
/// What a standard stream of the child is: as here, a pipe, nothing; or for err: what out is.
enum Redirection { INHERIT, PIPE, DEVNULL, STDOUT };
struct Redirections {
    Redirection in = INHERIT, out = INHERIT, err = INHERIT;
};
inline PipeEnds open_stream(Redirection what, bool to_child) {
    if (what == PIPE) return make_pipe(to_child);
    if (what != DEVNULL) return {};
    PipeEnds ends{zen::Descriptor(open("/dev/null", to_child ? O_RDONLY : O_WRONLY))};
    if (!ends.theirs) throw OSError("cannot open /dev/null");
    return ends;
}
/// Feeds a reader with the output of a child. At its end the pipe is closed.
struct OutputProtocol final : StreamProtocol {
    using StreamProtocol::StreamProtocol;
    bool eof_received() override { return StreamProtocol::eof_received(), false; }
};

/// A handle: a copy is the same process.
class Process {
    struct State {
        Child child;
        std::vector<std::shared_ptr<Transport>> pipes = {};
        explicit State(Child c) : child(std::move(c)) {}
        State(const State &) = delete;
        ~State() { close_pipes(); }
        void close_pipes() const {
            for (const auto &pipe : pipes) pipe->close();
        }
    };
    std::shared_ptr<State> state_;

  public:
    using Outputs = std::pair<std::string, std::string>; ///< of out and of err
    std::optional<StreamWriter> in;
    std::optional<StreamReader> out, err;

    explicit Process(Child child) : state_(std::make_shared<State>(std::move(child))) {}
    pid_t pid() const { return state_->child.pid(); }
    /// Its exit status, or less than 0: the number of the signal that has killed it. None: it runs.
    std::optional<int> returncode() const { return state_->child.returncode(); }
    /// Waits until it has ended. What it has written can still be read then.
    Coroutine<int> wait() const { return state_->child.wait(); }
    /// These throw ProcessLookupError if it has ended.
    void send_signal(int signal) const { state_->child.send_signal(signal); }
    void terminate() const { send_signal(SIGTERM); }
    void kill() const { send_signal(SIGKILL); }
    /// Closes its pipes, and kills it if it still runs.
    void close() const {
        state_->close_pipes();
        if (!returncode()) kill();
    }
    /// Writes the input and closes the stream, reads all output, and waits for the end. That the
    /// child does not read all is no error. If this is cancelled, the child runs on.
    Coroutine<Outputs> communicate(std::string input = "") const {
        return communicate(*this, std::move(input));
    }

    /// Begins to read from and to write to its pipes.
    Coroutine<void> connect(PipeEnds in_ends, PipeEnds out_ends, PipeEnds err_ends) {
        if (in_ends.ours) {
            const auto factory = stream_factory(stream_limit);
            const auto pipe = co_await connect_write_pipe(factory, std::move(in_ends.ours));
            in = StreamWriter(pipe.first, pipe.second);
            state_->pipes.push_back(pipe.first);
        }
        if (out_ends.ours) {
            out = co_await reader_of(state_, std::move(out_ends.ours));
        }
        if (err_ends.ours) {
            err = co_await reader_of(state_, std::move(err_ends.ours));
        }
    }

  private:
    static Coroutine<StreamReader> reader_of(std::shared_ptr<State> state, zen::Descriptor ours) {
        const auto factory = [] { return std::make_shared<OutputProtocol>(stream_limit); };
        const auto pipe = co_await connect_read_pipe(factory, std::move(ours));
        state->pipes.push_back(pipe.first);
        co_return pipe.second->reader;
    }
    static Coroutine<void> feed(std::optional<StreamWriter> to, std::string input) {
        if (!to) co_return;
        try {
            to->write(input);
            co_await to->drain();
        } catch (const ConnectionError &) { // it does not want to read all
        }
        to->close();
    }
    static Coroutine<std::string> read_all(std::optional<StreamReader> from) {
        if (!from) co_return "";
        co_return co_await from->read();
    }
    static Coroutine<Outputs> communicate(Process self, std::string input) {
        auto all = gather(feed(self.in, std::move(input)), read_all(self.out), read_all(self.err));
        const auto outputs = co_await all;
        co_await self.wait();
        co_return Outputs(std::get<1>(outputs), std::get<2>(outputs));
    }
};

/// Starts a program as a child; throws if that cannot be.
inline Child start_program(const std::vector<std::string> &arguments, int in, int out, int err) {
    std::vector<char *> words;
    for (const std::string &each : arguments) words.push_back(const_cast<char *>(each.c_str()));
    words.push_back(nullptr);
    PipeEnds report = make_pipe(false); // exec closes it; or errno comes through it
    const Child child([&] {
        const int streams[] = {in, out, err};
        for (int number = 0; number < 3; ++number)
            if (streams[number] >= 0) dup2(streams[number], number);
        for (const int ignored : {SIGPIPE, SIGXFSZ}) signal(ignored, SIG_DFL);
        execvp(words[0], words.data());
        const int error = errno;
        zen::write_all(report.theirs.get(), {reinterpret_cast<const char *>(&error), sizeof error});
    });
    report.theirs = zen::Descriptor(-1);
    int error = 0;
    while (read(report.ours.get(), &error, sizeof error) < 0 && errno == EINTR) continue;
    if (error != 0) throw OSError("cannot run " + arguments[0], error);
    return child;
}
/// Runs a program, which is looked for in PATH. Throws OSError if there is none.
inline Coroutine<Process> create_subprocess_exec(std::vector<std::string> arguments,
                                                 Redirections redirections = {}) {
    PipeEnds in = open_stream(redirections.in, true);
    PipeEnds out = open_stream(redirections.out, false);
    PipeEnds err = open_stream(redirections.err, false);
    const int of_err = redirections.err == STDOUT ? (out.theirs ? out.theirs.get() : STDOUT_FILENO)
                                                  : err.theirs.get();
    Process process(start_program(arguments, in.theirs.get(), out.theirs.get(), of_err));
    co_await process.connect(std::move(in), std::move(out), std::move(err));
    co_return process;
}
} // namespace asyncio
