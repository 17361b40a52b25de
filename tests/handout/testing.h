// What the tests of the handout have in common.
#ifndef ZEN_TESTS_HANDOUT_TESTING_H
#define ZEN_TESTS_HANDOUT_TESTING_H

#include "../support/graded.h"
#include "kit.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <sys/wait.h>

namespace handout {

inline std::vector<Task> all_tasks() { return read_tasks(contents("tests/handout/tasks.txt")); }

inline std::set<std::string> files_of(const std::vector<Task> &tasks) {
    std::set<std::string> files;
    for (const Task &task : tasks) files.insert(task.file);
    return files;
}

inline std::set<std::string> exercises() {
    std::set<std::string> names;
    for (const std::string &file : files_of(all_tasks())) names.insert(exercise_of(file));
    return names;
}

/// The sources of all programs, as far as there is a directory for them: "zens/zens.cpp".
inline std::set<std::string> programs_of_the_kit() {
    std::set<std::string> files;
    for (const std::string &directory : exercises())
        for (const auto &entry : std::filesystem::directory_iterator(directory))
            if (entry.path().extension() == ".cpp") files.insert(entry.path());
    return files;
}

using Handout = std::map<std::string, std::string>; // by the place, what stands there

inline Handout handout_of(const Plan &plan) {
    return files_for(".", plan, tasks_for(plan, all_tasks(), "."));
}

inline void write_all(const test::Directory &directory, const Handout &files) {
    for (const auto &[place, text] : files) directory.write(place, text);
}

/// The program that make handout runs.
inline std::string tool() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "handout/handout";
}

/// What a command prints if it fails.
inline std::string failure(std::vector<std::string> command) {
    test::Process process(std::move(command));
    const auto status = process.wait_exit(std::chrono::minutes(30));
    const bool good = status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
    return good ? "" : process.description() + process.standard_error();
}

} // namespace handout

#endif
