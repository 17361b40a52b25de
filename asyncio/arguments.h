// arguments.h: the command line of programs that have options or words of their own, as tacl, chatc
// and hget. All other programs have what zen::start() of program.h reads.
#pragma once

#include "../program.h"

#include <functional>
#include <optional>
#include <vector>

namespace arguments {
/// What -h tells: the usage line, without "usage: NAME [-h] ", and a line for each option or word.
struct Usage {
    zen::Program program;
    const char *words, *list;

    std::string line() const {
        return std::string("usage: ") + program.name + " [-h]" + (*words ? " " : "") + words + '\n';
    }
    std::string text() const {
        return line() + '\n' + program.purpose + "\n\n  -h           print this text\n" + list +
               "\nexample: " + program.example + '\n';
    }
    /// Says what is wrong, then the usage line, and ends the program: status 2.
    [[noreturn]] void error(const std::string &wrong) const {
        zen::report(program, wrong);
        zen::write_all(STDERR_FILENO, line());
        std::exit(2);
    }
    /// The number that a text is, if it is from low to high; `what` it is for is said if not.
    int number(const std::string &what, const std::string &text, int low, int high) const {
        const long value = std::strtol(text.c_str(), nullptr, 10);
        if (value >= low && value <= high && std::to_string(value) == text) return int(value);
        error(what + " must be a number from " + std::to_string(low) + " to " +
              std::to_string(high) + ", not '" + text + "'");
    }
    /// The value of -t: so many seconds; 0 is for ever: none.
    std::optional<std::chrono::seconds> limit(const std::string &text) const {
        const std::chrono::seconds value(number("-t", text, 0, 86'400));
        return value.count() > 0 ? std::optional(value) : std::nullopt;
    }
};
/// Readies the process and reads the options: calls on_option(letter, value) for each but -h.
/// Returns the words after them, which are `least` to `most`; or says what is wrong, and ends the
/// program.
inline std::vector<std::string>
read(int argc, char *argv[], const Usage &usage, std::size_t least, std::size_t most,
     const std::function<void(char, const std::string &)> &on_option) {
    zen::prepare_process(usage.program);
    setenv("POSIXLY_CORRECT", "1", 0); // for glibc's getopt: options stand before the words only
    const std::string letters = std::string(":h") + usage.program.letters;
    for (int letter; (letter = getopt(argc, argv, letters.c_str())) != -1;) switch (letter) {
        case 'h':
            std::exit(zen::write_all(STDOUT_FILENO, usage.text())
                          ? 0
                          : zen::report(usage.program, "cannot print"));
        case ':': usage.error(std::string("no value for option -") + char(optopt));
        case '?': usage.error(std::string("unknown option -") + char(optopt));
        default: on_option(char(letter), optarg ? optarg : "");
        }
    const std::vector<std::string> words(argv + optind, argv + argc);
    if (words.size() > most) usage.error("surplus argument '" + words[most] + "'");
    if (words.size() < least) usage.error("too few arguments");
    return words;
}
} // namespace arguments
