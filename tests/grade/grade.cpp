// grade: gives points to the programs of a submission, or of a class, and says what was wrong. It
// builds and runs what strangers have written; sandbox.h tells how it keeps that apart.
#include "grader.h"
#include "sandbox.h"
#include "submission.h"

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

constexpr const char *usage_line = "usage: grade [-hlzAH] [-f DIR | -c DIR [-s STUDENT]] [-k DIR] "
                                   "[-m ARGUMENT] [-j N] [-o DIR] [NAME ...]\n";
constexpr const char *help_text =
    "Grades the programs of the Zen lab kit. NAME is an exercise (tas), a program (abs) or a check "
    "(\"tas: serves "
    "one "
    "client\");\nwithout, all are graded.\n\n"
    "  -f DIR   the submission: a directory with tas/tas.cpp and so on (default: that of the kit)\n"
    "  -c DIR   a class: each subdirectory of DIR is the submission of the student of that name\n"
    "           (with -o, goes on where it was broken off: who is graded is not graded again,\n"
    "           unless the sources or the checks have changed)\n"
    "  -s NAME  of the class, grade this student, also again, and no other; may be repeated\n"
    "  -k DIR   the kit: its Makefile and its headers (zen.h and so on) are used (default: .)\n"
    "  -z       use the headers (zen.h and so on) of the submission, where it has them\n"
    "  -m ARG   one more argument for make: CXX=clang++; may be repeated\n"
    "  -b DIR   build nothing: the programs stand in DIR\n"
    "  -T N     begin no check after N seconds: the rest is not checked\n"
    "  -j N     run N checks at a time (default: two for each processor)\n"
    "  -o DIR   write all result files into DIR; for a class, one directory a student and the "
    "tables\n"
    "  -G FILE  write Gradescope's results.json\n"
    "  -C FILE  write Classroom 50's result.json\n"
    "  -J FILE  write JUnit XML\n"
    "  -S FILE  write a table with commas: a row a student, a column an exercise\n"
    "  -A       print the scores as Autolab's last line\n"
    "  -R FILE  a roster exported from Canvas or Moodle: it is written, with the totals, to\n"
    "           roster.csv in the directory of -o\n"
    "  -N NAME  the column of the roster that is filled, or added (default: Zen lab)\n"
    "  -H       show the hidden checks as well\n"
    "  -l       list the checks and their points, and end\n"
    "  -h       print this text, and end\n\n"
    "Exit status: 0 graded, whatever the score; 1 the grading failed or was broken off; 2 wrong "
    "usage.\n"
    "Example: grade -f ../submission -G results.json tas tap tae\n";

struct Options {
    Settings settings;
    std::string class_directory, output, gradescope, classroom50, junit, csv, roster;
    std::string column = "Zen lab";
    std::set<std::string> students; // to be graded, also again; empty: all that are not yet
    bool autolab = false, hidden = false, list = false;
};

struct UsageError : std::runtime_error {
    using runtime_error::runtime_error;
};

// The value of an option, from 1 to `most`.
int number(int letter, const std::string &value, int most) {
    const int found = std::atoi(value.c_str());
    if (found < 1 || found > most)
        throw UsageError(std::string("-") + static_cast<char>(letter) +
                         " must be a number from 1 to " + std::to_string(most) + ", not '" + value +
                         "'");
    return found;
}

Options parse(int argc, char *argv[]) {
    Options options;
    int letter = 0;
    while ((letter = getopt(argc, argv, ":hlzAHf:c:s:k:m:b:j:T:o:G:C:J:S:R:N:")) != -1) {
        const std::string value = optarg ? optarg : "";
        switch (letter) {
        case 'h': std::cout << usage_line << help_text; std::exit(0);
        case 'l': options.list = true; break;
        case 'z': options.settings.own_headers = true; break;
        case 'A': options.autolab = true; break;
        case 'H': options.hidden = true; break;
        case 'f': options.settings.from = value; break;
        case 'c': options.class_directory = value; break;
        case 's': options.students.insert(value); break;
        case 'k': options.settings.kit = value; break;
        case 'm': options.settings.make.push_back(value); break;
        case 'b': options.settings.built = fs::absolute(value); break;
        case 'o': options.output = value; break;
        case 'G': options.gradescope = value; break;
        case 'C': options.classroom50 = value; break;
        case 'J': options.junit = value; break;
        case 'S': options.csv = value; break;
        case 'R': options.roster = value; break;
        case 'N': options.column = value; break;
        case 'j':
            options.settings.jobs = static_cast<std::size_t>(number(letter, value, 64));
            break;
        case 'T': options.settings.seconds = number(letter, value, 86'400); break;
        case ':':
            throw UsageError(std::string("option -") + static_cast<char>(optopt) +
                             " needs a value");
        default: throw UsageError(std::string("unknown option -") + static_cast<char>(optopt));
        }
    }
    for (int i = optind; i < argc; ++i) options.settings.names.push_back(argv[i]);
    if (!fs::exists(fs::path(options.settings.kit) / "zen.h"))
        throw UsageError("no kit (zen.h) is in " + options.settings.kit);
    for (const std::string &directory : {options.settings.from, options.class_directory})
        if (!directory.empty() && !fs::is_directory(directory))
            throw UsageError(directory + " is no directory");
    if (!options.students.empty() && options.class_directory.empty())
        throw UsageError("-s needs -c");
    if (!options.roster.empty() && options.output.empty()) throw UsageError("-R needs -o");
    if (!options.class_directory.empty() &&
        !(options.gradescope + options.classroom50 + options.junit).empty())
        throw UsageError("-G, -C and -J are for one submission; with -c, use -o");
    return options;
}

std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) throw std::runtime_error("cannot read " + path);
    return text.str();
}

// Writes the result files of one submission: those that were asked for by name, and with a
// directory all of them. There, results.json is the last to say that the grading is complete, and the
// first to say that it is not: see take_scores().
void write_results(const Options &options, const Grading &grading, const std::string &directory) {
    const auto write_to = [](const std::string &path, const std::string &content) {
        if (!path.empty()) write(path, content);
    };
    write_to(options.gradescope, gradescope(grading));
    write_to(options.classroom50, classroom50(grading));
    write_to(options.junit, junit(grading));
    if (directory.empty()) return;
    fs::create_directories(directory);
    if (!grading.complete) write(directory + "/results.json", gradescope(grading));
    write(directory + "/result.json", classroom50(grading));
    write(directory + "/junit.xml", junit(grading));
    write(directory + "/report.txt", text_report(grading, false, options.hidden));
    if (grading.complete) write(directory + "/results.json", gradescope(grading));
}

void write_tables(const Options &options, const std::vector<Grading> &gradings) {
    if (!options.csv.empty()) write(options.csv, csv(gradings));
    if (!options.output.empty()) write(options.output + "/grades.csv", csv(gradings));
    if (options.roster.empty()) return;
    std::vector<std::string> notes;
    write(options.output + "/roster.csv",
          fill_roster(read(options.roster), options.column, gradings, notes));
    const bool last = std::all_of(gradings.begin(), gradings.end(),
                                  [](const Grading &grading) { return grading.complete; });
    for (const std::string &note : last ? notes : std::vector<std::string>())
        std::cerr << "grade: " << note << '\n';
}

int grade_one(const Options &options) {
    write_results(options, Grading(), options.output); // there is one whatever happens
    const Grading grading = run(options.settings, "", [&](const Grading &now) {
        write_results(options, now, options.output);
    });
    std::cout << text_report(grading, isatty(STDOUT_FILENO), options.hidden) << std::flush;
    write_tables(options, {grading});
    if (options.autolab) std::cout << autolab(grading) << std::endl;
    return grading.complete ? 0 : 1;
}

// The directories of the students, by name.
std::vector<std::string> students_in(const std::string &directory) {
    std::vector<std::string> students;
    for (const auto &entry : fs::directory_iterator(directory)) {
        const std::string name = entry.path().filename();
        std::error_code error;
        if (name[0] != '.' && fs::is_directory(entry.symlink_status(error)))
            students.push_back(name);
    }
    std::sort(students.begin(), students.end());
    if (students.empty()) throw std::runtime_error("no directory is in " + directory);
    return students;
}

// The settings for one student of a class.
Settings settings_for(const Options &options, const std::string &student) {
    Settings settings = options.settings;
    settings.from = options.class_directory + "/" + student;
    return settings;
}

// Each student as far as he has been graded before: the results are in the directory of -o. One who is
// to be graded again has none.
std::vector<Grading> graded_before(const Options &options, const std::string &directory) {
    const std::vector<std::string> students = students_in(options.class_directory);
    for (const std::string &student : options.students)
        if (!std::binary_search(students.begin(), students.end(), student))
            throw std::runtime_error("no student is named " + student);
    Grading planned;
    planned.results = plan(options.settings);
    // What programs that are built already (-b) were built from is not known.
    const bool may_be_read = !directory.empty() && options.settings.built.empty();
    std::vector<Grading> gradings;
    for (const std::string &student : students) {
        Grading grading = planned;
        grading.student = student;
        const std::string results = directory + student + "/results.json";
        grading.note = fs::exists(results) ? "to be graded again" : "not graded yet";
        if (may_be_read && !options.students.count(student) && fs::exists(results)) {
            grading.sources = fingerprint(settings_for(options, student), grading.exercises());
            if (take_scores(grading, read(results))) grading.note.clear();
        }
        gradings.push_back(grading);
    }
    return gradings;
}

int grade_class(const Options &options) {
    const std::string directory = options.output.empty() ? "" : options.output + "/students/";
    if (!options.output.empty()) fs::create_directories(directory);
    std::vector<Grading> gradings = graded_before(options, directory);
    write_tables(options, gradings); // a roster that cannot be read is found now
    bool failed = false;
    for (Grading &grading : gradings) {
        const std::string student = grading.student;
        const bool before = grading.complete;
        if (interrupted) break;
        if (!before && !options.students.empty() && !options.students.count(student)) continue;
        if (!before) {
            grading.note = "broken off or under way"; // if this process is killed, it stays
            write_tables(options, gradings);
            try {
                grading = run(settings_for(options, student), student, [&](const Grading &now) {
                    if (!directory.empty()) write_results(options, now, directory + student);
                });
                if (!grading.complete) grading.note = "broken off";
            } catch (const std::exception &error) { // it must not stop the others
                std::cerr << "grade: " << student << ": " << error.what() << '\n';
                grading.note = "the grading failed";
                failed = true;
            }
            write_tables(options, gradings);
        }
        const std::string shown = test::shown(student);
        std::cout << shown.substr(1, shown.size() - 2) << ": ";
        if (!grading.complete) std::cout << grading.note << std::endl;
        else
            std::cout << grading.earned() << " of " << grading.possible() << " ("
                      << (before ? "graded before"
                                 : std::to_string(static_cast<int>(grading.seconds + 0.5)) + " s")
                      << ")" << std::endl;
    }
    return interrupted || failed ? 1 : 0;
}

} // namespace

int main(int argc, char *argv[]) {
    if (argc > 10 && std::strcmp(argv[1], "--run") == 0) return run_in_sandbox(argv + 2);
    if (argc == 3 && std::strcmp(argv[1], "--end") == 0) return end_processes_of(argv[2]);
    try {
        const Options options = parse(argc, argv);
        if (options.list) {
            for (const Result &result : plan(options.settings))
                std::cout << result.check.points << "  " << result.check.name << '\n';
            return 0;
        }
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            struct sigaction action = {};
            action.sa_handler = [](int) { interrupted = 1; };
            sigaction(signal, &action, nullptr);
        }
        signal(SIGCHLD, SIG_DFL); // if it is ignored, nobody can be waited for
        adopt_descendants();
        return options.class_directory.empty() ? grade_one(options) : grade_class(options);
    } catch (const UsageError &error) {
        std::cerr << "grade: " << error.what() << '\n' << usage_line;
        return 2;
    } catch (const std::exception &error) {
        std::cerr << "grade: " << error.what() << '\n';
        return 1;
    }
}
