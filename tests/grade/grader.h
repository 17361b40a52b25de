// Grades one submission: copies its sources beside the kit's own headers and Makefile, builds them,
// and runs the checks, several at a time, each in a process of its own.
#ifndef ZEN_TESTS_GRADE_GRADER_H
#define ZEN_TESTS_GRADE_GRADER_H

#include "download.h"
#include "results.h"

#include <csignal>
#include <functional>
#include <string>
#include <vector>

namespace grade {

struct Settings {
    std::string kit = ".";         ///< where Makefile, zen.h and the other headers are
    std::string from = ".";        ///< the submission
    Submission submission;         ///< or this, if it is not empty: a part of a download
    bool own_headers = false;      ///< take zen.h and so on of the submission
    std::vector<std::string> make; ///< more arguments of make: "CXX=clang++", "SAN=address"
    std::string handout; ///< not empty: the handout that students got, as make handout writes it
    std::string built;   ///< not empty: programs that are built already stand there
    std::vector<std::string> names; ///< of exercises, programs or checks; empty: all
    std::size_t jobs = 0;           ///< checks at a time; 0: two for each processor
    int patience = 10;              ///< seconds that a check waits for what should come at once
    int seconds = 0;                ///< after so long no check is begun; 0: any time
    bool progress = true;           ///< on standard error
};

/// The checks that `settings` asks for, and those that they need. Throws std::runtime_error for a
/// name that is none.
std::vector<Result> plan(const Settings &settings);

/// Runs the grading. `changed` is called at the start and while checks end, so that a results
/// file is there at any moment. A signal (SIGINT, SIGTERM) breaks it off. Throws std::runtime_error
/// if it cannot be done at all, or if fewer checks have run than were planned.
Grading run(const Settings &settings, const std::string &student,
            const std::function<void(const Grading &)> &changed, const Scale &scale = {});

/// All checks that the program `checks` has; it stands beside this one.
std::vector<Check> all_checks();

/// Set by a signal: the grading is broken off.
extern volatile std::sig_atomic_t interrupted;

} // namespace grade

#endif
