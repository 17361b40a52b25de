#include "exercise.h"

#include "outcome.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

namespace fs = std::filesystem;

namespace grade {

std::size_t processors() { return std::max<std::size_t>(1, std::thread::hardware_concurrency()); }

std::vector<std::string> Exercise::build_command(const std::vector<std::string> &arguments) const {
    std::vector<std::string> command = {"make", "-s", "-k", "CXXFLAGS=-O1 -Wno-error -iquote ."};
    if (targets.size() > 1) command.push_back("-j" + std::to_string(processors()));
    command.insert(command.end(), arguments.begin(), arguments.end());
    bool any = false;
    for (const std::string &target : targets) {
        if (!fs::exists(directory / (target + ".cpp"))) continue;
        any = true;
        command.push_back(fs::relative(programs, directory) / target);
    }
    return any ? command : std::vector<std::string>{};
}

// A file that the program was built from and that is neither its own nor the system's: another
// solution, it may be. The compiler has listed them.
std::string Exercise::strange_source(const std::string &target) const {
    const fs::path list = directory /
                          (programs == directory ? "build" : fs::relative(programs, directory)) /
                          (fs::path(target).filename().string() + ".d");
    std::ifstream file(list);
    for (std::string source; file >> source;) {
        if (source == "\\" || source.back() == ':') continue;
        const std::string path = (directory / source).lexically_normal();
        if (path.rfind(directory.string() + "/", 0) != 0 && path.rfind("/usr/", 0) != 0)
            return path;
    }
    return "";
}

// Whether a line of the compiler tells where the next message belongs: "zens.cpp: In function
// 'int main()':", "In file included from zens.cpp:1:", "zens.cpp:7:3:   required from here".
static bool leads_to_message(const std::string &line) {
    return line.rfind("In file included from ", 0) == 0 ||
           line.find(":   required from ") != line.npos ||
           (line.back() == ':' &&
            (line.find(": In ") != line.npos || line.find(": At ") != line.npos));
}

// What compiler and linker have printed, without the warnings, as a report shows its first lines only.
// A warning goes with the lines that lead to it, and with the notes and the source lines after it.
static std::string without_warnings(const std::string &printed) {
    std::istringstream lines(printed);
    std::string kept, lead;
    bool in_warning = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty()) continue;
        const auto has = [&](const char *what) { return line.find(what) != line.npos; };
        const bool indented = line[0] == ' ';
        if ((indented && !lead.empty()) || (!indented && leads_to_message(line))) {
            lead += line + '\n';
            continue;
        }
        if (!indented && has("warning: ")) in_warning = true;
        else if (!indented && !has(": note: "))
            in_warning = has(" warning generated.") || has(" warnings generated.");
        if (!in_warning) kept += lead + line + '\n';
        lead.clear();
    }
    return kept.empty() ? printed : kept;
}

void Exercise::remove_unfinished() const {
    for (const std::string &target : targets) {
        std::error_code error;
        const auto status = fs::status(programs / target, error);
        if (fs::is_regular_file(status) &&
            (status.permissions() & fs::perms::owner_exec) == fs::perms::none)
            fs::remove(programs / target, error);
    }
}

Built Exercise::look_at_build(std::string errors) const {
    Built built;
    std::string missing, broken;
    for (const std::string &target : targets) {
        const std::string strange = strange_source(target);
        if (!strange.empty()) {
            fs::remove(programs / target);
            errors = target + " is built from " + strange + ", which is not part of it";
        }
        if (fs::exists(programs / target)) continue;
        built.lacks.push_back(target);
        const bool is_there = fs::exists(directory / (target + ".cpp"));
        std::string &list = is_there ? broken : missing;
        list += (list.empty() ? "" : ", ") + (is_there ? target : target + ".cpp");
    }
    if (!missing.empty()) built.note = "not checked: " + missing + " is missing";
    if (!broken.empty())
        built.note += (built.note.empty() ? "" : "\n") + ("not checked: " + broken) +
                      " does not build" + first_lines(without_warnings(errors), error_lines);
    return built;
}

} // namespace grade
