// What `grade` is told by its command line, and the files that it writes for that.
#ifndef ZEN_TESTS_GRADE_OPTIONS_H
#define ZEN_TESTS_GRADE_OPTIONS_H

#include "grader.h"

#include <set>
#include <stdexcept>
#include <string>

namespace grade {

struct Options {
    Settings settings;
    Scale scale;
    std::string class_directory, output, gradescope, classroom50, junit, csv, roster, earned;
    std::string column = "Zen lab";
    std::set<std::string> students; ///< to be graded, also again; empty: all that are not yet
    std::string only;               ///< not empty: this process grades this one student of a class
    std::size_t at_once = 0;        ///< students at a time; 0: as many as suit the processors
    bool autolab = false, hidden = false, list = false, nobody = false;
};

struct UsageError : std::runtime_error {
    using runtime_error::runtime_error;
};

extern const char *const usage_line;

/// Reads the command line; with -h prints the help, and ends. Throws UsageError.
Options parse(int argc, char *argv[]);

/// The planned checks, with nothing graded; throws also for a weight of what is no exercise.
Grading planned(const Options &options);

/// Writes the result files of one submission: those that were asked for by name, and with a
/// directory all of them. There, results.json is the last to say that the grading is complete, and the
/// first to say that it is not: see take_results().
void write_results(const Options &options, const Grading &grading, const std::string &directory);

/// What is in a file. Throws std::runtime_error.
std::string read(const std::string &path);

} // namespace grade

#endif
