// typing.h: the keyboard and the screen of chatc: a line that is being typed while other lines are
// printed above it. Each key comes at once, and the terminal shows none by itself. It is as it was
// whenever the program has ended or is stopped (Ctrl-Z), unless SIGKILL has ended it.
#pragma once

#include "events.h"

#include <sys/ioctl.h>
#include <termios.h>

namespace typing {
inline bool interactive = false; ///< Whether a terminal is on both sides.
inline termios as_it_was, key_by_key;
/// Signal handlers call it, too.
inline void set_terminal(const termios &mode) { // but not if another job has it now
    if (interactive && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}
inline void restore_terminal() { set_terminal(as_it_was); }
/// While it lives, each key comes at once and none is shown.
struct Terminal {
    Terminal() {
        interactive = isatty(STDOUT_FILENO) && tcgetattr(STDIN_FILENO, &as_it_was) == 0;
        key_by_key = as_it_was;
        key_by_key.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN);
        key_by_key.c_cc[VMIN] = 1;
        zen::at_last = restore_terminal; // if it takes no more output: see stop_on_signals
        for (const int deadly : {SIGHUP, SIGQUIT})
            std::signal(deadly, [](int signal) {
                restore_terminal();
                std::signal(signal, SIG_DFL);
                raise(signal);
            });
        set_terminal(key_by_key);
    }
    ~Terminal() {
        if (interactive) zen::write_all(STDOUT_FILENO, "\r\x1b[K");
        restore_terminal();
    }
};

/// The line being typed, which is the last one of the terminal.
class Line {
  public:
    explicit Line(std::size_t max_size) : max_size_(max_size) {} ///< in bytes
    /// Takes a key or, if there is no terminal, a byte. True if it ends the line.
    bool key(char c) {
        if (c == '\n' || (c == '\r' && interactive)) return true;
        if (!interactive) text_ += c;
        else if (escape_) escape_ = c == '[' || std::isdigit(static_cast<unsigned char>(c));
        else if (c == '\x1b') escape_ = true; // of an arrow, or another key of several bytes
        else if (c == '\x7f' || c == '\b') text_.resize(text_.size() - !text_.empty());
        else if (c == '\x15') text_.clear(); // Ctrl-U
        else if ((c < 0 || c >= ' ') && text_.size() < max_size_) text_ += c;
        if (text_.size() > max_size_)
            throw std::runtime_error("a line has at most " + std::to_string(max_size_) + " bytes");
        return false;
    }
    bool empty() const { return text_.empty(); }
    std::string take() { return std::exchange(text_, "") + '\n'; }
    /// Draws the line again: its end, if it is longer than a row. Above it, a line that stays.
    void draw(const std::string &above = "") const {
        std::string text = zen::printable(text_);
        winsize window = {};
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
        const std::size_t room = window.ws_col > 1 ? window.ws_col - 1u : 79u;
        if (text.size() > room) text.erase(0, text.size() - room);
        if (!zen::write_all(STDOUT_FILENO, interactive ? "\r\x1b[K" + above + text : above))
            zen::fail("cannot print");
    }
    void print(std::string_view line) const { draw(zen::printable(line) + '\n'); }

    bool ended = false; // no more lines will come

  private:
    const std::size_t max_size_;
    std::string text_;
    bool escape_ = false;
};

/// While the program is stopped, the terminal is as it was; then the line is drawn again.
inline void handle_stops(std::shared_ptr<const Line> line) {
    asyncio::get_running_loop().add_signal_handler(SIGTSTP, [] {
        restore_terminal();
        raise(SIGSTOP);
    });
    asyncio::get_running_loop().add_signal_handler(SIGCONT, [line] {
        set_terminal(key_by_key);
        line->draw();
    });
}
} // namespace typing
