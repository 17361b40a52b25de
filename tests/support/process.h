// A program under test: started with exec in a session and process group of its own, its output read
// while it runs, and in any case ended and reaped.
#ifndef ZEN_TESTS_PROCESS_H
#define ZEN_TESTS_PROCESS_H

#include "output.h"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace test {

using Milliseconds = std::chrono::milliseconds;

/// The deadline of a wait for something that is about to happen. It is long, because a loaded
/// machine is slow; where all is well, no wait comes near it. Only a grader of wrong programs makes it
/// shorter.
inline Milliseconds patience{10'000};

class Process {
  public:
    /// Starts `arguments[0]`, with standard input from /dev/null. Throws if it cannot be started.
    /// Reports tell of it as `shown`; without, as the whole command.
    explicit Process(std::vector<std::string> arguments, std::string shown = {});
    ~Process(); ///< Kills the whole group, and reaps the process.
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;

    pid_t pid() const { return pid_; }

    /// What the process has written until now: all of it, up to 8 MiB; of more, the beginning and
    /// the end. Once the process has ended, this is all that it ever wrote: what the reader has not
    /// had yet is taken from the pipe.
    std::string standard_output() const;
    std::string standard_error() const;

    /// Waits until the standard output contains `text`, or cannot any more. False: it does not.
    bool wait_for(std::string_view text, Milliseconds limit = patience) const;

    /// Waits for the next whole line of standard output since the last call; nothing: there is
    /// none.
    std::optional<std::string> next_line(Milliseconds limit = patience);

    /// Waits for the end of the process, and of its output unless a child of it may live on: the
    /// status that waitpid reports, or nothing if it still runs.
    std::optional<int> wait_exit(Milliseconds limit = patience, bool with_output = true);

    void signal(int number) const; ///< To the process alone, not to its group.

    /// Leaves room for a page only in the pipe of the standard output, so that who prints waits for the
    /// reader again and again.
    void narrow_output() const;
    /// As long as what it returns is kept, nobody reads what the process writes: ask for no output. The
    /// pipe is full soon, and then who prints a line waits.
    std::unique_lock<std::mutex> hold_output() const { return std::unique_lock(mutex_); }
    bool has_room_for_a_line() const; ///< In that pipe.

    /// Stops reading the standard output: what the process writes from now on goes to a closed
    /// pipe.
    void close_output();

    /// "still running", "exit status 1" or "killed by signal 9 (Killed)".
    std::string status_text();

    /// For the report of a failed check: command, last lines of output, status.
    std::string description();

    const std::string &command() const { return command_; }

  private:
    void read_output();
    bool take(std::size_t which) const;
    std::string output_of(std::size_t which) const;

    std::string command_;
    pid_t pid_ = -1;
    std::optional<int> status_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    int pipes_[2] = {-1, -1}, wake_[2] = {-1, -1}; // standard output and error; requests
    mutable Output outputs_[2];
    bool complete_ = false;
    std::size_t next_line_ = 0;
    std::thread reader_;
};

} // namespace test

#endif
