#include "place.h"

#include "../support/programs.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <unistd.h>

namespace grade {

Place place;
Report report_of_check;

std::string launcher() {
    static const std::string path = std::filesystem::read_symlink("/proc/self/exe");
    return place.launcher.empty() ? path : place.launcher;
}

std::string checks_program() { return std::filesystem::path(launcher()).parent_path() / "checks"; }

std::vector<std::string> check_command(const Place &there, const std::string &name) {
    return {"/usr/bin/env",
            "ZEN_GRADE_PROGRAMS=" + there.programs,
            "ZEN_GRADE_SCRATCH=" + there.scratch,
            "ZEN_GRADE_USER=" + std::to_string(there.user),
            "ZEN_GRADE_PATIENCE=" + std::to_string(there.patience),
            "ZEN_GRADE_LAUNCHER=" + there.launcher,
            checks_program(),
            "\"" + name + "\""};
}

Place place_of_this_process() {
    const auto setting = [](const char *name) -> std::string {
        const char *value = std::getenv(name);
        if (!value) throw std::runtime_error(std::string(name) + " is not set: run grade instead");
        return value;
    };
    return {setting("ZEN_GRADE_PROGRAMS"),
            setting("ZEN_GRADE_SCRATCH"),
            static_cast<uid_t>(std::stoul(setting("ZEN_GRADE_USER"))),
            std::stoi(setting("ZEN_GRADE_PATIENCE")),
            setting("ZEN_GRADE_LAUNCHER"),
            true};
}

Place place_of_the_kit() {
    std::string scratch = std::filesystem::temp_directory_path() / "zen-checks-XXXXXX";
    if (!mkdtemp(scratch.data())) throw std::runtime_error("cannot make " + scratch);
    std::filesystem::permissions(scratch, std::filesystem::perms(0755));
    return {std::filesystem::absolute(test::kit_directory()), scratch, geteuid(), 10, "", false};
}

} // namespace grade
