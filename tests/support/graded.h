// A submission in a directory of its own, and the grader started for it: for the tests of the grader.
#ifndef ZEN_TESTS_GRADED_H
#define ZEN_TESTS_GRADED_H

#include "kit.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <stdlib.h>

namespace test {

namespace fs = std::filesystem;

/// What is in a file; nothing if it is not there.
inline std::string read(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// A new directory, removed at the end.
class Directory {
  public:
    Directory() {
        std::string pattern = fs::temp_directory_path() / "zen-test-XXXXXX";
        REQUIRE(mkdtemp(pattern.data()));
        path = pattern;
    }
    ~Directory() { fs::remove_all(path); }
    Directory(const Directory &) = delete;
    Directory &operator=(const Directory &) = delete;

    void write(const std::string &file, const std::string &text) const {
        fs::create_directories((path / file).parent_path());
        std::ofstream(path / file, std::ios::binary) << text;
    }
    fs::path path;
};

/// The grader, started for the submission in a directory; its result files go to DIRECTORY/out.
class Grader : public Process {
  public:
    Grader(const Directory &directory, std::vector<std::string> arguments)
        : Process(command(directory, std::move(arguments))) {}

  private:
    static std::vector<std::string> command(const Directory &directory,
                                            std::vector<std::string> arguments) {
        const fs::path runner = fs::read_symlink("/proc/self/exe").parent_path();
        arguments.insert(arguments.begin(), {runner / "grade/run/grade", "-f", directory.path, "-o",
                                             directory.path / "out"});
        return arguments;
    }
};

} // namespace test

#endif
