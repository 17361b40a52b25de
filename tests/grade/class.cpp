#include "class.h"

#include "exercise.h"
#include "page.h"
#include "place.h"
#include "submission.h"

#include "../support/process.h"
#include "../support/programs.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>

namespace fs = std::filesystem;

namespace grade {

namespace {

using Clock = std::chrono::steady_clock;

// The process that grades one student.
struct Running {
    Grading *grading;
    std::unique_ptr<test::Process> process;
    Clock::time_point start = Clock::now();
};

class Evening {
  public:
    Evening(const Options &options, char **arguments);
    int to_the_end();

  private:
    void take_what_is_there(const Submitter &student, const Grading &planned);
    void compare_sources(const std::vector<Submitter> &students);
    void write_tables();
    void start(Grading &grading);
    void end(Running &running);
    void say(const std::string &student, const std::string &what) const;
    std::string time_left() const;
    std::string directory_of(const std::string &student) const {
        return options_.output + "/students/" + student;
    }

    const Options &options_;
    std::vector<std::string> arguments_;
    Class class_;
    std::vector<Grading *> waiting_; // in reverse order
    std::vector<Running> running_;
    std::size_t at_once_;
    double seconds_ = 0; // that the students who are graded have taken
    int graded_ = 0;
    bool failed_ = false;
};

// What the table says of a student who is graded.
std::string note_of(const Grading &grading) {
    bool nothing = false; // written of a skeleton
    for (const Result &result : grading.results) {
        if (result.earned() > 0 || result.status == Status::failed) return "";
        nothing |= result.status == Status::not_written;
    }
    return nothing ? "nothing written yet" : "";
}

// The settings for one student of a class.
Settings settings_for(const Options &options, const Submitter &student) {
    Settings settings = options.settings;
    settings.submission = student.submission;
    return settings;
}

// Keeps a directory from other graders until this process ends. False: another one has it.
bool hold(const std::string &directory, int how) {
    fs::create_directories(directory);
    const int held = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return flock(held, how) == 0;
}

Evening::Evening(const Options &options, char **arguments)
    : options_(options),
      at_once_(options.at_once > 0 ? options.at_once : std::max<std::size_t>(2, processors() / 2)) {
    if (!hold(options.output, LOCK_EX | LOCK_NB))
        throw std::runtime_error("another grading of a class writes to " + options.output);
    while (*arguments) arguments_.push_back(*arguments++);
    const std::vector<Submitter> students = students_in(options.class_directory, class_.remarks);
    for (const std::string &name : options.students)
        if (std::none_of(students.begin(), students.end(),
                         [&](const Submitter &student) { return student.name == name; }))
            throw std::runtime_error("no student is named " + name);
    const Grading nothing = planned(options);
    for (const Submitter &student : students) take_what_is_there(student, nothing);
    compare_sources(students);
    for (Grading &grading : class_.gradings)
        if (!grading.complete && !options.nobody &&
            (options.students.empty() || options.students.count(grading.student)))
            waiting_.insert(waiting_.begin(), &grading);
}

// A student as far as he has been graded before. One who is to be graded again has no points.
void Evening::take_what_is_there(const Submitter &student, const Grading &planned) {
    Grading grading = planned;
    grading.student = student.name;
    grading.keys = student.keys;
    const std::string results = directory_of(student.name) + "/results.json";
    grading.note = fs::exists(results) ? "to be graded again" : "not graded yet";
    const Settings settings = settings_for(options_, student);
    const Found found = find_sources(settings);
    grading.remarks = found.remarks;
    // What programs that are built already (-b) were built from is not known.
    const bool may_be_read = options_.settings.built.empty() || options_.nobody;
    if (may_be_read && !options_.students.count(student.name) && fs::exists(results)) {
        for (const std::string &exercise : grading.exercises())
            grading.sources[exercise] = fingerprint(settings, found, exercise);
        if (take_results(grading, read(results))) {
            grading.note = note_of(grading);
            seconds_ += grading.seconds;
            ++graded_;
        }
    }
    class_.gradings.push_back(grading);
}

void Evening::compare_sources(const std::vector<Submitter> &students) {
    const std::vector<std::string> exercises = class_.gradings.front().exercises();
    std::map<std::string, Sources> programs; // by "tas/tas.cpp"
    for (const Submitter &student : students)
        for (const auto &[place, file] : find_sources(student.submission).sources) {
            const std::string exercise = fs::path(place).parent_path();
            const bool is_graded =
                std::find(exercises.begin(), exercises.end(), exercise) != exercises.end();
            if (is_graded) programs[place][student.name] = read(file);
        }
    std::vector<std::string> skeleton;
    const Settings &settings = options_.settings;
    const std::string &given = settings.handout.empty() ? settings.kit : settings.handout;
    for (const auto &[place, file] : find_sources(Submission{{"", given}}).sources)
        skeleton.push_back(read(file));
    class_.pairs = pairs_of(programs, skeleton);
}

void Evening::write_tables() {
    const std::string directory = options_.output + "/";
    class_.notes.clear();
    if (!options_.csv.empty()) write(options_.csv, csv(class_.gradings));
    write(directory + "grades.csv", csv(class_.gradings));
    if (!options_.roster.empty())
        write(directory + "roster.csv",
              fill_roster(read(options_.roster), options_.column, class_.gradings, class_.notes));
    write(directory + "index.html", class_page(class_));
}

void Evening::say(const std::string &student, const std::string &what) const {
    std::cout << plain(student) << ": " << what << std::endl;
}

// How long the rest will take, by what the others have taken; before the first, by its checks.
std::string Evening::time_left() const {
    const Grading &any = class_.gradings.front();
    const double one = graded_ > 0 ? seconds_ / graded_
                                   : 3.0 * static_cast<double>(any.exercises().size()) +
                                         0.6 * static_cast<double>(any.results.size()) /
                                             static_cast<double>(processors());
    const double rounds = std::ceil(static_cast<double>(waiting_.size() + running_.size()) /
                                    static_cast<double>(at_once_));
    const std::time_t end = std::time(nullptr) + std::lround(rounds * one);
    char clock[16];
    std::tm local = {};
    std::strftime(clock, sizeof clock, "%H:%M", localtime_r(&end, &local));
    return "about " + std::to_string(std::lround(std::ceil(rounds * one / 60))) + " min, until " +
           clock;
}

void Evening::start(Grading &grading) {
    grading.note = "broken off or under way"; // if this process is killed, it stays
    write_tables();
    fs::remove(directory_of(grading.student) +
               "/results.json"); // else it might be taken for the new one
    std::vector<std::string> command = {launcher(), "-1", grading.student};
    if (options_.settings.jobs == 0) // the same load as of one student
        command.insert(
            command.end(),
            {"-j", std::to_string(std::max<std::size_t>(2, 2 * processors() / at_once_))});
    command.insert(command.end(), arguments_.begin() + 1, arguments_.end());
    running_.push_back({&grading, std::make_unique<test::Process>(command)});
}

void Evening::end(Running &running) {
    Grading &grading = *running.grading;
    const std::string results = directory_of(grading.student) + "/results.json";
    running.process->wait_exit();
    grading.sources.clear(); // they are what that process has found
    if (fs::exists(results) && take_results(grading, read(results))) {
        grading.note = note_of(grading);
        const double taken = std::chrono::duration<double>(Clock::now() - running.start).count();
        seconds_ += taken;
        ++graded_;
        say(grading.student, decimal(grading.value()) + " of " + decimal(grading.worth()) + " (" +
                                 std::to_string(std::lround(taken)) + " s)");
    } else {
        grading.note = interrupted ? "broken off" : "the grading failed";
        failed_ = true;
        std::cerr << running.process->standard_error();
        say(grading.student, grading.note);
    }
    write_tables();
}

int Evening::to_the_end() {
    fs::create_directories(options_.output + "/students");
    write(options_.output + "/pairs.csv", csv(class_.pairs));
    write_tables(); // a roster that cannot be read is found now
    for (const auto &list : {class_.remarks, class_.notes})
        for (const std::string &line : list) std::cerr << "grade: " << line << '\n';
    for (const Grading &grading : class_.gradings) {
        if (!grading.complete) continue;
        say(grading.student,
            decimal(grading.value()) + " of " + decimal(grading.worth()) + " (graded before)");
        write(directory_of(grading.student) + "/report.html",
              student_page(grading, options_.hidden));
    }
    if (!waiting_.empty())
        std::cout << waiting_.size() << " to be graded, " << at_once_
                  << " at a time: " << time_left() << std::endl;
    while (!running_.empty() || (!waiting_.empty() && !interrupted)) {
        while (running_.size() < at_once_ && !waiting_.empty() && !interrupted) {
            start(*waiting_.back());
            waiting_.pop_back();
        }
        std::this_thread::sleep_for(test::Milliseconds(20));
        if (interrupted)
            for (const Running &one : running_) one.process->signal(SIGTERM);
        for (std::size_t i = 0; i < running_.size();) {
            if (!running_[i].process->wait_exit(test::Milliseconds(0), false)) {
                ++i;
                continue;
            }
            Running ended = std::move(running_[i]);
            running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
            end(ended);
            if (!running_.empty() || !waiting_.empty())
                std::cout << running_.size() + waiting_.size() << " left: " << time_left()
                          << std::endl;
        }
    }
    for (const std::string &note : class_.notes) std::cerr << "grade: " << note << '\n';
    return interrupted || failed_ ? 1 : 0;
}

} // namespace

int grade_class(const Options &options, char **arguments) {
    return Evening(options, arguments).to_the_end();
}

int grade_student(const Options &options) {
    prctl(PR_SET_PDEATHSIG, SIGTERM); // if the one that grades the class is killed
    std::vector<std::string> remarks;
    for (const Submitter &student : students_in(options.class_directory, remarks)) {
        if (student.name != options.only) continue;
        const std::string directory = options.output + "/students/" + student.name;
        hold(directory, LOCK_EX); // one that was left by a killed grading is about to end
        const auto changed = [&](const Grading &now) { write_results(options, now, directory); };
        return run(settings_for(options, student), student.name, changed, options.scale).complete
                   ? 0
                   : 1;
    }
    throw std::runtime_error("no student is named " + options.only);
}

} // namespace grade
