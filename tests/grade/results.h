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
    not_written,  ///< the program says "not written yet": `report` is what
    undetermined, ///< this machine does not let the grader look: costs nothing
};

struct Result {
    Check check;
    Status status = Status::planned;
    std::string report; ///< why it is not passed
    double seconds = 0;

    bool good() const { return status == Status::passed || status == Status::undetermined; }
    int earned() const { return good() ? check.points : 0; }
};

/// How the points of the checks become those of a table.
struct Scale {
    std::map<std::string, double>
        weights;     ///< what an exercise is worth, 1 if it is not named; none:
                     ///< its points
    double full = 0; ///< what all are worth together; 0: the sum
};

/// One submission.
struct Grading {
    std::string student;           ///< empty: the kit itself
    std::vector<std::string> keys; ///< by what a roster may know the student: see fill_roster()
    std::map<std::string, std::string> sources; ///< of an exercise: fingerprint() of submission.h
    std::vector<std::string> remarks; ///< what was taken for what: find_sources() of download.h
    Scale scale;
    std::string note; ///< for the table of a class: why there are no points
    std::vector<Result> results;
    std::map<std::string, std::string> notes; ///< of an exercise: "tas does not build: ..."
    double seconds = 0;
    bool complete = false; ///< each planned check has come to an end

    /// The exercises, in the order of their checks.
    std::vector<std::string> exercises() const;
    /// Points of an exercise, or of all: earned, and to be had.
    int earned(std::string_view exercise = {}) const;
    int possible(std::string_view exercise = {}) const;
    /// The points of the checks that a handout gives: they are in neither.
    int given(std::string_view exercise = {}) const;
    /// The same by the scale: what a table shows.
    double value(const std::string &exercise = {}) const;
    double worth(const std::string &exercise = {}) const;
    /// How many points of the scale a point of a check of this exercise is.
    double factor(const std::string &exercise) const;
};

/// The table for the terminal and what was lost, why. `colour`: with escape sequences for a terminal.
/// Checks tagged [hidden] are only counted unless `hidden`.
std::string text_report(const Grading &grading, bool colour, bool hidden);

/// A number with two decimals at most: "4", "66.67".
std::string decimal(double value);

/// Gradescope's results.json, by the scale. Its "extra_data" has what take_results() needs.
std::string gradescope(const Grading &grading);
/// Takes what became of the planned checks of `grading` from a results.json, and their reports. False,
/// and nothing is changed, unless that is complete, is of the same sources, and has all these checks.
bool take_results(Grading &grading, const std::string &results_json);
/// Classroom 50's result.json, schema classroom50/result/v1: all scores are integers.
std::string classroom50(const Grading &grading);
/// JUnit XML, for Jenkins, GitLab and others; the class of a test is its exercise.
std::string junit(const Grading &grading);
/// The line that Autolab takes from the end of the output, without newline.
std::string autolab(const Grading &grading);
/// Bytes as they may be shown, escaped; a text with the small letters of ASCII.
std::string plain(const std::string &bytes);
std::string lower(const std::string &text);

/// A cell of a table with commas, in quotes where it needs them.
std::string csv_cell(const std::string &text);
/// A row of what is possible, then one a student; one column an exercise, the total, and a note. The
/// cells of a grading that is not complete are blank.
std::string csv(const std::vector<Grading> &gradings);

/// A roster that Canvas or Moodle has exported, with the totals in the column of that name: it is
/// filled, or added as the last one; Canvas writes its number behind the name ("Lab (5512)"), Moodle
/// "Assignment: Lab (Real)". A grading that is not complete gets a blank cell, and so does a row of
/// Canvas's for the possible points what is possible. Every other byte stays.
///
/// A student is the row with a cell that is a key of his, of a column such as "Student", "Login ID" or
/// "Email". A key is a name, in whatever order ("Lovelace, Ada" is "ada lovelace" and "lovelaceada"),
/// or what an e-mail address begins with; or it is "COLUMN=VALUE". Of several keys, the first counts
/// that is in one row only. `notes` gets a line for each student who is found in no row or in several,
/// and for each row without a student. Throws std::runtime_error for what is no such table.
std::string fill_roster(std::string_view roster, const std::string &column,
                        const std::vector<Grading> &gradings, std::vector<std::string> &notes);

/// Writes a file so that there is a whole one at any moment, the old one or the new. Throws
/// std::runtime_error.
void write(const std::string &path, const std::string &content);

} // namespace grade

#endif
