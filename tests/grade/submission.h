// The files of a submission: they are copied to a place of their own, given to the user that may work
// there, and taken away again.
#ifndef ZEN_TESTS_GRADE_SUBMISSION_H
#define ZEN_TESTS_GRADE_SUBMISSION_H

#include "grader.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace grade {

/// What is taken of the submission.
Found find_sources(const Settings &settings);

/// Makes the directory in which an exercise is built: the kit's Makefile and headers, and the sources of
/// the submission.
void copy_exercise(const Settings &settings, const Found &found, const std::string &exercise,
                   const std::filesystem::path &to);

/// A number, in hexadecimal digits, that differs when what copy_exercise() copies differs, or when a
/// setting does that can change the points.
std::string fingerprint(const Settings &settings, const Found &found, const std::string &exercise);

/// Makes `user` the owner of a file or directory; of a directory and all that is in it. Throws
/// std::runtime_error if the system does not allow that.
void give(const std::filesystem::path &path, uid_t user);
void give_all(const std::filesystem::path &directory, uid_t user);
/// Takes back what a stranger's program may have made, and makes it unchangeable for others.
void take_back(const std::filesystem::path &directory);

/// Removes a directory, however deep it is and whatever permissions are set in it.
void remove_tree(const std::filesystem::path &directory);
/// Removes what a user of nobody's has left where everybody may write.
void remove_files_of(uid_t user);

/// The bytes of the files in a directory, each entry counted as one block at least. What is more than
/// `most` is as good as any number, and so is a directory that cannot be read.
std::uintmax_t files_in(const std::filesystem::path &directory, std::uintmax_t most);

} // namespace grade

#endif
