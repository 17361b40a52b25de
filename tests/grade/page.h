// The results as pages for a browser: one file each, with no script, and nothing loaded from elsewhere.
#ifndef ZEN_TESTS_GRADE_PAGE_H
#define ZEN_TESTS_GRADE_PAGE_H

#include "pairs.h"
#include "results.h"

#include <string>
#include <vector>

namespace grade {

/// A class, as far as it is graded.
struct Class {
    std::vector<Grading> gradings;
    std::vector<std::string> remarks; ///< of the download
    std::vector<std::string> notes;   ///< of the roster: whose row or submission is missing
    std::vector<Pair> pairs;          ///< whose sources have much in common
};

/// The page of a class: the table of the students, with links to students/NAME/report.html, a picture of
/// how many lost each check, and the pairs to look at.
std::string class_page(const Class &all);

/// The page of one submission: the points by exercise, and the report of each check that is lost.
/// Checks tagged [hidden] are only counted unless `hidden`.
std::string student_page(const Grading &grading, bool hidden);

} // namespace grade

#endif
