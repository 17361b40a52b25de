// The story of the check that runs in this process: what it tries, what it has sent and what came back.
// When the check fails, the report for the student is composed of it.
#ifndef ZEN_TESTS_GRADE_STORY_H
#define ZEN_TESTS_GRADE_STORY_H

#include "check.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace grade {

/// How fail() and undetermined() end a check; what() is the report.
struct Failed : std::runtime_error {
    using runtime_error::runtime_error;
};
struct Undetermined : std::runtime_error {
    using runtime_error::runtime_error;
};

/// As far as the check has come.
struct Story {
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    const Program *program = nullptr;
    std::string tried, mistake, chapter, first_terminal, second_terminal;
    std::string sent, expected, received;    ///< shown
    bool talked = false, has_recipe = false; ///< by_hand was called
    Student *student = nullptr;
    std::string last_words;     ///< about() a program that was ended by what has failed
    bool server_serves = false; ///< the student's program is a server, and not told to end
    std::string options;        ///< of the student's program, as typed
};
extern Story story;

/// Begins the story of a check of that program.
void begin_story(const Program &program);

/// The report: what went wrong, what should have come and what came, which may be empty.
std::string compose(const std::string &what, const std::string &expected,
                    const std::string &received);

/// What a report tells of a program: how it was started, what became of it, its last lines; of one that
/// was to go on and `has_ended`, all that it printed on standard error.
std::string about(Student &student, bool has_ended);

/// The command of the shell that prints these bytes: "printf 'Hello\n'".
std::string printf_command(std::string_view bytes);

} // namespace grade

#endif
