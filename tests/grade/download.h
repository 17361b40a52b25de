// What students have handed in, as it lies on a disk after a download: from a course system (Moodle,
// Canvas), or as an instructor has sorted it; complete trees, single directories, or flat files.
#ifndef ZEN_TESTS_GRADE_DOWNLOAD_H
#define ZEN_TESTS_GRADE_DOWNLOAD_H

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace grade {

/// What a student has handed in: files and directories, by the names they were handed in by. The name
/// "" is that of a directory which is the whole submission.
using Submission = std::map<std::string, std::filesystem::path>;

struct Found {
    std::map<std::string, std::filesystem::path>
        sources;                      ///< by their place in the kit: "tas/tas.cpp"
    std::vector<std::string> remarks; ///< what was taken for what, and what was left out
};

/// The sources of the exercises in a submission. Those of `tas` are in the directory with that name that
/// is the least deep, whatever is around it ("zenlab-main/tas/tas.cpp"), or else lie flat: "tas.cpp",
/// or "tas-1.cpp", as Canvas names what was handed in again. No link is followed.
Found find_sources(const Submission &submission);

struct Submitter {
    std::string name;
    std::vector<std::string> keys; ///< of a roster: see fill_roster() in results.h
    Submission submission;
};

/// The students in a directory, by name: each subdirectory is one, but for what Moodle and Canvas have
/// named: "Ada Lovelace_1234_assignsubmission_file", "lovelaceada_LATE_12345_678910_tas.cpp". `remarks`
/// gets a line for what was left out. Throws std::runtime_error if there are none.
std::vector<Submitter> students_in(const std::string &directory, std::vector<std::string> &remarks);

} // namespace grade

#endif
