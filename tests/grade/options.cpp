#include "options.h"

#include "page.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>

#include <unistd.h>

namespace fs = std::filesystem;

namespace grade {

const char *const usage_line = "usage: grade [-hlnzAH] [-d DIR] [-f DIR | -c DIR [-s STUDENT]] [-k "
                               "DIR] [-m ARGUMENT] [-j N] [-p N] "
                               "[-P POINTS] [-o DIR] [NAME[:WEIGHT] ...]\n";

namespace {

constexpr const char *help_text =
    "Grades the programs of the Zen lab kit. NAME is an exercise (tas), a program (abs) or a "
    "check\n"
    "(\"tas: serves one client\"); without, all are graded. With a weight, as in tas:3, that is "
    "what\n"
    "the exercise is worth; those without one are worth 1 then.\n\n"
    "  -f DIR   the submission: a directory with tas/tas.cpp and so on (default: that of the kit)\n"
    "  -c DIR   a class: each subdirectory of DIR is the submission of the student of that name, "
    "and\n"
    "           so are the files and directories of a download from Canvas or Moodle; needs -o, "
    "and\n"
    "           goes on where it was broken off: who is graded is not graded again, unless the\n"
    "           sources or the checks have changed\n"
    "  -s NAME  of the class, grade this student, also again, and no other; may be repeated\n"
    "  -n       of the class, grade nobody: write the tables and pages of the results there are\n"
    "  -p N     grade N students at a time (default: one for each two processors, at least two)\n"
    "  -d DIR   the handout, as make handout has written it: what its skeletons earn is worth "
    "nothing\n"
    "  -k DIR   the kit: its Makefile and its headers (zen.h and so on) are used (default: .)\n"
    "  -z       use the headers (zen.h and so on) of the submission, where it has them\n"
    "  -m ARG   one more argument for make: CXX=clang++; may be repeated\n"
    "  -b DIR   build nothing: the programs stand in DIR\n"
    "  -T N     begin no check after N seconds: the rest is not checked\n"
    "  -j N     run N checks at a time (default: two for each processor, of all students "
    "together)\n"
    "  -P N     all exercises together are worth N points (default: their weights, or the points "
    "of\n"
    "           their checks)\n"
    "  -o DIR   write all result files into DIR; for a class, the tables, index.html, pairs.csv, "
    "and\n"
    "           students/NAME/ with those of each student\n"
    "  -G FILE  write Gradescope's results.json\n"
    "  -C FILE  write Classroom 50's result.json\n"
    "  -J FILE  write JUnit XML\n"
    "  -S FILE  write a table with commas: a row a student, a column an exercise\n"
    "  -E FILE  write the names of the checks that cost nothing, a line each\n"
    "  -A       print the scores as Autolab's last line\n"
    "  -R FILE  a roster exported from Canvas or Moodle: it is written, with the totals, to\n"
    "           roster.csv in the directory of -o; needs -c\n"
    "  -N NAME  the column of the roster that is filled, or added (default: Zen lab)\n"
    "  -H       show the hidden checks as well\n"
    "  -l       list the checks and their points, and end\n"
    "  -h       print this text, and end\n\n"
    "Exit status: 0 graded, whatever the score; 1 the grading failed or was broken off; 2 wrong "
    "usage.\n"
    "Example: grade -f ../submission -G results.json tas tap tae\n";

// The value of an option, from 1 to `most`.
int number(int letter, const std::string &value, int most) {
    const int found = std::atoi(value.c_str());
    if (found < 1 || found > most)
        throw UsageError(std::string("-") + static_cast<char>(letter) +
                         " must be a number from 1 to " + std::to_string(most) + ", not '" + value +
                         "'");
    return found;
}

} // namespace

Options parse(int argc, char *argv[]) {
    Options options;
    int letter = 0;
    while ((letter = getopt(argc, argv, ":hlnzAH1:d:E:f:c:s:k:m:b:j:p:P:T:o:G:C:J:S:R:N:")) != -1) {
        const std::string value = optarg ? optarg : "";
        switch (letter) {
        case 'h': std::cout << usage_line << help_text; std::exit(0);
        case 'l': options.list = true; break;
        case 'n': options.nobody = true; break;
        case '1': options.only = value; break; // as class.cpp starts it
        case 'z': options.settings.own_headers = true; break;
        case 'A': options.autolab = true; break;
        case 'H': options.hidden = true; break;
        case 'd': options.settings.handout = value; break;
        case 'E': options.earned = value; break;
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
        case 'p': options.at_once = static_cast<std::size_t>(number(letter, value, 64)); break;
        case 'P': options.scale.full = number(letter, value, 1'000'000); break;
        case 'T': options.settings.seconds = number(letter, value, 86'400); break;
        case ':':
            throw UsageError(std::string("option -") + static_cast<char>(optopt) +
                             " needs a value");
        default: throw UsageError(std::string("unknown option -") + static_cast<char>(optopt));
        }
    }
    for (int i = optind; i < argc; ++i) {
        static const std::regex weighted(R"(([a-z]+):([0-9]+(?:\.[0-9]+)?))");
        std::smatch parts;
        const std::string name = argv[i];
        const bool has_weight = std::regex_match(name, parts, weighted);
        options.settings.names.push_back(has_weight ? parts[1].str() : name);
        if (has_weight) options.scale.weights[parts[1]] = std::stod(parts[2]);
    }
    if (!fs::exists(fs::path(options.settings.kit) / "zen.h"))
        throw UsageError("no kit (zen.h) is in " + options.settings.kit);
    for (const std::string &directory : {options.settings.from, options.class_directory})
        if (!directory.empty() && !fs::is_directory(directory))
            throw UsageError(directory + " is no directory");
    const bool is_class = !options.class_directory.empty();
    if (!is_class && (options.nobody || !options.students.empty() || !options.roster.empty()))
        throw UsageError("-n, -s and -R need -c");
    if (is_class && options.output.empty()) throw UsageError("-c needs -o");
    if (is_class && !(options.gradescope + options.classroom50 + options.junit).empty())
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

Grading planned(const Options &options) {
    Grading grading;
    grading.results = plan(options.settings);
    grading.scale = options.scale;
    const std::vector<std::string> exercises = grading.exercises();
    for (const auto &[name, weight] : options.scale.weights)
        if (std::find(exercises.begin(), exercises.end(), name) == exercises.end())
            throw std::runtime_error(name + " is no exercise: only exercises have weights");
    return grading;
}

void write_results(const Options &options, const Grading &grading, const std::string &directory) {
    if (!options.gradescope.empty()) write(options.gradescope, gradescope(grading));
    if (!options.classroom50.empty()) write(options.classroom50, classroom50(grading));
    if (!options.junit.empty()) write(options.junit, junit(grading));
    if (directory.empty()) return;
    fs::create_directories(directory);
    if (!grading.complete) write(directory + "/results.json", gradescope(grading));
    write(directory + "/result.json", classroom50(grading));
    write(directory + "/junit.xml", junit(grading));
    write(directory + "/report.txt", text_report(grading, false, options.hidden));
    write(directory + "/report.html", student_page(grading, options.hidden));
    if (grading.complete) write(directory + "/results.json", gradescope(grading));
}

} // namespace grade
