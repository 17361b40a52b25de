#include "programs.h"

#include <cstdlib>
#include <stdexcept>

namespace test {

const Program &named(std::string_view name) {
    for (const Program &program : programs)
        if (program.name == name) return program;
    throw std::runtime_error("no program is named " + std::string(name));
}

std::string kit_directory() {
    const char *directory = std::getenv("ZEN_KIT");
    return directory ? directory : ".";
}

std::vector<std::string> command(const Program &program,
                                 std::initializer_list<std::string> arguments) {
    std::vector<std::string> all = {kit_directory() + "/" + std::string(program.path)};
    if (!program.option.empty()) all.emplace_back(program.option);
    all.insert(all.end(), arguments);
    return all;
}

} // namespace test
