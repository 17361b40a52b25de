// What tests/run does before and after its tests. It tells the checks of the grader that they run on
// the kit's own programs. It closes a run with one line, "N passed, N failed", that both versions of
// Catch2 print alike, and ends a run in which nothing was tested as a failure: with a filter that
// matches nothing, Catch2 2 succeeds.
#include "catch.h"
#include "grade/place.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace {

struct ClosingLine : CatchListener {
    using CatchListener::CatchListener;

    void testRunStarting(const Catch::TestRunInfo &) override {
        grade::place = grade::place_of_the_kit();
    }

    void testRunEnded(const Catch::TestRunStats &stats) override {
        std::filesystem::remove_all(grade::place.scratch);
        const auto &count = stats.totals.testCases;
        std::cout << count.passed << " passed, " << count.failed << " failed" << std::endl;
        if (count.total() > 0) return;
        std::cerr << "no test matches\n";
        std::_Exit(2);
    }
};

} // namespace

CATCH_REGISTER_LISTENER(ClosingLine)
