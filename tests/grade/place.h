// What the process of one check is told by the grader that starts it, and how it reports back. In
// tests/run, nobody tells it anything: there, the programs are the kit's own.
#ifndef ZEN_TESTS_GRADE_PLACE_H
#define ZEN_TESTS_GRADE_PLACE_H

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace grade {

struct Place {
    std::string programs; ///< the directory in which "tas/tas" stands
    std::string scratch;  ///< the current directory of the programs; they may write there
    uid_t user = 0;       ///< whom they run as
    int patience = 10;    ///< seconds that a check waits for what should come at once
    std::string launcher; ///< the program that puts a command into the sandbox: `grade`
    bool sandbox = true;  ///< false: there is none, as the programs are the kit's own
};
/// That of this process.
extern Place place;

/// What one check has found.
struct Report {
    int checks = 0; ///< how many have run
    bool undetermined = false;
    std::string text; ///< empty: passed, or Catch2 tells what has failed
};
extern Report report_of_check;

/// What is between these in the output of a check is its report: a word ("passed"), a newline and
/// the text. Catch2 writes before and after it.
inline constexpr std::string_view report_begin = "\n@@report ", report_end = "\n@@end\n";

/// This program, and the one that has the checks, which stands beside it.
std::string launcher();
std::string checks_program();

/// The command that runs the check of that name in that place; and what it reads of that.
std::vector<std::string> check_command(const Place &place, const std::string &name);
Place place_of_this_process();

/// The place of a process that runs checks on the kit's own programs, as they would run without a
/// grader. Its scratch directory is a new one; whoever has called this removes it.
Place place_of_the_kit();

} // namespace grade

#endif
