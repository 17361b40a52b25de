// A class: its students are graded some at a time, each by a process of its own, and the tables are true
// whenever this is broken off.
#ifndef ZEN_TESTS_GRADE_CLASS_H
#define ZEN_TESTS_GRADE_CLASS_H

#include "options.h"

namespace grade {

/// Grades who is not graded yet, and writes tables and pages; `arguments` is the command line, which
/// those processes get as well. The exit status. Throws std::runtime_error.
int grade_class(const Options &options, char **arguments);

/// What such a process does: grades the one student that `options.only` names. The exit status.
int grade_student(const Options &options);

} // namespace grade

#endif
