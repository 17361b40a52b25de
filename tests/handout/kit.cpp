#include "kit.h"

#include "texts.h"

#include "../grade/edits.h"
#include "../hunt/hunts.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace fs = std::filesystem;

namespace handout {

namespace {

bool is_source(const fs::path &file) {
    return file.extension() == ".cpp" || file.extension() == ".h";
}

// Half of the lines in common, but not only one line: then one of the two is easily made of the other.
bool gives_away(const std::vector<std::string> &one, const std::vector<std::string> &other) {
    if (std::min(one.size(), other.size()) > 1 &&
        likeness(one, other) * static_cast<double>(one.size()) < 1.5)
        return false;
    return std::max(likeness(one, other), likeness(other, one)) >= 0.5;
}

// Programs before asyncio/ may show what a program there asks for.
bool may_show(const std::string &file, const std::string &written) {
    return exercise_of(written) == "asyncio" && exercise_of(file) != "asyncio";
}

// Whether a word of a plan means a file: by its exercise, or by its program.
bool means(const std::string &word, const std::string &file) {
    return word == exercise_of(file) || word == fs::path(file).stem();
}

// The lines of code of a text.
std::vector<std::string> code_of_all(const std::string &text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (const auto code = grade::code_of(line); code.size() > 1) lines.emplace_back(code);
    return lines;
}

std::string joined(const std::vector<std::string> &lines, std::size_t begin, std::size_t count) {
    std::string text;
    for (std::size_t i = begin; i < begin + count; ++i) text += lines[i] + '\n';
    return text;
}

// The instructor's own: tests of what students do not get.
bool is_for_instructors(const std::string &name) {
    for (const char *beginning :
         {"README", "test_grade", "test_edits", "test_handout", "test_hunt"})
        if (name.rfind(beginning, 0) == 0) return true;
    return false;
}

// Without the checks that are hidden from students: from "CHECK..." to the brace in the first column.
std::string without_hidden_checks(const std::string &text) {
    if (text.find("[hidden]") == text.npos) return text;
    std::istringstream lines(text);
    std::string all = "#pragma GCC diagnostic ignored \"-Wunused-function\"\n", block;
    for (std::string line; std::getline(lines, line);) {
        const bool begins = line.rfind("CHECK", 0) == 0;
        if (!begins && block.empty()) {
            all += line + '\n';
            continue;
        }
        block += line + '\n';
        if (line != "}") continue;
        if (block.find("[hidden]") == block.npos) all += block;
        block.clear();
    }
    return all + block;
}

} // namespace

std::string contents(const fs::path &file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    return text.str();
}

std::string function_of(const std::string &name) {
    const auto colons = name.rfind("::");
    return colons == name.npos ? name : name.substr(colons + 2);
}

std::string exercise_of(const std::string &file) { return fs::path(file).parent_path(); }

int level_in(const Plan &plan, const std::string &file) {
    for (const std::string &word : {fs::path(file).stem().string(), exercise_of(file)})
        if (const auto found = plan.find(word); found != plan.end()) return found->second;
    return 0;
}

bool has_asyncio(const Plan &plan, const std::vector<Task> &tasks) {
    return std::any_of(tasks.begin(), tasks.end(), [&](const Task &task) {
        return exercise_of(task.file) == "asyncio" && level_in(plan, task.file) > 0;
    });
}

Plan read_plan(const std::vector<std::string> &words, int level, const std::vector<Task> &tasks) {
    Plan plan;
    for (const std::string &word : words) {
        const std::string name = word.substr(0, word.find(':'));
        const bool own = name.size() < word.size();
        const int its = !own ? level : word.size() == name.size() + 2 ? word.back() - '0' : 0;
        if (its < 1 || its > 3) throw std::runtime_error(word + ": a level is 1, 2 or 3");
        if (std::none_of(tasks.begin(), tasks.end(),
                         [&](const Task &task) { return means(name, task.file); }))
            throw std::runtime_error("there are no tasks for " + name);
        plan[name] = its;
    }
    if (plan.empty()) throw std::runtime_error("nothing is to be written");
    return plan;
}

std::map<std::string, std::vector<Task>> tasks_for(const Plan &plan, const std::vector<Task> &tasks,
                                                   const fs::path &kit) {
    std::set<std::string> files;
    for (const Task &task : tasks) files.insert(task.file);
    std::map<std::string, std::vector<Task>> all;
    std::vector<std::pair<Task, std::vector<std::string>>> written; // with their bodies
    for (const std::string &file : files) {
        const int level = level_in(plan, file);
        std::vector<Task> list = tasks_of(tasks, file, level);
        if (list.empty()) continue;
        all[file] = list;
        if (list.front().name == "main") list = tasks_of(tasks, file, 2);
        const std::string program = contents(kit / file);
        for (const Task &task : list)
            if (task.name != "main") written.emplace_back(task, body_of(program, task.name));
    }
    const bool asyncio = has_asyncio(plan, tasks);
    for (const Task &task : tasks) {
        if (task.name == "main") continue;
        if (!asyncio && exercise_of(task.file) == "asyncio") continue;
        auto &list = all[task.file];
        if (std::any_of(list.begin(), list.end(), [&](const Task &one) {
                return one.name == task.name || one.name == "main";
            }))
            continue;
        const auto shows = [&](const auto &one) {
            return function_of(one.first.name) == function_of(task.name) &&
                   !may_show(task.file, one.first.file) &&
                   gives_away(body_of(contents(kit / task.file), task.name), one.second);
        };
        const auto found = std::find_if(written.begin(), written.end(), shows);
        if (found == written.end()) continue;
        std::string text = task.text;
        if (text.rfind("As in ", 0) != 0)
            text += " It is as in " + found->first.file + ", or nearly so: write one, and copy it.";
        list.push_back({task.file, 1, task.name, text});
    }
    std::erase_if(all, [](const auto &one) { return one.second.empty(); });
    return all;
}

std::map<std::string, std::string>
files_for(const fs::path &kit, const Plan &plan,
          const std::map<std::string, std::vector<Task>> &tasks) {
    std::map<std::string, std::string> files;
    const std::vector<Task> all = read_tasks(contents(kit / "tests/handout/tasks.txt"));
    const bool asyncio = has_asyncio(plan, all);
    std::set<std::string> left_out;
    for (const Task &task : all)
        if (!asyncio && exercise_of(task.file) == "asyncio")
            left_out.insert(fs::path(task.file).stem());
    Hunts hunts;
    const auto take = [&](const fs::path &place) {
        std::string text = contents(kit / place);
        const std::string name = place;
        if (const auto found = tasks.find(name); found != tasks.end())
            text = skeleton(text, found->second);
        if (name == "LAB.md") text = lab_for_students(text, plan, tasks, asyncio, hunts);
        if (name == "README.md") text = for_students(text);
        if (name == "Makefile" || name.ends_with(".mk"))
            text = makefile_for_students(text, left_out);
        if (name.rfind("tests/grade/check", 0) == 0) text = without_hidden_checks(text);
        files[name] = text;
    };
    for (const char *name : {"Makefile", "README.md", ".clang-format", ".clang-tidy", ".gitignore"})
        if (fs::exists(kit / name)) take(name);
    for (const auto &entry : fs::directory_iterator(kit)) {
        const std::string name = entry.path().filename();
        if (entry.is_regular_file() && is_source(entry.path())) take(name);
        if (!entry.is_directory() || name[0] == '.' || name == "build" || name == "tests" ||
            (name == "asyncio" && !asyncio))
            continue;
        for (const auto &file : fs::directory_iterator(entry.path()))
            if (is_source(file.path())) take(fs::path(name) / file.path().filename());
    }
    for (const auto &entry : fs::directory_iterator(kit / "tests"))
        if (entry.is_regular_file() && !is_for_instructors(entry.path().filename()))
            take(fs::path("tests") / entry.path().filename());
    std::vector<const char *> parts = {"support", "bench",  "lab",    "grade",
                                       "fuzz",    "corpus", "picture"};
    if (asyncio) parts.push_back("asyncio"); // the tests of its headers, which are complete
    for (const char *part : parts)
        for (const auto &entry : fs::recursive_directory_iterator(kit / "tests" / part)) {
            const fs::path place = fs::relative(entry.path(), kit);
            const bool is_own =
                entry.is_regular_file() && place.string().find("/gradescope/") == std::string::npos;
            if (is_own) take(place);
        }
    // Hunts for mistakes, in programs that students have complete: also what these include.
    const auto needs_a_task = [&](const std::string &file) {
        return std::any_of(tasks.begin(), tasks.end(), [&](const auto &one) {
            return one.first.ends_with(".h") && exercise_of(one.first) == exercise_of(file);
        });
    };
    for (const auto &entry : fs::directory_iterator(kit / "tests/hunt"))
        take(fs::relative(entry.path(), kit));
    std::map<std::string, int> numbers; // of the hunts, by the wrong program
    for (const hunt::Hunt &one : hunt::read_hunts(contents(kit / "tests/hunt/symptoms.txt")))
        numbers[one.name] = one.number;
    for (const auto &entry : fs::directory_iterator(kit / "tests/wrong"))
        if (entry.path().extension() == ".edit") {
            const std::string text = contents(entry.path());
            const std::string file = grade::read_changed_program(text).file;
            if (!files.count(file) || tasks.count(file) || needs_a_task(file)) continue;
            take(fs::relative(entry.path(), kit));
            if (const auto found = numbers.find(entry.path().stem()); found != numbers.end())
                hunts[found->second] = fs::path(file).stem();
        }
    if (fs::exists(kit / "LAB.md")) take("LAB.md");
    return files;
}

std::set<std::string> shown(const fs::path &kit, const Plan &plan, const std::vector<Task> &tasks,
                            const std::map<std::string, std::string> &files) {
    constexpr std::size_t many = 5;
    std::map<std::string, std::string> secret; // by five lines, the function
    std::set<std::string> first;               // of these lines
    for (const Task &task : tasks) {
        if (task.level > std::min(level_in(plan, task.file), 2)) continue;
        std::vector<std::string> body = body_of(contents(kit / task.file), task.name);
        std::erase_if(body, [](const std::string &line) { return line.size() < 2; });
        for (std::size_t i = 0; i + many <= body.size(); ++i) {
            secret[joined(body, i, many)] = task.file + ": " + task.name;
            first.insert(body[i]);
        }
    }
    std::set<std::string> found;
    for (const auto &[place, text] : files) {
        const std::vector<std::string> code = code_of_all(text);
        for (std::size_t i = 0; i + many <= code.size(); ++i) {
            if (!first.count(code[i])) continue;
            const auto one = secret.find(joined(code, i, many));
            if (one != secret.end() &&
                !may_show(place, one->second.substr(0, one->second.find(':'))))
                found.insert(one->second + " stands in " + place);
        }
    }
    return found;
}

} // namespace handout
