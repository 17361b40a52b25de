// The checks as the grader plans them. The program that has them, `checks`, tells them to the
// program that runs them, `grade`, in lines.
#ifndef ZEN_TESTS_GRADE_PLAN_H
#define ZEN_TESTS_GRADE_PLAN_H

#include <string>
#include <vector>

namespace grade {

/// A check of one program, as the grader plans it.
struct Check {
    std::string name;       ///< "tas: serves one client", also that of the test case
    std::string exercise;   ///< "tas", or "framing" for its six programs
    std::string program;    ///< "tas", "sszt -f", "abs"
    std::string target;     ///< what is built for it: "tas/tas", "framing/abs"
    int points = 0;         ///< of the tag "[pts:2]"
    int given = 0;          ///< what it would be worth, if the skeleton of a handout has earned it
    bool hidden = false;    ///< of the tag "[hidden]": a student learns only how many there are
    bool mechanism = false; ///< of the tag "[mechanism]": tells one architecture from the others
    std::vector<std::string> needs; ///< names of the checks without which this one makes no sense
};

/// A check as a line without newline: its fields with tabs between them; and back. Throws
/// std::runtime_error for what is no such line.
std::string to_line(const Check &check);
Check from_line(const std::string &line);

} // namespace grade

#endif
