// The kit as students get it: which files, and what is taken out of them.
#ifndef ZEN_TESTS_HANDOUT_KIT_H
#define ZEN_TESTS_HANDOUT_KIT_H

#include "skeleton.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace handout {

/// What is to be written: exercises ("zens", "framing") and programs ("tacr"), each with its level.
using Plan = std::map<std::string, int>;

/// Reads "zens mzts:2 tacr": words with a level, or with that of all. Throws std::runtime_error for what is no
/// exercise or program of `tasks`, and for no level from 1 to 3.
Plan read_plan(const std::vector<std::string> &words, int level, const std::vector<Task> &tasks);

/// The tasks of each file that is no longer complete. A function that another program has in nearly the
/// same words is to be written there too: else that program would be the solution. Only what asyncio/ asks
/// for may be seen in the programs before it: students have them, and the difference is the lesson.
std::map<std::string, std::vector<Task>> tasks_for(const Plan &plan, const std::vector<Task> &tasks,
                                                   const std::filesystem::path &kit);

/// The files of the kit at `kit` that students get, by their place, as they get them.
std::map<std::string, std::string> files_for(const std::filesystem::path &kit, const Plan &plan,
                                             const std::map<std::string, std::vector<Task>> &tasks);

/// The exercise of a file: its directory.
std::string exercise_of(const std::string &file);

/// The name of a function without its class: "put" of "Pool::put".
std::string function_of(const std::string &name);

/// The level at which a file is to be written: that of its program, or else of its exercise; 0: it is not.
int level_in(const Plan &plan, const std::string &file);

/// Whether students get asyncio/: only if something of it is to be written. It would show them too much of
/// what the programs before it ask for.
bool has_asyncio(const Plan &plan, const std::vector<Task> &tasks);

/// Where these files show five lines, one after the other, of what is to be written: "zens/zens.cpp: converse
/// stands in mzts/mzts.cpp".
std::set<std::string> shown(const std::filesystem::path &kit, const Plan &plan,
                            const std::vector<Task> &tasks,
                            const std::map<std::string, std::string> &files);

/// What is in a file. Throws std::runtime_error.
std::string contents(const std::filesystem::path &file);

} // namespace handout

#endif
