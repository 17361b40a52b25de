// make handout: writes the kit that students get, in which some programs are still to be written.
//
//     handout -o DIR [-k KIT] [-l LEVEL] NAME[:LEVEL] ...    writes it into DIR
//     handout -c CLASS -o DIR                                looks at what a class has written of it
//
// What was chosen is kept in DIR/tests/handout/written, a line for each file that is handed in: its functions.
// So a submission is compared with the skeleton that its student got. In DIR/tests/handout/exercises is what
// students are graded by.
#include "kit.h"

#include "../grade/download.h"
#include "../support/programs.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include <unistd.h>

using namespace handout;
namespace fs = std::filesystem;

namespace {

const std::string list_of_written = "tests/handout/written",
                  list_of_skeletons = "tests/handout/skeletons"; // what is graded of them

// Whether there are checks of an exercise or a program: tour and delays have none.
bool is_graded(const std::string &word) {
    const std::vector<test::Program> all = test::graded_programs();
    return std::any_of(all.begin(), all.end(), [&](const test::Program &program) {
        return program.file() == word || program.path.starts_with(word + '/');
    });
}

void write_handout(const fs::path &kit, const fs::path &to, int level,
                   const std::vector<std::string> &words) {
    const std::vector<Task> all = read_tasks(contents(kit / "tests/handout/tasks.txt"));
    const Plan plan = read_plan(words, level, all);
    const auto tasks = tasks_for(plan, all, kit);
    const auto files = files_for(kit, plan, tasks);
    if (const auto places = shown(kit, plan, all, files); !places.empty())
        throw std::runtime_error("this handout would show what is to be written: " +
                                 *places.begin() + ". Make two handouts, or choose another level");
    for (const auto &[place, text] : files) {
        fs::create_directories((to / place).parent_path());
        std::ofstream(to / place, std::ios::binary) << text;
        fs::permissions(to / place, fs::status(kit / place).permissions());
    }
    fs::create_directories(to / "tests/handout");
    std::ofstream chosen(to / "tests/handout/exercises"), skeletons(to / list_of_skeletons);
    std::set<std::string> graded;
    for (const auto &[word, its_level] : plan)
        if (is_graded(word)) chosen << word << '\n';
    for (const auto &[file, functions] : tasks)
        for (const std::string &word : {exercise_of(file), fs::path(file).stem().string()})
            if (word != "asyncio" && is_graded(word)) graded.insert(word);
    for (const std::string &word : graded) skeletons << word << '\n';
    std::ofstream list(to / list_of_written);
    for (const auto &[file, functions] : tasks) {
        const bool handed_in = level_in(plan, file) > 0;
        std::string line = file;
        for (const Task &task : functions) line += ' ' + task.name;
        if (handed_in) list << line << '\n';
        std::cout << line.insert(file.size(), ":") << (handed_in ? "\n" : " (to be copied)\n");
    }
}

// What a submission has of a file, in a few words.
std::string progress(const grade::Found &found, const fs::path &handout, const std::string &file,
                     std::size_t functions) {
    const auto source = found.sources.find(file);
    if (source == found.sources.end()) return "missing";
    const std::string text = contents(source->second);
    if (text == contents(handout / file)) return "nothing written yet";
    const std::vector<std::string> left = not_written(text);
    if (left.empty()) return "written";
    std::string names;
    for (const std::string &name : left) names += " " + name;
    return std::to_string(functions - std::min(functions, left.size())) + " of " +
           std::to_string(functions) + " written, not yet:" + names;
}

void look_at_class(const std::string &directory, const fs::path &handout) {
    std::vector<std::string> remarks;
    for (const grade::Submitter &student : grade::students_in(directory, remarks)) {
        std::cout << student.name << '\n';
        const grade::Found found = grade::find_sources(student.submission);
        std::istringstream lines(contents(handout / list_of_written));
        for (std::string line; std::getline(lines, line);) {
            const std::string file = line.substr(0, line.find(' '));
            const auto functions =
                static_cast<std::size_t>(std::count(line.begin(), line.end(), ' '));
            std::cout << "  " << file << ": " << progress(found, handout, file, functions) << '\n';
        }
    }
    for (const std::string &remark : remarks) std::cerr << "handout: " << remark << '\n';
}

} // namespace

int main(int argc, char *argv[]) {
    std::string to, of_class;
    fs::path kit = ".";
    int level = 1;
    for (int letter; (letter = getopt(argc, argv, "o:k:l:c:")) != -1;) {
        if (letter == 'o') to = optarg;
        else if (letter == 'k') kit = optarg;
        else if (letter == 'l') level = optarg[0] - '0';
        else if (letter == 'c') of_class = optarg;
        else return 2;
    }
    try {
        if (to.empty()) throw std::runtime_error("where to? -o DIR");
        if (!of_class.empty()) look_at_class(of_class, to);
        else write_handout(kit, to, level, {argv + optind, argv + argc});
    } catch (const std::exception &error) {
        std::cerr << "handout: " << error.what() << '\n';
        return 1;
    }
}
