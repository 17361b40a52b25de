#include "grader.h"

#include "exercise.h"
#include "jobs.h"
#include "outcome.h"
#include "place.h"
#include "sandbox.h"
#include "submission.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <stdexcept>
#include <thread>

#include <unistd.h>

namespace fs = std::filesystem;

namespace grade {

volatile std::sig_atomic_t interrupted = 0;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;
using test::Milliseconds;

// A directory of this grading's own: others may pass through it, but not look into it.
fs::path make_work_directory() {
    const char *temporary = std::getenv("TMPDIR");
    std::string path = std::string(temporary ? temporary : "/tmp") + "/zen-grade-XXXXXX";
    if (!mkdtemp(path.data())) throw std::runtime_error("cannot make " + path);
    fs::permissions(path, fs::perms(0711));
    return path;
}

// The limit of time for an exercise of several programs.
seconds longer(seconds limit, const Exercise &exercise) {
    return limit + program_limit * (std::max<std::size_t>(1, exercise.targets.size()) - 1);
}

// Where the programs of an exercise are built, unless they are built already.
fs::path programs_in(const fs::path &directory, const Settings &settings) {
    if (!settings.built.empty()) return settings.built;
    for (const std::string &argument : settings.make)
        if (argument.rfind("SAN=", 0) == 0 && argument.size() > 4)
            return directory / "build" / argument.substr(4);
    return directory;
}

// One grading: some places, in each of which a build or a check runs, and who takes the next.
class Run {
  public:
    Run(const Settings &settings, Grading &grading,
        const std::function<void(const Grading &)> &changed)
        : settings_(settings), grading_(grading), changed_(changed),
          found_(find_sources(settings)) {
        if (settings.built.empty()) grading.remarks = found_.remarks;
        const std::size_t jobs = settings.jobs > 0 ? settings.jobs : 3 * processors();
        slots_.resize(jobs);
        static std::vector<uid_t> users; // kept: a class is graded with the same ones
        while (users.size() < jobs) users.push_back(take_user());
        users_ = users;
        work_ = make_work_directory();
        for (const std::string &name : grading.exercises()) {
            grading.sources[name] = fingerprint(settings, found_, name);
            Exercise exercise;
            exercise.name = name;
            exercise.directory = work_ / name;
            exercise.programs = programs_in(exercise.directory, settings);
            for (const Result &result : grading.results)
                if (result.check.exercise == name) exercise.targets.insert(result.check.target);
            exercises_.push_back(exercise);
        }
    }

    ~Run() {
        for (Job &job : slots_) job.process.reset();
        for (const uid_t user : users_) end_descendants(user);
        remove_tree(work_);
    }

    Run(const Run &) = delete;
    Run &operator=(const Run &) = delete;

    void to_the_end();

  private:
    void fill_slots();
    bool start_build(std::size_t slot);
    void after_build(Exercise &exercise, const std::string &errors);
    bool may_be_begun(Result &result);
    void start_check(std::size_t slot);
    void end(std::size_t slot);
    void set(Result &result, Status status, const std::string &report);
    Exercise &exercise_of(const Check &check);
    void show_progress(const std::string &name) const;

    const Settings &settings_;
    Grading &grading_;
    const std::function<void(const Grading &)> &changed_;
    std::vector<Exercise> exercises_;
    std::vector<Job> slots_;
    std::vector<uid_t> users_;
    std::set<const Result *> running_;
    const Found found_;
    fs::path work_;
    std::size_t scratches_ = 0, ended_ = 0;
    bool has_news_ = false; // for changed_
    const Clock::time_point start_ = Clock::now();
    Clock::time_point next_look_ = start_, next_change_ = start_;
};

void Run::to_the_end() {
    changed_(grading_);
    while (!interrupted) {
        fill_slots();
        const bool idle =
            std::all_of(slots_.begin(), slots_.end(), [](const Job &job) { return !job.process; });
        if (idle) break;
        std::this_thread::sleep_for(Milliseconds(3));
        if (has_news_ && Clock::now() > next_change_) {
            has_news_ = false;
            next_change_ = Clock::now() + seconds(1);
            changed_(grading_);
        }
        if (Clock::now() > next_look_) {
            next_look_ = Clock::now() + Milliseconds(200);
            end_what_exceeds(slots_);
        }
        for (std::size_t i = 0; i < slots_.size(); ++i)
            if (slots_[i].process && slots_[i].process->wait_exit(Milliseconds(0), false)) end(i);
    }
    show_progress("");
    grading_.complete = !interrupted && ended_ == grading_.results.size();
    grading_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
}

// Builds first, at most one for each processor; then checks, in their order.
void Run::fill_slots() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i].process) continue;
        const auto builds = static_cast<std::size_t>(
            std::count_if(slots_.begin(), slots_.end(),
                          [](const Job &job) { return job.process && !job.result; }));
        if (builds < processors() && start_build(i)) continue;
        start_check(i);
    }
}

// False: there is nothing left to build.
bool Run::start_build(std::size_t slot) {
    for (Exercise &exercise : exercises_) {
        if (exercise.state != Exercise::waiting) continue;
        if (settings_.built.empty())
            copy_exercise(settings_, found_, exercise.name, exercise.directory);
        const std::vector<std::string> command = settings_.built.empty()
                                                     ? exercise.build_command(settings_.make)
                                                     : std::vector<std::string>{};
        if (command.empty()) {
            after_build(exercise, "");
            continue;
        }
        give_all(exercise.directory, users_[slot]);
        const Limits limits = {.processor_seconds = compile_limit.count(),
                               .address_space = 2048,
                               .file_size = 64,
                               .descriptors = 1024,
                               .processes = 300};
        exercise.state = Exercise::building;
        slots_[slot] = {.process = std::make_unique<test::Process>(
                            sandboxed(command, exercise.directory, users_[slot], limits)),
                        .exercise = &exercise,
                        .start = Clock::now(),
                        .deadline = Clock::now() + longer(build_limit, exercise)};
        return true;
    }
    return false;
}

void Run::after_build(Exercise &exercise, const std::string &errors) {
    exercise.state = Exercise::ready;
    const Built built = exercise.look_at_build(errors);
    for (const std::string &target : built.lacks)
        for (Result &result : grading_.results)
            if (result.check.target == target) set(result, Status::not_checked, "");
    if (!built.note.empty()) grading_.notes[exercise.name] = built.note;
    changed_(grading_);
}

// Whether a check that has not been run can be begun now: its program is built, and what it needs has
// been found right. One that never can be is not checked.
bool Run::may_be_begun(Result &result) {
    Exercise &exercise = exercise_of(result.check);
    if (exercise.state != Exercise::ready) return false;
    bool ready = true;
    for (const std::string &need : result.check.needs) {
        const auto needed =
            std::find_if(grading_.results.begin(), grading_.results.end(),
                         [&](const Result &other) { return other.check.name == need; });
        if (needed->status == Status::planned) ready = false;
        else if (needed->status == Status::not_written && result.status == Status::planned)
            set(result, Status::not_written, needed->report);
        else if (!needed->good() && result.status == Status::planned)
            set(result, Status::not_checked, "it needs \"" + need + "\"");
    }
    if (!ready || result.status != Status::planned) return false;
    if (exercise.deadline == Clock::time_point::max())
        exercise.deadline = Clock::now() + longer(exercise_limit, exercise);
    const bool over = settings_.seconds > 0 && Clock::now() > start_ + seconds(settings_.seconds);
    if (!over && Clock::now() <= exercise.deadline) return true;
    set(result, Status::not_checked,
        over ? "the time for the grading is over" : "the time for this exercise is over");
    return false;
}

// Starts the first check that can be begun, if there is one.
void Run::start_check(std::size_t slot) {
    for (Result &result : grading_.results) {
        if (result.status != Status::planned || running_.count(&result)) continue;
        if (!may_be_begun(result)) continue;
        Exercise &exercise = exercise_of(result.check);
        const fs::path scratch = work_ / ("scratch-" + std::to_string(++scratches_));
        fs::create_directory(scratch);
        fs::permissions(scratch, fs::perms(0700));
        give(scratch, users_[slot]);
        running_.insert(&result);
        const Place place = {exercise.programs, scratch, users_[slot], settings_.patience,
                             launcher()};
        slots_[slot] = {
            .process = std::make_unique<test::Process>(check_command(place, result.check.name)),
            .exercise = &exercise,
            .result = &result,
            .start = Clock::now(),
            .deadline = Clock::now() + check_limit,
            .scratch = scratch};
        return;
    }
}

// Takes the result of a job that has ended, and what it has left.
void Run::end(std::size_t slot) {
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
    if (job.result) {
        running_.erase(job.result);
        job.result->seconds = std::chrono::duration<double>(Clock::now() - job.start).count();
        const Outcome outcome = outcome_of(*job.process, job.ended_for);
        set(*job.result, outcome.status, outcome.report);
        show_progress(job.result->check.name);
    } else {
        job.exercise->remove_unfinished(); // take_back makes all files executable
        take_back(job.exercise->directory);
        after_build(*job.exercise, job.process->standard_error() + job.ended_for);
    }
    remove_tree(job.scratch);
    job = Job();
    has_news_ = true;
}

void Run::set(Result &result, Status status, const std::string &report) {
    if (result.status == Status::planned) ++ended_;
    result.status = status;
    result.report = report;
}

Exercise &Run::exercise_of(const Check &check) {
    return *std::find_if(exercises_.begin(), exercises_.end(),
                         [&](const Exercise &one) { return one.name == check.exercise; });
}

void Run::show_progress(const std::string &name) const {
    if (!settings_.progress || !isatty(STDERR_FILENO)) return;
    std::string line;
    if (!name.empty())
        line = "[" + std::to_string(ended_) + "/" + std::to_string(grading_.results.size()) + "] " +
               name;
    std::cerr << "\r\x1b[K" << line.substr(0, 78) << std::flush;
}

} // namespace

Grading run(const Settings &settings, const std::string &student,
            const std::function<void(const Grading &)> &changed, const Scale &scale) {
    Grading grading;
    grading.scale = scale;
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
