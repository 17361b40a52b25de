// Skeletons: programs of which some functions are still to be written. The file tasks.txt beside this
// one tells which, and what the task is. The programs themselves have no marks for that: a function is
// found by its name. Pure functions: text in, text out.
//
//     zens/zens.cpp mzts/mzts.cpp        files of the kit; what follows holds for each of them
//     1 converse                         the level, and the function; of a class, Pool::put
//         Calls recv(2) until ...        its task, in lines that are indented
//
// "Pool::private" is the private section of a class. "main" has the level 3, and stands for all that
// follows the constant `program` or `usage`. Another function with the level 3 is to be written only where
// a program has it that is to be written: see tasks_for() in kit.h. A line with '#' first means nothing.
//
// A program is to be as clang-format writes it: functions and classes begin in the first column, and
// what is in a class has four spaces before it.
#ifndef ZEN_TESTS_HANDOUT_SKELETON_H
#define ZEN_TESTS_HANDOUT_SKELETON_H

#include <string>
#include <string_view>
#include <vector>

namespace handout {

struct Task {
    std::string file; ///< "zens/zens.cpp"
    int level = 0;    ///< from this level on, the function is to be written
    std::string name; ///< "converse", "Pool::put", "Pool::private", "main"
    std::string text;
};

/// Reads tasks.txt. Throws std::runtime_error, with the number of the line.
std::vector<Task> read_tasks(std::string_view text);

/// Those of `tasks` that a file gets at a level: with level 3, main alone; where it has no task, those of level 2.
std::vector<Task> tasks_of(const std::vector<Task> &tasks, const std::string &file, int level);

/// The program with these tasks in the place of the bodies. Throws std::runtime_error for a function
/// that is not in the program, or is there twice.
std::string skeleton(std::string_view program, const std::vector<Task> &tasks);

/// A skeleton with the bodies put back, which are taken from the program by their names.
std::string restored(std::string_view skeleton, std::string_view program,
                     const std::vector<Task> &tasks);

/// The names of what a source says to be not written yet, in its order.
std::vector<std::string> not_written(std::string_view source);

/// The lines of code of a function in a program: without comments, signature and last brace. Throws as
/// skeleton().
std::vector<std::string> body_of(std::string_view program, const std::string &name);

/// Which part of the lines of `one` is in `other` as well: from 0 to 1.
double likeness(const std::vector<std::string> &one, const std::vector<std::string> &other);

} // namespace handout

#endif
