#include "grader.h"

#include "../support/procfs.h"
#include "../support/programs.h"
#include "../support/text.h"
#include "place.h"
#include "sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace grade {

volatile std::sig_atomic_t interrupted = 0;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;
using test::Milliseconds;

constexpr seconds build_limit{120}, check_limit{60}, exercise_limit{240};
constexpr long most_memory = 768;               // MiB that a check's programs may use
constexpr long most_build_memory = 1536;        // and a compiler
constexpr std::uintmax_t most_files = 64 << 20; // bytes in the scratch directory of a check
constexpr std::uintmax_t most_source = 1 << 20;
constexpr std::size_t most_sources = 100, error_lines = 14;

std::size_t processors() { return std::max<std::size_t>(1, std::thread::hardware_concurrency()); }

// ---- The submission

bool is_source(const fs::path &path) {
    const std::string kind = path.extension();
    for (const char *one : {".cpp", ".h", ".hpp", ".hh", ".hxx", ".inc", ".ipp", ".tpp"})
        if (kind == one) return true;
    return false;
}

// Copies a file if it is a plain one of a reasonable size: no link to something else, no pipe.
bool copy_source(const fs::path &from, const fs::path &to) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(from, error);
    if (error || !fs::is_regular_file(status)) return false;
    if (fs::file_size(from, error) > most_source || error) return false;
    fs::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << std::ifstream(from, std::ios::binary).rdbuf();
    return true;
}

// Makes the directory in which an exercise is built.
void copy_exercise(const Settings &settings, const std::string &exercise, const fs::path &to) {
    const fs::path kit = settings.kit, from = fs::path(settings.from) / exercise;
    fs::create_directories(to / exercise);
    copy_source(kit / "Makefile", to / "Makefile");
    for (const char *header : {"zen.h", "program.h", "socketserver.h"})
        if (!settings.own_headers || !copy_source(fs::path(settings.from) / header, to / header))
            copy_source(kit / header, to / header);
    copy_source(kit / exercise / "frames.h",
                to / exercise / "frames.h"); // unless they have their own
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(from, error))) return;
    std::size_t count = 0;
    for (const auto &entry : fs::directory_iterator(from, error))
        if (is_source(entry.path()) && ++count <= most_sources)
            copy_source(entry.path(), to / exercise / entry.path().filename());
}

void give(const fs::path &path, uid_t user) {
    if (user == geteuid()) return;
    if (chown(path.c_str(), user, user) != 0)
        throw std::runtime_error("cannot give " + path.string() + " to the user of the sandbox");
}

void give_all(const fs::path &directory, uid_t user) {
    give(directory, user);
    for (const auto &entry : fs::recursive_directory_iterator(directory)) give(entry.path(), user);
}

// Takes back what a stranger's program may have made, and makes it unchangeable for others.
void take_back(const fs::path &directory) {
    if (geteuid() != 0) return;
    std::error_code error;
    for (const auto &entry : fs::recursive_directory_iterator(directory, error)) {
        if (lchown(entry.path().c_str(), 0, 0) != 0 || entry.is_symlink()) continue;
        fs::permissions(entry.path(), fs::perms(0755), error);
    }
    if (lchown(directory.c_str(), 0, 0) == 0) fs::permissions(directory, fs::perms(0755), error);
}

// Removes a directory, however deep it is and whatever permissions are set in it.
void remove_tree(const fs::path &directory) {
    if (directory.empty()) return;
    std::error_code error;
    fs::remove_all(directory, error);
    if (!fs::exists(fs::symlink_status(directory, error))) return;
    test::Process({"/bin/chmod", "-R", "u+rwX", directory}).wait_exit();
    test::Process({"/bin/rm", "-rf", "--", directory}).wait_exit();
}

// Removes what a user of nobody's has left where everybody may write.
void remove_files_of(uid_t user) {
    if (user == geteuid()) return;
    std::error_code error;
    for (const char *shared : {"/tmp", "/var/tmp", "/dev/shm", "/run/lock"})
        for (const auto &entry : fs::directory_iterator(shared, error)) {
            struct stat about = {};
            if (lstat(entry.path().c_str(), &about) == 0 && about.st_uid == user)
                remove_tree(entry.path());
        }
}

std::string first_lines(const std::string &text, std::size_t count) {
    std::istringstream lines(text);
    std::string all;
    for (std::string line; count-- > 0 && std::getline(lines, line);) {
        const std::string quoted = test::shown(line.substr(0, 300));
        std::string plain;
        for (std::size_t i = 1; i + 1 < quoted.size(); ++i) plain += quoted[i];
        all += "\n    | " + plain;
    }
    return all;
}

// ---- What runs at the moment

struct Exercise {
    std::string name;
    fs::path directory; // of its own Makefile, sources and programs
    enum { waiting, building, ready } state = waiting;
    std::set<std::string> targets; // "tas/tas"; six for framing
    Clock::time_point deadline = Clock::time_point::max();
};

struct Job {
    std::unique_ptr<test::Process> process;
    Exercise *exercise = nullptr;
    Result *result = nullptr; // null: it builds
    Clock::time_point start, deadline;
    fs::path scratch;
    std::string ended_for; // why the grader has ended it
};

// The memory in use by a process, in MiB.
long memory_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    long size = 0, resident = 0;
    file >> size >> resident;
    return resident * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

// The bytes of the files in a directory, each entry counted as one block at least; more than
// `most_files` is as good as any number, and so is a directory that cannot be read.
std::uintmax_t files_in(const fs::path &directory) {
    std::error_code error;
    std::uintmax_t sum = 0;
    for (fs::recursive_directory_iterator i(directory, error), end; i != end; i.increment(error)) {
        if (error || sum > most_files) return most_files + 1;
        std::error_code gone;
        if (const auto size = i->is_regular_file(gone) ? i->file_size(gone) : 0; !gone) sum += size;
        sum += 4096;
    }
    return sum;
}

class Run {
  public:
    Run(const Settings &settings, Grading &grading,
        const std::function<void(const Grading &)> &changed)
        : settings_(settings), grading_(grading), changed_(changed) {
        const std::size_t jobs = settings.jobs > 0 ? settings.jobs : 2 * processors();
        slots_.resize(jobs);
        static std::vector<uid_t> users; // kept: a class is graded with the same ones
        while (users.size() < jobs) users.push_back(take_user());
        users_ = users;
        char pattern[] = "/tmp/zen-grade-XXXXXX";
        const char *temporary = std::getenv("TMPDIR");
        std::string path = temporary ? std::string(temporary) + "/zen-grade-XXXXXX" : pattern;
        if (!mkdtemp(path.data())) throw std::runtime_error("cannot make " + path);
        work_ = path;
        fs::permissions(work_, fs::perms(0711));
        for (const std::string &name : grading.exercises()) {
            exercises_.push_back(
                {name, work_ / name, Exercise::waiting, {}, Clock::time_point::max()});
            for (const Result &result : grading.results)
                if (result.check.exercise == name)
                    exercises_.back().targets.insert(result.check.target);
        }
    }

    ~Run() {
        for (Job &job : slots_) job.process.reset();
        for (const uid_t user : users_) end_descendants(user);
        remove_tree(work_);
    }

    Run(const Run &) = delete;
    Run &operator=(const Run &) = delete;

    void to_the_end() {
        changed_(grading_);
        while (!interrupted) {
            fill_slots();
            const bool idle = std::all_of(slots_.begin(), slots_.end(),
                                          [](const Job &job) { return !job.process; });
            if (idle) break;
            std::this_thread::sleep_for(Milliseconds(3));
            if (Clock::now() > next_look_) look_after();
            for (std::size_t i = 0; i < slots_.size(); ++i)
                if (slots_[i].process && slots_[i].process->wait_exit(Milliseconds(0), false))
                    end(i);
        }
        show_progress("");
        grading_.complete = !interrupted;
        grading_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    }

  private:
    std::string programs(const Exercise &exercise) const {
        if (!settings_.built.empty()) return settings_.built;
        for (const std::string &argument : settings_.make)
            if (argument.rfind("SAN=", 0) == 0 && argument.size() > 4)
                return exercise.directory / "build" / argument.substr(4);
        return exercise.directory;
    }

    Exercise &exercise_of(const Check &check) {
        return *std::find_if(exercises_.begin(), exercises_.end(),
                             [&](const Exercise &one) { return one.name == check.exercise; });
    }

    // Builds first, at most one for each processor; then checks, in their order.
    void fill_slots() {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (slots_[i].process) continue;
            const auto builds = static_cast<std::size_t>(
                std::count_if(slots_.begin(), slots_.end(),
                              [](const Job &job) { return job.process && !job.result; }));
            if (builds < processors() && start_build(i)) continue;
            start_check(i);
        }
    }

    bool start_build(std::size_t slot) {
        for (Exercise &exercise : exercises_) {
            if (exercise.state != Exercise::waiting) continue;
            if (!settings_.built.empty()) {
                after_build(exercise, "");
                continue;
            }
            copy_exercise(settings_, exercise.name, exercise.directory);
            std::vector<std::string> command = {"make", "-s", "-k", "CXXFLAGS=-O1 -Wno-error"};
            if (exercise.targets.size() > 1) command.push_back("-j" + std::to_string(processors()));
            command.insert(command.end(), settings_.make.begin(), settings_.make.end());
            bool any = false;
            for (const std::string &target : exercise.targets) {
                if (!fs::exists(exercise.directory / (target + ".cpp"))) continue;
                any = true;
                command.push_back(fs::relative(programs(exercise), exercise.directory) / target);
            }
            if (!any) {
                after_build(exercise, "");
                continue;
            }
            give_all(exercise.directory, users_[slot]);
            const Limits limits = {.processor_seconds = build_limit.count(),
                                   .address_space = 2048,
                                   .file_size = 64,
                                   .descriptors = 1024,
                                   .processes = 300};
            exercise.state = Exercise::building;
            slots_[slot] = {std::make_unique<test::Process>(
                                sandboxed(command, exercise.directory, users_[slot], limits)),
                            &exercise,
                            nullptr,
                            Clock::now(),
                            Clock::now() + build_limit,
                            {},
                            ""};
            return true;
        }
        return false;
    }

    // A file that the program was built from and that is neither its own nor the system's: another
    // solution, it may be. The compiler has listed them.
    std::string strange_source(const Exercise &exercise, const std::string &target) const {
        const fs::path list = exercise.directory /
                              (programs(exercise) == exercise.directory
                                   ? "build"
                                   : fs::relative(programs(exercise), exercise.directory)) /
                              (fs::path(target).filename().string() + ".d");
        std::ifstream file(list);
        for (std::string name; file >> name;) {
            if (name == "\\" || name.back() == ':') continue;
            const std::string path = (exercise.directory / name).lexically_normal();
            if (path.rfind(exercise.directory.string() + "/", 0) != 0 &&
                path.rfind("/usr/", 0) != 0)
                return path;
        }
        return "";
    }

    void after_build(Exercise &exercise, std::string errors) {
        exercise.state = Exercise::ready;
        std::string missing, broken;
        for (const std::string &target : exercise.targets) {
            const std::string strange = strange_source(exercise, target);
            if (!strange.empty()) {
                fs::remove(fs::path(programs(exercise)) / target);
                errors = target + " is built from " + strange + ", which is not part of it";
            }
            if (fs::exists(fs::path(programs(exercise)) / target)) continue;
            const bool is_there = fs::exists(exercise.directory / (target + ".cpp"));
            std::string &list = is_there ? broken : missing;
            list += (list.empty() ? "" : ", ") + (is_there ? target : target + ".cpp");
            for (Result &result : grading_.results)
                if (result.check.target == target) set(result, Status::not_checked, "");
        }
        std::string &note = grading_.notes[exercise.name];
        if (!missing.empty()) note = "not checked: " + missing + " is missing";
        if (!broken.empty())
            note += (note.empty() ? "" : "\n") + ("not checked: " + broken) + " does not build" +
                    first_lines(errors, error_lines);
        if (note.empty()) grading_.notes.erase(exercise.name);
        changed_(grading_);
    }

    void set(Result &result, Status status, const std::string &report) {
        if (result.status == Status::planned) ++ended_;
        result.status = status;
        result.report = report;
    }

    // The first check that can be run: its program is built, and what it needs has been found right.
    void start_check(std::size_t slot) {
        for (Result &result : grading_.results) {
            if (result.status != Status::planned || running_.count(&result)) continue;
            Exercise &exercise = exercise_of(result.check);
            if (exercise.state != Exercise::ready) continue;
            bool ready = true;
            for (const std::string &need : result.check.needs) {
                const auto needed =
                    std::find_if(grading_.results.begin(), grading_.results.end(),
                                 [&](const Result &other) { return other.check.name == need; });
                if (needed->status == Status::planned) ready = false;
                else if (needed->earned() < needed->check.points &&
                         result.status == Status::planned)
                    set(result, Status::not_checked, "it needs \"" + need + "\"");
            }
            if (!ready || result.status != Status::planned) continue;
            if (exercise.deadline == Clock::time_point::max())
                exercise.deadline = Clock::now() + exercise_limit;
            const bool over =
                settings_.seconds > 0 && Clock::now() > start_ + seconds(settings_.seconds);
            if (over || Clock::now() > exercise.deadline) {
                set(result, Status::not_checked,
                    over ? "the time for the grading is over"
                         : "the time for this exercise is over");
                continue;
            }
            const fs::path scratch = work_ / ("scratch-" + std::to_string(++scratches_));
            fs::create_directory(scratch);
            fs::permissions(scratch, fs::perms(0700));
            give(scratch, users_[slot]);
            running_.insert(&result);
            const Place place = {programs(exercise), scratch, users_[slot], settings_.patience,
                                 launcher()};
            slots_[slot] = {
                std::make_unique<test::Process>(check_command(place, result.check.name)),
                &exercise,
                &result,
                Clock::now(),
                Clock::now() + check_limit,
                scratch,
                ""};
            return;
        }
    }

    // Ends what takes too long, too much memory or too much of the disk.
    void look_after() {
        next_look_ = Clock::now() + Milliseconds(200);
        const ProcessTree tree;
        for (Job &job : slots_) {
            if (!job.process) continue;
            const std::vector<pid_t> all = tree.below(job.process->pid());
            long memory = 0;
            for (const pid_t pid : all) memory += memory_of(pid);
            const long most =
                (job.result ? most_memory : most_build_memory) * (test::sanitized ? 6 : 1);
            if (memory > most) {
                job.ended_for =
                    "it was ended: it used more than " + std::to_string(most) + " MiB of memory";
                for (const pid_t pid : all) kill(pid, SIGKILL);
            } else if (!job.scratch.empty() && files_in(job.scratch) > most_files) {
                job.ended_for = "it was ended: it wrote more than " +
                                std::to_string(most_files >> 20) + " MiB to files";
                for (const pid_t pid : all) kill(pid, SIGKILL);
            } else if (Clock::now() > job.deadline) {
                job.ended_for =
                    "it was ended: it took longer than " +
                    std::to_string(
                        std::chrono::duration_cast<seconds>(job.deadline - job.start).count()) +
                    " seconds";
                job.process->signal(SIGKILL);
            }
        }
    }

    void end(std::size_t slot) {
        Job &job = slots_[slot];
        job.process->wait_exit(Milliseconds(1000)); // for its output
        const bool reported = job.process->standard_output().find(report_end) != std::string::npos;
        if (!reported || !job.ended_for.empty()) { // else the check itself has ended all its own
            std::vector<pid_t> others;
            for (const Job &other : slots_)
                if (&other != &job && other.process) others.push_back(other.process->pid());
            end_descendants(users_[slot], others);
        }
        remove_files_of(users_[slot]);
        if (job.result) end_check(job);
        else {
            take_back(job.exercise->directory);
            after_build(*job.exercise, job.process->standard_error() + job.ended_for);
        }
        remove_tree(job.scratch);
        job = Job();
        if (Clock::now() < next_change_) return;
        next_change_ = Clock::now() + Milliseconds(300);
        changed_(grading_);
    }

    void end_check(Job &job) {
        Result &result = *job.result;
        running_.erase(&result);
        result.seconds = std::chrono::duration<double>(Clock::now() - job.start).count();
        const std::string output = job.process->standard_output();
        const auto at = output.rfind(report_begin), end = output.rfind(report_end);
        std::istringstream report(
            end == output.npos
                ? ""
                : output.substr(at + report_begin.size(), end - at - report_begin.size()));
        std::string status, text;
        std::getline(report, status);
        std::getline(report, text, '\0');
        if (status == "failed" && text.empty()) text = first_lines(output.substr(0, at), 40);
        if (output.find(report_end) != end) { // a program of the same user can write there
            status.clear();
            text = "the program has written a report of its own";
        }
        if (status == "passed" && job.ended_for.empty()) set(result, Status::passed, "");
        else if (status == "undetermined" && job.ended_for.empty())
            set(result, Status::undetermined, text);
        else if (status == "failed" || !job.ended_for.empty()) {
            if (!job.ended_for.empty()) text += (text.empty() ? "" : "\n") + job.ended_for;
            set(result, Status::failed, text);
        } else
            set(result, Status::failed,
                (text.empty() ? "" : text + "; ") +
                    "the check was ended by the program: " + job.process->status_text() +
                    first_lines(job.process->standard_error(), error_lines));
        show_progress(result.check.name);
    }

    void show_progress(const std::string &name) {
        if (!settings_.progress || !isatty(STDERR_FILENO)) return;
        std::string line;
        if (!name.empty())
            line = "[" + std::to_string(ended_) + "/" + std::to_string(grading_.results.size()) +
                   "] " + name;
        std::cerr << "\r\x1b[K" << line.substr(0, 78) << std::flush;
    }

    const Settings &settings_;
    Grading &grading_;
    const std::function<void(const Grading &)> &changed_;
    std::vector<Exercise> exercises_;
    std::vector<Job> slots_;
    std::vector<uid_t> users_;
    std::set<const Result *> running_;
    fs::path work_;
    std::size_t scratches_ = 0, ended_ = 0;
    const Clock::time_point start_ = Clock::now();
    Clock::time_point next_look_ = start_, next_change_ = start_;
};

} // namespace

std::vector<Check> all_checks() {
    test::Process list({"/usr/bin/env", "ZEN_GRADE_LIST=1", checks_program()});
    const auto status = list.wait_exit();
    if (!status || *status != 0)
        throw std::runtime_error("the checks cannot be listed: " + list.description());
    std::vector<Check> all;
    std::istringstream lines(list.standard_output());
    for (std::string line; std::getline(lines, line);) all.push_back(from_line(line));
    return all;
}

std::vector<Result> plan(const Settings &settings) {
    const std::vector<Check> checks = all_checks();
    std::set<std::string> wanted;
    for (const std::string &name : settings.names) {
        const std::size_t before = wanted.size();
        for (const Check &check : checks)
            if (check.exercise == name || check.program == name || check.name == name)
                wanted.insert(check.name);
        if (wanted.size() == before)
            throw std::runtime_error("no exercise, program or check is named " + name);
    }
    for (bool grown = !wanted.empty(); grown;) { // those that are needed as well
        grown = false;
        for (const Check &check : checks)
            if (wanted.count(check.name))
                for (const std::string &need : check.needs) grown |= wanted.insert(need).second;
    }
    std::vector<Result> results;
    std::set<std::string> names;
    for (const Check &check : checks) {
        if (!names.insert(check.name).second)
            throw std::runtime_error("two checks are named " + check.name);
        if (settings.names.empty() || wanted.count(check.name))
            results.push_back({check, {}, {}, 0});
    }
    for (const Result &result : results)
        for (const std::string &need : result.check.needs)
            if (!names.count(need))
                throw std::runtime_error(result.check.name +
                                         " needs a check that is not there: " + need);
    const auto rank = [](const Result &result) { // in the order of the ladder, not of the files
        for (std::size_t i = 0; i < test::programs.size(); ++i)
            if (test::programs[i].name == result.check.program) return i;
        return test::programs.size();
    };
    std::stable_sort(results.begin(), results.end(),
                     [&](const Result &a, const Result &b) { return rank(a) < rank(b); });
    if (results.empty()) throw std::runtime_error("no check is planned");
    return results;
}

Grading run(const Settings &settings, const std::string &student,
            const std::function<void(const Grading &)> &changed) {
    Grading grading;
    grading.student = student;
    grading.results = plan(settings);
    const std::size_t planned = grading.results.size();
    {
        Run one(settings, grading, changed);
        one.to_the_end();
    }
    changed(grading);
    const auto left = static_cast<std::size_t>(
        std::count_if(grading.results.begin(), grading.results.end(),
                      [](const Result &result) { return result.status == Status::planned; }));
    if (left > 0 && !interrupted)
        throw std::runtime_error("only " + std::to_string(planned - left) + " of " +
                                 std::to_string(planned) + " planned checks have run");
    return grading;
}

} // namespace grade
