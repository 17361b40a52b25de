#include "texts.h"

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

Some programs of this kit are not complete: you write what is missing. Where something is to be
written, the source has a comment with the task, and a call of `not_written`. Each program builds
and runs from the first minute, and says what is not written yet. Begin with `make grade-NAME`,
which tells the points that are to be earned. The first time it builds the grader, which takes
minutes. Write a function, and run it again; `make NAME` builds the program for you.

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
In each chapter, come to "Write it" before "Run it": a function that is not written says so. Some
experiments change a line of a program with `sed`. If your program has other words there, change
the copy by hand. `make hunts` lists the hunts, which are in the programs that are complete here.
)";
    std::set<std::string> places;
    for (const auto &[file, list] : tasks)
        if (level_in(plan, file) > 0)
            places.insert(plan.count(exercise_of(file)) ? exercise_of(file) : file);
    std::string names;
    for (const std::string &place : places) names += (names.empty() ? "" : " ") + place;
    text += asyncio ? R"(
`tour` and `delays` are not graded: `make test-tour` and `make test-delays` test what you have
written there.
)"
                    : R"(
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

// LAB.md without the sections "Write it" of which all is given.
std::string without_what_is_given(const std::string &lab,
                                  const std::map<std::string, std::vector<Task>> &tasks) {
    const std::string heading = "### Write it\n";
    std::string text = lab;
    for (auto begin = text.find(heading); begin != text.npos; begin = text.find(heading, begin)) {
        const auto end = text.find("\n#", begin) + 1;
        if (names_a_task(text.substr(begin, end - begin), tasks)) begin = end;
        else text.erase(begin, end - begin);
    }
    return text;
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
                             const std::map<std::string, std::vector<Task>> &tasks, bool asyncio) {
    std::string text = without_what_is_given(for_students(lab), tasks);
    const std::string contents_line = "- [How to use the lab]", heading = "## How to use the lab";
    const auto in_contents = text.find(contents_line);
    if (in_contents != text.npos)
        text.insert(in_contents, "- [What you write and hand in](#what-you-write-and-hand-in)\n");
    const auto place = text.find(heading);
    if (place == text.npos) throw std::runtime_error("LAB.md has no \"" + heading + "\"");
    return text.insert(place, chapter_of(plan, tasks, asyncio));
}

} // namespace handout
