// How a check has ended, read from what its process has left.
#ifndef ZEN_TESTS_GRADE_OUTCOME_H
#define ZEN_TESTS_GRADE_OUTCOME_H

#include "../support/process.h"
#include "results.h"

#include <string>

namespace grade {

struct Outcome {
    Status status = Status::failed;
    std::string report;
};

/// Of a check whose process has ended. `ended_for` tells why the grader has ended it; empty: it has not.
Outcome outcome_of(test::Process &check, const std::string &ended_for);

/// The first lines of a text as a report shows them: printable, each on a line of its own, marked.
std::string first_lines(const std::string &text, std::size_t count);
inline constexpr std::size_t error_lines = 14; ///< how many are shown of standard error

} // namespace grade

#endif
