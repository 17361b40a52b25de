// One exercise of a submission while it is graded: what is built for it, where, and what came of that.
#ifndef ZEN_TESTS_GRADE_EXERCISE_H
#define ZEN_TESTS_GRADE_EXERCISE_H

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace grade {

/// How many processors this machine has; at least 1.
std::size_t processors();

/// What is there after the build.
struct Built {
    std::string note;               ///< for the report: what is missing or does not build, and why
    std::vector<std::string> lacks; ///< targets whose program is not there
};

struct Exercise {
    using Clock = std::chrono::steady_clock;

    std::string name;
    std::filesystem::path directory; ///< of its own Makefile, sources and programs
    std::filesystem::path programs;  ///< where "tas/tas" is after the build
    std::set<std::string> targets;   ///< "tas/tas"; six for framing
    enum { waiting, building, ready } state = waiting;
    Clock::time_point deadline = Clock::time_point::max(); ///< after which no check is begun

    /// The command that builds it, with more arguments of make. Empty: there is nothing to build.
    std::vector<std::string> build_command(const std::vector<std::string> &arguments) const;

    /// Removes the programs that the linker was still writing when the build was ended: it makes them
    /// executable at its end. As an empty file, such a program would seem to end at once.
    void remove_unfinished() const;

    /// Looks at what the build has left. A program that was built from a file which is no part of the
    /// exercise is removed. `errors` is what the compiler has printed; the note shows its first lines,
    /// without the warnings, which cost nothing.
    Built look_at_build(std::string errors) const;

  private:
    std::string strange_source(const std::string &target) const;
};

} // namespace grade

#endif
