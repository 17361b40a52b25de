// What the grader runs at the moment: builds and checks, and what they may use.
#ifndef ZEN_TESTS_GRADE_JOBS_H
#define ZEN_TESTS_GRADE_JOBS_H

#include "../support/process.h"
#include "exercise.h"
#include "results.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace grade {

inline constexpr std::chrono::seconds build_limit{300}, check_limit{60}, exercise_limit{240};
/// What the limits of an exercise are longer by for each program after the first.
inline constexpr std::chrono::seconds program_limit{30};
inline constexpr std::chrono::seconds compile_limit{120}; ///< processor time of each compiler

struct Job {
    using Clock = std::chrono::steady_clock;

    std::unique_ptr<test::Process> process = {}; ///< null: nothing runs in this place
    Exercise *exercise = nullptr;
    Result *result = nullptr; ///< of a check; null: it builds
    Clock::time_point start = {}, deadline = {};
    std::filesystem::path scratch =
        {};                     ///< of a check: the directory in which its programs may write
    std::string ended_for = {}; ///< why the grader has ended it; empty: it has not
};

/// Ends those that take too long, too much memory or too much of the disk.
void end_what_exceeds(std::vector<Job> &jobs);

} // namespace grade

#endif
