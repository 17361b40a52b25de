// Tells the checks of the grader, before the tests of tests/run, that they run on the kit's own programs,
// and removes after them the directory in which the checks have written.
#include "catch.h"
#include "grade/place.h"

#include <filesystem>

namespace {

struct PlaceOfTheKit : CatchListener {
    using CatchListener::CatchListener;

    void testRunStarting(const Catch::TestRunInfo &) override {
        grade::place = grade::place_of_the_kit();
    }

    void testRunEnded(const Catch::TestRunStats &) override {
        std::filesystem::remove_all(grade::place.scratch);
    }
};

} // namespace

CATCH_REGISTER_LISTENER(PlaceOfTheKit)
