#include "facts.h"

#include "inventory.h"
#include "names.h"
#include "tables.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <tuple>

namespace lab {

namespace {

// ---- Links, lines, listings
std::string check_links(const std::vector<Document> &documents) {
    static const std::regex link("\\]\\(([^)]*)\\)");
    std::string errors;
    for (const Document &document : documents) {
        std::set<std::string> listed; // in the table of contents: before the first chapter
        const auto chapter = std::find_if(document.sections.begin(), document.sections.end(),
                                          [](const Section &s) { return s.level == 2; });
        for (std::size_t i = 0; i < document.lines.size(); ++i) {
            if (document.in_block[i]) continue;
            const std::string &line = document.lines[i];
            const int number = static_cast<int>(i) + 1;
            for (std::sregex_iterator match(line.begin(), line.end(), link), end; match != end;
                 ++match) {
                const std::string target = (*match)[1];
                if (begins_with(target, "https://")) continue;
                const std::size_t hash = std::min(target.find('#'), target.size());
                const std::string file = hash == 0 ? document.name : target.substr(0, hash);
                bool found = std::filesystem::exists(file);
                if (hash < target.size()) {
                    found = false;
                    for (const Document &other : documents)
                        for (const Section &section : other.sections)
                            found = found || (other.name == file &&
                                              section.anchor == target.substr(hash + 1));
                    if (chapter != document.sections.end() && number < chapter->line)
                        listed.insert(target.substr(hash + 1));
                }
                if (!found)
                    errors += document.at(number) + "this link leads nowhere: " + target + "\n";
            }
        }
        for (const Section &section : document.sections)
            if (!listed.empty() && section.level == 2 && !listed.count(section.anchor))
                errors += document.at(section.line) +
                          "not in the table of contents: " + section.title + "\n";
    }
    return errors;
}

std::string check_lines(const std::vector<Document> &documents) {
    std::string errors;
    for (const Document &document : documents)
        for (const Section &section : document.sections)
            for (const Block &block : section.blocks)
                for (std::size_t i = 0; i < block.lines.size(); ++i)
                    if (block.lines[i].size() > 100)
                        errors += document.at(block.line + 1 + static_cast<int>(i)) +
                                  "longer than 100 columns\n";
    return errors;
}

// Each listing is written to the file that the text names, and a command of the section uses it.
std::string check_listings(const std::vector<Document> &documents) {
    static const std::set<std::string> languages = {"console", "sh", "text", "cpp", "python"};
    std::string errors;
    for (const Document &document : documents) {
        for (const Section &section : document.sections) {
            const std::vector<std::string> commands = section.commands();
            for (const Block &block : section.blocks) {
                if (!languages.count(block.language))
                    errors += document.at(block.line) + "a block of what? " + block.language + "\n";
                if (block.language == "text" && !block.lines.empty() &&
                    begins_with(block.lines[0], "$ "))
                    errors += document.at(block.line) + "these commands are not checked\n";
                if (block.language != "cpp" && block.language != "python") continue;
                const bool used =
                    !block.file.empty() &&
                    std::any_of(commands.begin(), commands.end(), [&](const std::string &command) {
                        return command.find(block.file) != command.npos;
                    });
                if (!used) errors += document.at(block.line) + "nothing runs this listing\n";
            }
        }
    }
    return errors;
}

// In "Read it": after "In `FILE`", each point of the list begins with what that file defines.
std::string check_places(const std::vector<Document> &documents, const Kit &kit) {
    static const std::regex file("`([\\w/]+\\.(?:cpp|h))`"), name("`([\\w:~]+)`");
    std::string errors;
    for (const Document &document : documents) {
        std::string current, title;
        for (std::size_t i = 0; i < document.lines.size(); ++i) {
            const std::string &line = document.lines[i];
            if (document.in_block[i]) continue;
            if (begins_with(line, "#")) {
                title = line;
                current.clear();
            }
            if (title != "### Read it") continue;
            std::smatch match;
            if (!begins_with(line, "- ") && !begins_with(line, " ") &&
                (begins_with(line, "In `") || line.find(" In `") != line.npos ||
                 begins_with(line, "`") || begins_with(line, "Read `")) &&
                std::regex_search(line, match, file))
                current = match[1];
            if (!begins_with(line, "- `") || current.empty()) continue;
            const std::string names = line.substr(0, line.find(": "));
            for (std::sregex_iterator place(names.begin(), names.end(), name), end; place != end;
                 ++place) {
                const std::string found = (*place)[1];
                if (begins_with(found, "zen::")
                        ? !kit.defines("zen.h", found) && !kit.defines("program.h", found)
                        : !kit.defines(current, found))
                    errors += document.at(static_cast<int>(i) + 1) + current + " defines no `" +
                              found + "`\n";
            }
        }
    }
    return errors;
}

// "`max_children` (40)": that is its value.
std::string check_values(const std::vector<Document> &documents, const Kit &kit) {
    static const std::regex constant("`(\\w+)` \\(([0-9][0-9,]*)\\b");
    std::string errors;
    for (const Document &document : documents) {
        for (std::size_t i = 0; i < document.lines.size(); ++i) {
            const std::string &line = document.lines[i];
            for (std::sregex_iterator match(line.begin(), line.end(), constant), end;
                 match != end && !document.in_block[i]; ++match) {
                const std::string value =
                    std::regex_replace((*match)[2].str(), std::regex(","), "");
                if (kit.value((*match)[1]) != value)
                    errors += document.at(static_cast<int>(i) + 1) + (*match)[1].str() + " is " +
                              kit.value((*match)[1]) + ", not " + value + "\n";
            }
        }
    }
    return errors;
}

// ---- Chapters
// The sections of the chapters of exercises. A chapter that does not begin with the first of them,
// such as the two on grading, is none of these.
const std::vector<std::string> shape = {
    "The idea", "Run it",     "Read it",   "Write it",
    "Break it", "Measure it", "Questions", "What the tests check"};

// This one has no program of its own to break.
const std::string nothing_to_break = "The picture: make bench";

// Each chapter of an exercise has these sections in this order, but that not each measures or has
// something to be written.
std::string check_shape(const Document &document) {
    std::map<std::string, std::vector<std::string>> parts;
    for (const Section &section : document.sections)
        if (section.level == 3) parts[section.chapter].push_back(section.title);
    std::string errors;
    for (const auto &[chapter, titles] : parts) {
        if (titles.front() != shape.front()) continue;
        std::vector<std::string> expected = shape;
        for (const char *optional : {"Write it", "Measure it"})
            if (std::find(titles.begin(), titles.end(), optional) == titles.end())
                expected.erase(std::find(expected.begin(), expected.end(), optional));
        if (chapter == nothing_to_break)
            expected.erase(std::find(expected.begin(), expected.end(), "Break it"));
        if (titles != expected) errors += document.name + ": " + chapter + ": not as the others\n";
    }
    return errors;
}

// The path for everybody and the whole have so many words, as wc counts them. A section belongs to the
// path if it begins with "**[core]**", or its chapter does and it does not begin with "**[more]**".
// What the tests check is for who looks something up.
std::string check_length(const Document &document) {
    constexpr std::ptrdiff_t most_core = 9'000, most_words = 30'000;
    std::ptrdiff_t core = 0, all = 0;
    bool chapter_is_core = true, is_core = true; // what stands before the first chapter is
    auto section = document.sections.begin();
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        const std::string &line = document.lines[i];
        if (section != document.sections.end() && section->line == static_cast<int>(i) + 1) {
            if (section->level == 2) chapter_is_core = false;
            is_core = chapter_is_core && section->title != shape.back();
            ++section;
        }
        if (begins_with(line, "**[core]**") || begins_with(line, "**[more]**"))
            is_core = begins_with(line, "**[core]**");
        if (section != document.sections.begin() && std::prev(section)->level == 2)
            chapter_is_core = is_core;
        std::istringstream text(line);
        const auto words = std::distance(std::istream_iterator<std::string>(text), {});
        all += words;
        if (is_core) core += words;
    }
    std::string errors;
    for (const auto &[part, words, most] :
         {std::tuple("path for everybody", core, most_core), {"whole", all, most_words}})
        if (words > most)
            errors += document.name + ": the " + part + " has " + std::to_string(words) +
                      " words, more than " + std::to_string(most) + "\n";
    return errors;
}

// The graded questions of a chapter, "(3 points)", give ten points.
std::string check_points(const Document &document) {
    static const std::regex points("\\(([0-9]+) points?\\)");
    std::string errors;
    for (std::size_t k = 0; k < document.sections.size(); ++k) {
        const Section &section = document.sections[k];
        if (section.title != "Questions") continue;
        const auto end = k + 1 < document.sections.size()
                             ? static_cast<std::size_t>(document.sections[k + 1].line)
                             : document.lines.size();
        int sum = 0;
        for (auto i = static_cast<std::size_t>(section.line); i < end; ++i)
            for (std::sregex_iterator
                     match(document.lines[i].begin(), document.lines[i].end(), points),
                 none;
                 match != none; ++match)
                sum += std::stoi((*match)[1]);
        if (sum != 10)
            errors += document.at(section.line) + "these questions give " + std::to_string(sum) +
                      " points, not 10\n";
    }
    return errors;
}

// make SYSTEM=Darwin is make on macOS: it builds what needs no epoll, and tells of the others. Asked for
// one of those, it only tells.
std::string check_other_systems() {
    const std::string make = "env -u MAKEFLAGS -u MAKELEVEL make -B SYSTEM=Darwin ";
    const std::string one = output_of(make + "tae 2>&1"), all = output_of(make + "-n all 2>&1");
    std::string errors;
    if (std::count(one.begin(), one.end(), '\n') != 1 || one.find("tae needs epoll") == one.npos)
        errors += "make tae says: " + one;
    if (all.find("-o tap/tap") == all.npos || all.find("-o tae/tae") != all.npos ||
        all.find("Left out: tae uae ") == all.npos)
        errors += "make would do: " + all;
    return errors;
}

} // namespace

std::vector<Fact> check_facts(const std::vector<Document> &documents) {
    const Kit kit;
    const Shown shown = shown_in(documents);
    const Names names(kit, shown);
    const Document &handout = documents.front();
    return {{"links lead somewhere, and the contents are complete", check_links(documents)},
            {"blocks have at most 100 columns", check_lines(documents)},
            {"listings are compiled and run", check_listings(documents)},
            {"files, functions, options and targets that the text names exist",
             check_names(documents, names)},
            {"what is to be read is in the file that is named", check_places(documents, kit)},
            {"constants have the values that the text gives", check_values(documents, kit)},
            {"the chapters have one shape", check_shape(handout)},
            {"the path for everybody, and the whole, are short enough", check_length(handout)},
            {"the graded questions of a chapter give ten points", check_points(handout)},
            {"on another system make builds what needs no epoll, and says so of the rest",
             check_other_systems()},
            {"the table of options is that of the programs", check_options(handout, kit)},
            {"the lines in the table of lines are in the programs",
             check_log_lines(handout, kit, names)}};
}

} // namespace lab
