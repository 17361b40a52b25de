// What a grading has found, and the forms in which others read it. Pure functions, but for write().
#ifndef ZEN_TESTS_GRADE_RESULTS_H
#define ZEN_TESTS_GRADE_RESULTS_H

#include "plan.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace grade {

enum class Status {
    planned, ///< not run yet, or the grading was broken off: earns nothing
    passed,
    failed,
    not_checked,  ///< the program is missing, or a check that this one needs has failed
    undetermined, ///< this machine does not let the grader look: costs nothing
};

struct Result {
    Check check;
    Status status = Status::planned;
    std::string report; ///< why it is not passed
    double seconds = 0;

    int earned() const {
        return status == Status::passed || status == Status::undetermined ? check.points : 0;
    }
};

/// One submission.
struct Grading {
    std::string student; ///< empty: the kit itself
    std::string sources; ///< which sources, and how they are built: fingerprint() of submission.h
    std::string note;    ///< for the table of a class: why there are no points
    std::vector<Result> results;
    std::map<std::string, std::string> notes; ///< of an exercise: "tas does not build: ..."
    double seconds = 0;
    bool complete = false; ///< each planned check has come to an end

    /// The exercises, in the order of their checks.
    std::vector<std::string> exercises() const;
    /// Points of an exercise, or of all: earned, and to be had.
    int earned(std::string_view exercise = {}) const;
    int possible(std::string_view exercise = {}) const;
};

/// The table for the terminal and what was lost, why. `colour`: with escape sequences for a terminal.
/// Checks tagged [hidden] are only counted unless `hidden`.
std::string text_report(const Grading &grading, bool colour, bool hidden);

/// Gradescope's results.json. Its "extra_data" says whether the grading is complete, and of what.
std::string gradescope(const Grading &grading);
/// Takes the points of the planned checks of `grading` from a results.json. False, and nothing is
/// changed, unless that is complete, is of the same sources, and has all these checks.
bool take_scores(Grading &grading, const std::string &results_json);
/// Classroom 50's result.json, schema classroom50/result/v1: all scores are integers.
std::string classroom50(const Grading &grading);
/// JUnit XML, for Jenkins, GitLab and others; the class of a test is its exercise.
std::string junit(const Grading &grading);
/// The line that Autolab takes from the end of the output, without newline.
std::string autolab(const Grading &grading);
/// One row a student, one column an exercise, the total, and a note. The cells of a grading that is not
/// complete are blank.
std::string csv(const std::vector<Grading> &gradings);

/// A roster that Canvas or Moodle has exported, with the totals in the column of that name: it is
/// filled, or added as the last one; a grading that is not complete gets a blank cell. Every other byte
/// stays. A student is the row in which a cell of a column such as "Student", "Login ID" or "Email" is
/// `student`, or an e-mail address that begins so. `notes` gets a line for each student who is found in
/// no row or in several. Throws std::runtime_error for what is no such table.
std::string fill_roster(std::string_view roster, const std::string &column,
                        const std::vector<Grading> &gradings, std::vector<std::string> &notes);

/// Writes a file so that there is a whole one at any moment, the old one or the new. Throws
/// std::runtime_error.
void write(const std::string &path, const std::string &content);

} // namespace grade

#endif
