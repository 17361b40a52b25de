// The cases that fuzzing has found, of which some broke something once: tests/fuzz says what must
// hold for them. The targets are programs beside this one.
#include "support/kit.h"

#include <filesystem>

#include <sys/wait.h>

using namespace test;

TEST_CASE("the cases of fuzzing hold", "[corpus]") {
    const std::filesystem::path here =
        std::filesystem::read_symlink("/proc/self/exe").parent_path();
    for (const auto &directory : std::filesystem::directory_iterator("tests/corpus")) {
        const std::string target = directory.path().filename();
        Process replay({here / ("replay-" + target), directory.path()});
        const auto status = replay.wait_exit(6 * patience);
        CHECK_PROGRAM(replay, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
    }
}
