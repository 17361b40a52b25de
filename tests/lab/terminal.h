// A terminal of a student: a pseudo-terminal with an interactive bash in it, whose screen is read
// as one stream of text.
#ifndef ZEN_LAB_TERMINAL_H
#define ZEN_LAB_TERMINAL_H

#include <chrono>
#include <string>

#include <sys/types.h>

namespace lab {

using Milliseconds = std::chrono::milliseconds;

class Terminal {
  public:
    /// Starts bash in `directory`.
    explicit Terminal(const std::string &directory);
    ~Terminal(); ///< Ends bash and all that runs in the terminal.
    Terminal(const Terminal &) = delete;
    Terminal &operator=(const Terminal &) = delete;

    int descriptor() const { return master_; }
    pid_t session() const { return shell_; }

    void type(const std::string &text);
    /// Takes what has come to the screen. False: nothing had.
    bool read_screen();

    /// What the screen shows behind all that has been taken so far.
    std::string rest() const { return screen_.substr(taken_); }
    void take(std::size_t size) { taken_ += size; }
    /// The last lines of the screen, for a report.
    std::string last_lines() const;

    /// Each prompt begins with this byte, then the exit status of the last command, then another
    /// such byte. The screen of a student shows only the "$ " that follows.
    static constexpr char prompt_mark = '\x1e', status_end = '\x1f';

  private:
    int master_ = -1;
    pid_t shell_ = -1;
    std::string screen_; // without carriage returns
    std::size_t taken_ = 0;
};

/// Whether all processes of a terminal sleep, and have done so between two looks: nothing more
/// happens there until somebody types, sends or a time is over. Some experiments never become calm:
/// those that keep the processor busy, and those that wake up again and again.
class Calm {
  public:
    /// The next look at the terminals whose sessions these are. True: they were calm since the last
    /// one.
    bool look(const std::string &sessions);

    /// The processor time that the processes have used since the first look. Where others keep the
    /// machine busy, it goes on more slowly than the clock, as the processes do.
    Milliseconds used() const { return used_; }
    /// At how many looks all processes slept, but had run since the look before.
    int restless() const { return restless_; }

  private:
    std::string before_ = "never";
    Milliseconds first_{-1}, used_{0};
    int restless_ = 0;
};

} // namespace lab

#endif
