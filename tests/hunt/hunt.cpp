// make hunt: puts a program with a mistake into a directory of its own, and says what a user sees of it.
//
//     hunt -o DIR [-n NUMBER | -s SEED] [NAME]   a hunt, of the program NAME; without, of any
//     hunt -o DIR -i GRADER                      the next hint: the grader's report, the mistake, the place
//     hunt -o DIR -c GRADER                      grades the repair; status 1 while points are lost
//     hunt -l                                    lists the hunts
//
// DIR/.hunt has the name of the hunt, and how many hints were given.
#include "hunts.h"

#include "../grade/edits.h"
#include "../support/process.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include <unistd.h>

using namespace hunt;
namespace fs = std::filesystem;

namespace {

std::string contents(const fs::path &file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    return text.str();
}

grade::ChangedProgram program_of(const std::string &name) {
    return grade::read_changed_program(contents("tests/wrong/" + name + ".edit"));
}

// The hunts that can be made here, of a program or an exercise: a handout has not all programs.
std::vector<Hunt> hunts_of(const std::string &name) {
    std::vector<Hunt> hunts = read_hunts(contents("tests/hunt/symptoms.txt"));
    std::erase_if(hunts, [&](const Hunt &hunt) {
        if (!fs::exists("tests/wrong/" + hunt.name + ".edit")) return true;
        const fs::path file = program_of(hunt.name).file;
        return !name.empty() && name != file.stem() && name != file.parent_path();
    });
    if (hunts.empty())
        throw std::runtime_error("there are no hunts of " + name +
                                 " here: make hunts lists those that there are");
    return hunts;
}

// What the program is built from, and those that one tries it with.
void make_directory(const Hunt &hunt, const fs::path &to) {
    const grade::ChangedProgram program = program_of(hunt.name);
    fs::remove_all(to);
    for (const fs::path &directory :
         {fs::path("."), fs::path(program.file).parent_path(), fs::path("zenc"), fs::path("zuc")}) {
        fs::create_directories(to / directory);
        for (const auto &entry : fs::directory_iterator(directory))
            if (entry.path().extension() == ".cpp" || entry.path().extension() == ".h" ||
                entry.path().filename() == "Makefile")
                fs::copy_file(entry.path(), to / directory / entry.path().filename(),
                              fs::copy_options::overwrite_existing);
    }
    std::ofstream(to / program.file, std::ios::binary)
        << grade::edited(contents(program.file), program.edits);
    std::ofstream(to / ".hunt") << hunt.name << " 0\n";
    const std::string stem = fs::path(program.file).stem();
    test::Process build({"/usr/bin/env", "MAKEFLAGS=", "make", "-s", "-C", to, stem});
    const auto status = build.wait_exit(std::chrono::minutes(5));
    if (!status || *status != 0) throw std::runtime_error(build.standard_error());
    std::cout
        << "Hunt " << hunt.number << ": a mistake in " << (to / program.file).string() << "\n\n    "
        << hunt.symptom << "\n\nSee it, find it, and repair it there: cd " << to.string()
        << "; make " << stem
        << "\nBack here, make hunt-hint gives a hint, and make hunt-check looks at your repair.\n";
}

// What the grader prints of the program in DIR; with `checks`, of these alone.
std::string graded(const std::string &grader, const fs::path &directory, const std::string &file,
                   const std::vector<std::string> &checks = {}) {
    std::vector<std::string> command = {grader, "-f", directory};
    const fs::path path = file;
    if (!checks.empty()) command.insert(command.end(), checks.begin(), checks.end());
    else { // of framing/ and asyncio/, that program alone
        const bool alone = path.parent_path() == "framing" || path.parent_path() == "asyncio";
        command.push_back(alone ? path.stem() : path.parent_path());
    }
    test::Process grading(command);
    if (!grading.wait_exit(std::chrono::minutes(15)) || grading.standard_output().empty())
        throw std::runtime_error(grading.description());
    return grading.standard_output();
}

void give_hint(const std::string &grader, const fs::path &directory) {
    std::string name;
    int given = 0;
    std::istringstream(contents(directory / ".hunt")) >> name >> given;
    const grade::ChangedProgram program = program_of(name);
    if (given == 0)
        std::cout << graded(grader, directory, program.file, program.loses)
                  << "\nDo \"by hand\" in " << directory.string()
                  << ", where the program with the mistake is.\n";
    else if (given == 1) std::cout << "The mistake: " << program.mistake << '\n';
    else {
        const std::string right = contents(program.file);
        std::cout << "The place: " << place_of_change(right, grade::edited(right, program.edits))
                  << '\n';
    }
    std::ofstream(directory / ".hunt") << name << ' ' << given + 1 << '\n';
}

bool is_repaired(const std::string &grader, const fs::path &directory) {
    std::string name;
    int hints = 0;
    std::istringstream(contents(directory / ".hunt")) >> name >> hints;
    const std::string report = graded(grader, directory, program_of(name).file);
    int earned = 0, possible = 0;
    const auto total = report.rfind("total ");
    const bool good =
        total != report.npos &&
        std::sscanf(report.c_str() + total, "total %d of %d", &earned, &possible) == 2 &&
        earned == possible;
    std::cout << report << (good ? "Found and repaired, with " : "Not yet repaired; so far ")
              << hints << (hints == 1 ? " hint.\n" : " hints.\n");
    return good;
}

} // namespace

int main(int argc, char *argv[]) {
    std::string directory, hint_by, check_by, seed = std::to_string(std::random_device()());
    int number = 0;
    bool list = false;
    for (int letter; (letter = getopt(argc, argv, "o:n:s:i:c:l")) != -1;) switch (letter) {
        case 'o': directory = optarg; break;
        case 'n': number = std::atoi(optarg); break;
        case 's': seed = optarg; break;
        case 'i': hint_by = optarg; break;
        case 'c': check_by = optarg; break;
        case 'l': list = true; break;
        default: return 2;
        }
    try {
        const std::vector<Hunt> hunts = hunts_of(optind < argc ? argv[optind] : "");
        if (list) {
            for (const Hunt &hunt : hunts)
                std::cout << hunt.number << "  " << program_of(hunt.name).file << ": "
                          << hunt.symptom << '\n';
        } else if (!hint_by.empty()) give_hint(hint_by, directory);
        else if (!check_by.empty()) return is_repaired(check_by, directory) ? 0 : 1;
        else if (number == 0) make_directory(chosen(hunts, seed), directory);
        else {
            const auto found = std::find_if(hunts.begin(), hunts.end(), [&](const Hunt &hunt) {
                return hunt.number == number;
            });
            if (found == hunts.end())
                throw std::runtime_error(
                    "there is no such hunt here: make hunts lists those that there are");
            make_directory(*found, directory);
        }
    } catch (const std::exception &error) {
        std::cerr << "hunt: " << error.what() << '\n';
        return 1;
    }
}
