#include "texts.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <stdexcept>

namespace handout {

namespace {

// Whether a line of a Makefile is a rule for programs of `names` alone: "game gamec: ; ...".
bool is_rule_of(const std::set<std::string> &names, const std::string &line) {
    std::istringstream words(line.substr(0, line.find(':')));
    bool any = false;
    for (std::string word; words >> word; any = true)
        if (!names.count(word)) return false;
    return any && line.find(':') != line.npos;
}

// The part of LAB.md that tells what is to be written and handed in.
std::string chapter_of(const Plan &plan, const std::map<std::string, std::vector<Task>> &tasks,
                       bool asyncio) {
    std::string text = R"(## What you write and hand in

**[core]** Some programs of this kit are not complete: you write what is missing. Where something is
to be written, the source has a comment with the task, and a call of `not_written`. Each program
builds and runs from the first minute, and says what is not written yet. Begin with `make
grade-NAME`, which tells the points that are to be earned. The first time it builds the grader,
which takes minutes: start it, and read on. It builds a copy of your program; `make NAME` builds
the one that you start yourself. Write a function, and run both again.

| file | to be written | you hand it in |
|---|---|---|
)";
    for (const auto &[file, list] : tasks) {
        text += "| `" + file + "` | ";
        for (const Task &task : list) {
            const auto at = task.name.find("::private");
            text += &task == &list.front() ? "" : ", ";
            text += at == task.name.npos ? "`" + task.name + "`"
                                         : "what is private in `" + task.name.substr(0, at) + "`";
        }
        text += std::string(" | ") + (level_in(plan, file) > 0 ? "yes" : "no") + " |\n";
    }
    text += R"(
Where a chapter has "Write it", that comes before "Run it". What "Read it" tells of a function that
you write is what it has to do. Some experiments change a line of a program with `sed`. If your
program has other words there, change the copy by hand. The hunts are in programs that are complete
here.
)";
    std::set<std::string> places;
    for (const auto &[file, list] : tasks)
        if (level_in(plan, file) > 0)
            places.insert(plan.count(exercise_of(file)) ? exercise_of(file) : file);
    std::string names;
    for (const std::string &place : places) names += (names.empty() ? "" : " ") + place;
    if (level_in(plan, "asyncio/tour.cpp") > 0 || level_in(plan, "asyncio/delays.cpp") > 0)
        text += R"(
`tour` and `delays` are not graded: `make test-tour` and `make test-delays` test what you have
written there.
)";
    if (!asyncio)
        text += R"(
The directory `asyncio/` is not here yet: it comes with a later handout, and what needs it does not
work before.
)";
    if (text.find(" | no |") != text.npos)
        text += R"(
The files with "no" lack functions that you write in another file, or nearly so: copy them there,
and these programs work, too. They are not graded.
)";
    return text + "\nHand in an archive: `zip -r lab.zip " + names +
           " -i '*.cpp' '*.h'`.\nWhat you hand in half written is worth what it does.\n\n";
}

// Whether a text names, in backquotes, a file or a function of what is to be written: "Pool" is one for
// "Pool::put".
bool names_a_task(const std::string &text, const std::map<std::string, std::vector<Task>> &tasks) {
    for (const auto &[file, list] : tasks) {
        if (text.find('`' + file + '`') != text.npos) return true;
        for (const Task &task : list)
            for (const std::string &name :
                 {task.name, function_of(task.name), task.name.substr(0, task.name.find("::"))})
                if (text.find('`' + name + '`') != text.npos) return true;
    }
    return false;
}

// LAB.md without the sections "Write it" of which all is given. The others come before "Run it", as a
// program runs only when it is written.
std::string with_what_is_to_be_written(const std::string &lab,
                                       const std::map<std::string, std::vector<Task>> &tasks) {
    const std::string heading = "### Write it\n";
    std::string text = lab;
    auto begin = text.find(heading);
    while (begin != text.npos) {
        const auto end = text.find("\n#", begin) + 1;
        if (names_a_task(text.substr(begin, end - begin), tasks)) {
            const auto run = text.rfind("### Run it\n", begin);
            const auto read = text.rfind("### Read it\n", begin);
            if (text.rfind("\n## ", begin) < run && run < read)
                std::rotate(text.begin() + static_cast<std::ptrdiff_t>(run),
                            text.begin() + static_cast<std::ptrdiff_t>(read),
                            text.begin() + static_cast<std::ptrdiff_t>(end));
            begin = end;
        } else text.erase(begin, end - begin);
        begin = text.find(heading, begin);
    }
    return text;
}

void replace(std::string &text, const std::string &from, const std::string &to) {
    const auto place = text.find(from);
    if (place == text.npos) throw std::runtime_error("LAB.md has no \"" + from + "\"");
    text.replace(place, from.size(), to);
}

// The chapter on hunts, with those that are there: its examples and its table.
void keep_hunts(std::string &lab, const Hunts &hunts) {
    if (hunts.empty()) return;
    const std::string heading = "#### What there is to learn\n";
    const auto begin = lab.find(heading), end = lab.find("\n## ", begin) + 1;
    if (end == 0) throw std::runtime_error("LAB.md has no \"" + heading + "\"");
    std::istringstream lines(lab.substr(begin, end - begin));
    std::string section;
    auto first = hunts.end();
    for (std::string line; std::getline(lines, line);) {
        int number = 0;
        if (std::sscanf(line.c_str(), "| %d |", &number) == 1) {
            if (!hunts.count(number)) continue;
            if (first == hunts.end()) first = hunts.find(number);
        }
        section += line + '\n';
    }
    if (first == hunts.end()) {
        section.clear();
        first = hunts.begin();
    } else
        replace(section, "From twelve of them; begin with 1, 7, 18 or 50:", "From some of them:");
    lab.replace(begin, end - begin, section);
    replace(lab, "`make hunt HUNT=1`", "`make hunt HUNT=" + std::to_string(first->first) + "`");
    replace(lab, "`make hunt-tas` takes one in `tas`",
            "`make hunt-" + first->second + "` takes one in `" + first->second + "`");
}

} // namespace

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

std::string lab_for_students(const std::string &lab, const Plan &plan,
                             const std::map<std::string, std::vector<Task>> &tasks, bool asyncio,
                             const Hunts &hunts) {
    std::string text = with_what_is_to_be_written(for_students(lab), tasks);
    keep_hunts(text, hunts);
    const std::string line = "- **[core]** [How to use the lab]",
                      heading = "## How to use the lab\n";
    replace(text, line,
            "- **[core]** [What you write and hand in](#what-you-write-and-hand-in)\n" + line);
    replace(text, heading, chapter_of(plan, tasks, asyncio) + heading);
    return text;
}

} // namespace handout
