// Programs whose standard output is not read by the test as it comes: a file, a terminal, or a pipe
// whose reader is slow.
#ifndef ZEN_TESTS_REDIRECTED_H
#define ZEN_TESTS_REDIRECTED_H

#include "process.h"
#include "programs.h"
#include "sockets.h"

#include <filesystem>
#include <initializer_list>
#include <string>

namespace test {

/// A program that is started through a shell, which does to its standard descriptors what
/// `redirections` say: ">/dev/full".
class Redirected : public Process {
  public:
    Redirected(const Program &program, std::initializer_list<std::string> arguments,
               const std::string &redirections);
};

/// A server so, on a free port. Its ready line cannot be read: the port is found in /proc.
class RedirectedServer : public Redirected {
  public:
    RedirectedServer(const Program &program, const std::string &redirections);
    Endpoint address() const;
};

/// A terminal, of which the test has the keyboard and the screen: end().
class PseudoTerminal {
  public:
    PseudoTerminal(); ///< Throws if it cannot be made.
    ~PseudoTerminal();
    PseudoTerminal(const PseudoTerminal &) = delete;
    PseudoTerminal &operator=(const PseudoTerminal &) = delete;
    std::string path() const;
    int end() const { return end_; }

  private:
    int end_ = -1;
};

/// A pipe with a name, for a log that nobody reads but the test.
class Fifo {
  public:
    Fifo(); ///< Throws if it cannot be made.
    ~Fifo();
    Fifo(const Fifo &) = delete;
    Fifo &operator=(const Fifo &) = delete;
    std::string path() const { return path_; }
    int end() const { return end_; }
    bool is_full() const; ///< A write to it would wait.
    /// Waits until nothing has been written to it for a while.
    void wait_until_stuck() const;
    /// All that has been written to it since it was made.
    const std::string &read_all();

  private:
    std::filesystem::path path_;
    int end_ = -1;
    std::string text_;
};

} // namespace test

#endif
