#include "kit.h"

#include "../grade/edits.h"

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

std::string function_of(const std::string &name) {
    const auto colons = name.rfind("::");
    return colons == name.npos ? name : name.substr(colons + 2);
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

// A text for readers without the paragraphs, and the points of lists, that are for instructors.
std::string for_students(const std::string &text) {
    std::istringstream lines(text);
    std::string all, block;
    const auto end_block = [&] {
        const bool drop =
            block.find("tests/README.md") != block.npos || block.find("grade-class") != block.npos;
        if (!drop) all += block;
        else if (!block.empty() && block.ends_with("\n\n")) all += "\n";
        block.clear();
    };
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("- ", 0) == 0) end_block();
        block += line + '\n';
        if (line.empty()) end_block();
    }
    end_block();
    for (auto at = all.find("\n\n\n"); at != all.npos; at = all.find("\n\n\n", at))
        all.erase(at, 1);
    return all;
}

// Whether a line of a Makefile is a rule for programs of `names` alone: "game gamec: ; ...".
bool is_rule_of(const std::set<std::string> &names, const std::string &line) {
    std::istringstream words(line.substr(0, line.find(':')));
    bool any = false;
    for (std::string word; words >> word; any = true)
        if (!names.count(word)) return false;
    return any && line.find(':') != line.npos;
}

// The list of `make help` without what is for instructors; and without the programs that are left out.
std::string makefile_for_students(const std::string &text, std::set<std::string> left_out) {
    if (!left_out.empty()) left_out.insert("asyncio");
    std::istringstream lines(text);
    std::string all;
    bool drop = false;
    for (std::string line; std::getline(lines, line);) {
        if (!left_out.empty() && line.rfind("ASYNCIO", 0) == 0) line.erase(line.find('=') + 1);
        if (!left_out.empty() && line.rfind("GRADED", 0) == 0)
            if (const auto at = line.find(" asyncio"); at != line.npos) line.erase(at, 8);
        if (is_rule_of(left_out, line)) continue;
        for (const std::string words : {"; make asyncio those of asyncio/", " or asyncio"})
            if (const auto at = line.find(words); !left_out.empty() && at != line.npos)
                line.erase(at, words.size());
        if (line.rfind("## make ", 0) == 0) {
            drop = false;
            for (const char *target :
                 {"grade-class", "gradescope", "check-grader", "handout", "check-handout"})
                drop |= line.find(std::string("make ") + target) != line.npos;
        } else if (line.rfind("##  ", 0) != 0) drop = false;
        if (!drop) all += line + '\n';
    }
    return all;
}

// The part of LAB.md that tells what is to be written and handed in.
std::string chapter_of(const Plan &plan, const std::map<std::string, std::vector<Task>> &tasks,
                       bool asyncio) {
    std::string text =
        "## What you write and hand in\n\n"
        "Some programs of this kit are not complete: you write what is missing. Where something is "
        "to be\n"
        "written, the source has a comment with the task, and a call of `not_written`. Each "
        "program "
        "builds\n"
        "and runs from the first minute, and says what is not written yet. Begin with "
        "`make grade-NAME`,\n"
        "which tells the points that are to be earned, write a function, and run it again.\n\n"
        "| file | to be written | you hand it in |\n|---|---|---|\n";
    for (const auto &[file, list] : tasks) {
        text += "| `" + file + "` | ";
        for (const Task &task : list)
            text += (&task == &list.front() ? "`" : ", `") + task.name + "`";
        text += std::string(" | ") + (level_in(plan, file) > 0 ? "yes" : "no") + " |\n";
    }
    std::set<std::string> places;
    for (const auto &[file, list] : tasks)
        if (level_in(plan, file) > 0)
            places.insert(plan.count(exercise_of(file)) ? exercise_of(file) : file);
    std::string names;
    for (const std::string &place : places) names += (names.empty() ? "" : " ") + place;
    text +=
        asyncio
            ? "\n`tour` and `delays` are not graded: `make test-tour` and `make test-delays` test "
              "what "
              "you have\nwritten there.\n"
            : "\nThe directory `asyncio/` is not here yet: it comes with a later handout, and what "
              "needs it\ndoes not work before.\n";
    if (text.find(" | no |") != text.npos)
        text += "\nThe files with \"no\" lack functions that you write in another file, or nearly "
                "so: copy "
                "them\nthere, and these programs work, too. They are not graded.\n";
    return text + "\nHand in an archive: `zip -r lab.zip " + names +
           " -i '*.cpp' '*.h'`.\nWhat you hand in half written is worth what it does.\n\n";
}

std::string lab_for_students(const std::string &lab, const Plan &plan,
                             const std::map<std::string, std::vector<Task>> &tasks, bool asyncio) {
    std::string text = for_students(lab);
    const std::string contents_line = "- [How to use the lab]", heading = "## How to use the lab";
    const auto in_contents = text.find(contents_line);
    if (in_contents != text.npos)
        text.insert(in_contents, "- [What you write and hand in](#what-you-write-and-hand-in)\n");
    const auto place = text.find(heading);
    if (place == text.npos) throw std::runtime_error("LAB.md has no \"" + heading + "\"");
    return text.insert(place, chapter_of(plan, tasks, asyncio));
}

} // namespace

std::string contents(const fs::path &file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    return text.str();
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
    const auto take = [&](const fs::path &place) {
        std::string text = contents(kit / place);
        const std::string name = place;
        if (const auto found = tasks.find(name); found != tasks.end())
            text = skeleton(text, found->second);
        if (name == "LAB.md") text = lab_for_students(text, plan, tasks, asyncio);
        if (name == "README.md") text = for_students(text);
        if (name == "Makefile" || name.ends_with(".mk"))
            text = makefile_for_students(text, left_out);
        if (name.rfind("tests/grade/check", 0) == 0) text = without_hidden_checks(text);
        files[name] = text;
    };
    for (const char *name :
         {"Makefile", "LAB.md", "README.md", ".clang-format", ".clang-tidy", ".gitignore"})
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
    // Hunts for mistakes, in programs that students have complete.
    for (const auto &entry : fs::directory_iterator(kit / "tests/hunt"))
        take(fs::relative(entry.path(), kit));
    for (const auto &entry : fs::directory_iterator(kit / "tests/wrong"))
        if (entry.path().extension() == ".edit") {
            const std::string text = contents(entry.path());
            const std::string file = grade::read_changed_program(text).file;
            if (files.count(file) && !tasks.count(file)) take(fs::relative(entry.path(), kit));
        }
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
