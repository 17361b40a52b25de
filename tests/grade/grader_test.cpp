// check-grader: grades the grader. It submits
//
//  - each wrong program of tests/wrong/, which must lose the check that its file names first; only the
//    checks that it names are tried, and those that they need. With -w, all checks of the program are:
//    then it may lose those that it names, and no more. edits.h tells what such a file looks like;
//  - each right program of tests/right/, whole or changed in the same way, which must get full points;
//  - each server of the kit in the place of each other of its transport, which must be told apart.
//
// Usage: check-grader [-n] [-w] [NAME ...], where NAME is a part of what it prints for a submission. Works
// in the directory of the kit, with its programs built. Exit status: 0 = all as it must be.
//
// -n only makes the wrong programs, and says which edits do not fit the kit's programs any more. It
// grades nothing and builds nothing, so it takes no time. When a program has been changed:
// make build/tests/grade/run/check-grader && build/tests/grade/run/check-grader -n tas-
#include "edits.h"
#include "grader.h"
#include "sandbox.h"

#include "../support/process.h"
#include "../support/programs.h"
#include "../support/text.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

namespace fs = std::filesystem;
using namespace grade;

namespace {

// For the builds: quickly, as most of the time goes there; and "SAN=address".
std::vector<std::string> make_arguments = {"CXXFLAGS=-O0 -Wno-error"};

// A directory that is removed when it goes.
class Temporary {
  public:
    Temporary() {
        std::string pattern = fs::temp_directory_path() / "zen-submission-XXXXXX";
        if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make " + pattern);
        path = pattern;
    }
    ~Temporary() {
        std::error_code error;
        fs::remove_all(path, error);
    }
    Temporary(const Temporary &) = delete;
    Temporary &operator=(const Temporary &) = delete;
    fs::path path;
};

bool whole = false;               // option -w
constexpr int short_patience = 5; // seconds: a wrong program lets many checks wait in vain

Grading grade_names(const fs::path &from, const std::vector<std::string> &names,
                    int patience = short_patience, const std::string &built = {}) {
    Settings settings;
    settings.patience = patience;
    settings.from = from;
    settings.names = names;
    settings.built = built;
    settings.make = make_arguments;
    settings.progress = false;
    return run(settings, "", [](const Grading &) {});
}

// What a wrong grading looks like: the checks that have not passed, with their reports.
std::string lost_checks(const Grading &grading) { return text_report(grading, false, true); }

std::vector<std::string> failed_checks(const Grading &grading) {
    std::vector<std::string> failed;
    for (const Result &result : grading.results)
        if (result.status == Status::failed) failed.push_back(result.check.name);
    return failed;
}

// ---- The three kinds of submissions. Each returns what is wrong with the grading, or nothing.

// The exercise or the program that a wrong program is one of: "tas" of "tas-any-descriptor.edit",
// "abs" of "framing-abs-no-limit.edit".
std::string name_of(const std::string &file) {
    std::string rest = file;
    for (const std::string exercise : {"framing-", "asyncio-"})
        if (rest.rfind(exercise, 0) == 0) rest = rest.substr(exercise.size());
    return rest.substr(0, rest.find('-'));
}

std::string contents(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// The text of the changed program. Throws if its edits do not fit the kit's program.
std::string text_of(const ChangedProgram &program) {
    return edited(contents(program.file), program.edits);
}

std::string check_edits(const fs::path &path) {
    text_of(read_changed_program(contents(path)));
    return "";
}

// A submission of the exercise of a changed program, in which the other files are the kit's.
void submit(const ChangedProgram &program, const fs::path &submission) {
    const fs::path exercise = fs::path(program.file).parent_path();
    fs::create_directory(submission / exercise);
    for (const auto &entry : fs::directory_iterator(exercise))
        if (entry.path().extension() == ".cpp" || entry.path().extension() == ".h")
            fs::copy_file(entry.path(), submission / exercise / entry.path().filename());
    std::ofstream(submission / program.file, std::ios::binary) << text_of(program);
}

std::string check_changed(const fs::path &path) {
    const ChangedProgram program = read_changed_program(contents(path));
    const std::vector<std::string> &loses = program.loses;
    const std::string name = name_of(path.filename());
    const Temporary submission;
    submit(program, submission.path);
    if (loses.empty()) {
        const Grading grading = grade_names(submission.path, {name}, Settings().patience);
        return grading.earned() < grading.possible() ? lost_checks(grading) : std::string();
    }
    const auto names = whole ? std::vector<std::string>{name} : loses;
    const Grading grading = grade_names(submission.path, names);
    const std::vector<std::string> failed = failed_checks(grading);
    const auto contains = [](const std::vector<std::string> &all, const std::string &one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    const bool expected = std::all_of(failed.begin(), failed.end(),
                                      [&](const auto &check) { return contains(loses, check); });
    // The check named first has failed, or was not even tried, as one that it needs has failed.
    const bool caught =
        std::any_of(grading.results.begin(), grading.results.end(), [&](const Result &result) {
            return result.check.name == loses.front() && result.earned() < result.check.points &&
                   result.status != Status::undetermined;
        });
    if (expected && caught) return "";
    std::string text = "it was to lose:\n";
    for (const std::string &check : loses) text += "  " + check + "\n";
    text += "but lost:\n";
    for (const std::string &check : failed) text += "  " + check + "\n";
    return text + lost_checks(grading);
}

// A hostile program: its grading ends, it has lost points, and the next submission is not touched.
std::string check_hostile(const fs::path &directory) {
    const Grading grading = grade_names(directory, {"tas"});
    if (!grading.complete) return "the grading was broken off";
    if (grading.earned() == grading.possible()) return "it has lost no points";
    if (!descendants(getpid()).empty()) return "processes of it are left";
    return "";
}

std::string check_right(const fs::path &directory) {
    std::vector<std::string> names;
    for (const test::Program &program : test::graded_programs())
        if (program.option.empty() && fs::exists(directory / (std::string(program.path) + ".cpp")))
            names.emplace_back(program.name);
    if (names.empty()) return "there is no program in it";
    const Grading grading = grade_names(directory, names, Settings().patience);
    if (!grading.complete || grading.earned() < grading.possible()) return lost_checks(grading);
    return "";
}

// From outside, an event loop of asyncio/ is like that of tae.
bool waits_in_epoll(const test::Program &program) {
    return program.path.starts_with("asyncio/") || program.name == "tae" || program.name == "uae";
}

std::string check_swap(const std::string &in, const std::string &place_of) {
    const test::Program &stranger = test::named(in), &graded = test::named(place_of);
    const Temporary built;
    fs::permissions(built.path, fs::perms(0755));
    fs::create_directory((built.path / graded.path).parent_path());
    fs::copy_file(fs::path(test::kit_directory()) / stranger.path, built.path / graded.path);
    std::vector<std::string> names;
    for (const Check &check : all_checks())
        if (check.program == place_of && check.mechanism) names.push_back(check.name);
    const Grading grading = grade_names(".", names, short_patience, built.path);
    for (const Result &result : grading.results)
        if (result.check.mechanism && result.earned() < result.check.points) return "";
    return "it was not told apart:\n" + lost_checks(grading);
}

// ---- All of them

struct Submission {
    std::string name;
    std::function<std::string()> check;
};

// With `edits_only`, nothing is graded: only the edits are checked.
std::vector<Submission> submissions(bool edits_only) {
    std::vector<Submission> all;
    std::set<fs::path> files;
    for (const char *directory : {"tests/right", "tests/wrong"})
        for (const auto &entry : fs::directory_iterator(directory)) files.insert(entry.path());
    for (const fs::path &path : files) {
        const std::string name = path.filename();
        if (fs::is_regular_file(path))
            all.push_back({path.parent_path().filename().string() + ": " + name,
                           [=] { return edits_only ? check_edits(path) : check_changed(path); }});
        else if (edits_only) continue;
        else if (name.rfind("hostile-", 0) == 0)
            all.push_back({"wrong: " + name, [path] { return check_hostile(path); }});
        else if (fs::is_directory(path))
            all.push_back({"right: " + name, [path] { return check_right(path); }});
    }
    if (edits_only) return all;
    for (const test::Program &in : test::programs)
        for (const test::Program &graded : test::programs) {
            const bool servers = in.kind == graded.kind && (in.kind == test::Kind::tcp_server ||
                                                            in.kind == test::Kind::udp_server);
            if (!servers || !in.option.empty() || !graded.option.empty() ||
                in.name == graded.name || (waits_in_epoll(in) && waits_in_epoll(graded)))
                continue;
            // Of asyncio/, only what waits in select is tried: all would take as long as all else.
            const bool of_asyncio =
                in.path.starts_with("asyncio/") || graded.path.starts_with("asyncio/");
            if (of_asyncio && in.name != "tas" && in.name != "uas") continue;
            const std::string a(in.name), b(graded.name);
            all.push_back({"swap: " + a + " for " + b, [a, b] { return check_swap(a, b); }});
        }
    return all;
}

// What is said of each submission: "passed: NAME", or "FAILED: NAME" and lines that tell why.
bool report_on(const Submission &submission, bool failures_only = false) {
    std::string mistake;
    try {
        mistake = submission.check();
    } catch (const std::exception &error) {
        mistake = error.what();
    }
    if (!mistake.empty())
        std::cout << "FAILED: " << submission.name << '\n' << mistake << std::endl;
    else if (!failures_only) std::cout << "passed: " << submission.name << std::endl;
    return mistake.empty();
}

std::vector<Submission> named(std::vector<Submission> all, const std::vector<std::string> &names) {
    std::erase_if(all, [&](const Submission &submission) {
        return !names.empty() && std::none_of(names.begin(), names.end(), [&](auto &name) {
            return submission.name.find(name) != std::string::npos;
        });
    });
    return all;
}

// One of several processes that share the submissions: number `share` of `shares`.
int check_share(std::size_t share, std::size_t shares, const std::vector<std::string> &names) {
    adopt_descendants();
    bool all_passed = true;
    const std::vector<Submission> all = named(submissions(false), names);
    for (std::size_t i = share; i < all.size(); i += shares) all_passed &= report_on(all[i]);
    return all_passed ? 0 : 1;
}

int check_edits_only(const std::vector<std::string> &names) {
    int passed = 0, failed = 0;
    for (const Submission &submission : named(submissions(true), names))
        ++(report_on(submission, true) ? passed : failed);
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed > 0 || passed == 0;
}

} // namespace

int main(int argc, char *argv[]) {
    if (argc > 10 && std::strcmp(argv[1], "--run") == 0) return run_in_sandbox(argv + 2);
    if (argc == 3 && std::strcmp(argv[1], "--end") == 0) return end_processes_of(argv[2]);
    std::vector<std::string> names;
    std::size_t share = 0, shares = 0;
    bool edits_only = false;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--share") == 0 && i + 2 < argc) {
            share = static_cast<std::size_t>(std::stoul(argv[++i]));
            shares = static_cast<std::size_t>(std::stoul(argv[++i]));
        } else if (std::strcmp(argv[i], "-n") == 0) edits_only = true;
        else if (std::strcmp(argv[i], "-w") == 0) whole = true;
        else if (std::strncmp(argv[i], "SAN=", 4) == 0) make_arguments.push_back(argv[i]);
        else names.push_back(argv[i]);
    }
    try {
        if (edits_only) return check_edits_only(names);
        if (shares > 0) return check_share(share, shares, names);
        std::vector<std::unique_ptr<test::Process>> processes;
        // More than processors: a grading waits most of the time.
        const std::size_t count = 3 * std::max(1u, std::thread::hardware_concurrency());
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<std::string> command = {fs::read_symlink("/proc/self/exe"), "--share",
                                                std::to_string(i), std::to_string(count)};
            command.insert(command.end(), argv + 1, argv + argc);
            processes.push_back(std::make_unique<test::Process>(command));
        }
        int passed = 0, failed = 0;
        for (auto &process : processes) {
            while (const auto line = process->next_line(std::chrono::hours(1))) {
                passed += line->rfind("passed: ", 0) == 0;
                failed += line->rfind("FAILED: ", 0) == 0;
                std::cout << *line << std::endl;
            }
            const auto status = process->wait_exit();
            if (!status || (*status != 0 && failed == 0)) {
                ++failed;
                std::cout << "FAILED: " << process->description() << '\n';
            }
        }
        std::cout << passed << " passed, " << failed << " failed\n";
        return failed > 0 || passed == 0;
    } catch (const std::exception &error) {
        std::cerr << "check-grader: " << error.what() << '\n';
        return 1;
    }
}
