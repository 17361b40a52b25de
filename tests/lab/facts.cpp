#include "facts.h"
#include "inventory.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace lab {

namespace {

// Names of the world outside the kit that the text uses, and that no command in it shows.
const std::set<std::string> world = {
    "telnet", "telnet 127.0.0.1 65432", "catch2", "epoll_wait", "abort", "kqueue", "kevent",
    "Content-Length", "valgrind", "not run", "clone", "clone3", "wait4", "chmod 700",
    // Files that the benchmark and the grader write, and a column of one.
    "build/bench.csv", "build/bench.svg", "bytes_per_idle", "build/grades/grades.csv",
    "build/grades/roster.csv", "build/gradescope/",
    // What is written in a way of its own.
    "PROGRAM [options] [HOST [PORT]]", "\\x1b", "$'...'", "[sszt] <defunct>"};

struct Span {
    int line;
    std::string text;
};

// What stands between ` and `, on one line or over several, outside the blocks.
std::vector<Span> code_spans(const Document &document) {
    std::vector<Span> spans;
    std::string open;
    bool inside = false;
    int begin = 0;
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        if (document.in_block[i] || document.lines[i].empty()) {
            inside = false;
            open.clear();
            continue;
        }
        const std::size_t begin_of_text = document.lines[i].find_first_not_of(' ');
        if (begin_of_text == std::string::npos) continue;
        const std::string line = document.lines[i].substr(begin_of_text) + " ";
        for (const char c : line) {
            if (c != '`') {
                if (inside) open += c;
                continue;
            }
            if (inside) spans.push_back({begin, open});
            inside = !inside;
            begin = static_cast<int>(i) + 1;
            open.clear();
        }
    }
    return spans;
}

std::vector<std::string> split(const std::string &text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

bool begins_with(const std::string &text, const std::string &begin) {
    return text.compare(0, begin.size(), begin) == 0;
}

// All that the blocks of the documents show: what they print, and the words of their commands.
struct Shown {
    std::string text;
    std::set<std::string> words;
};
Shown shown_in(const std::vector<Document> &documents) {
    Shown shown;
    for (const Document &document : documents) {
        for (const Section &section : document.sections) {
            for (const Block &block : section.blocks)
                for (const std::string &line : block.lines) shown.text += line + "\n";
            for (const std::string &command : section.commands())
                for (const std::string &word : split(std::regex_replace(
                         command, std::regex("[^A-Za-z0-9_./~{}=-]|=(?=/)"), " ")))
                    shown.words.insert(word);
        }
    }
    return shown;
}

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

// ---- Names
class Names {
  public:
    Names(const Kit &kit, const Shown &shown) : kit_(kit), shown_(shown) {}

    bool known(const std::string &span) const {
        if (span.find(" && ") != span.npos) {
            const std::size_t place = span.find(" && ");
            return known(span.substr(0, place)) && known(span.substr(place + 4));
        }
        const std::vector<std::string> parts = split(span);
        if (parts.empty()) return true;
        if (parts[0] == "make" && parts.size() > 1) return known_targets(parts);
        if (const std::string program = program_of(parts[0]); !program.empty())
            return known_options(program, parts);
        if (parts[0] == "build/tests/grade/run/grade")
            return std::all_of(parts.begin() + 1, parts.end(), [](const std::string &part) {
                return part[0] != '-' || is_option_of_grader(part);
            });
        if (span[0] == '-' && span.size() > 1 && span[1] != '1') return known_option(parts[0]);
        if (world.count(span) || shown_.words.count(span)) return true;
        if (shown_.text.find(span) != shown_.text.npos) return true;
        if (is_file(span)) return known_file(span);
        static const std::regex name("(~?\\w+)(::~?\\w+)*(\\(\\))?");
        if (std::regex_match(span, name))
            return kit_.has_name(std::regex_replace(span, std::regex("[()~]"), ""));
        return known_command(parts) || kit_.has_text(span) || known_log_line(span);
    }

    // "Connected by CLIENT": what stands before the client stands in a source, or in that of one
    // program. Of "Received message: Hello", only what stands up to the colon, of "TCP server
    // started at 127.0.0.1:65432" what stands before the address.
    bool known_log_line(const std::string &line, const std::string &program = {}) const {
        const auto has_text = [&](const std::string &text) {
            return program.empty() ? kit_.has_text(text) : kit_.has_text(program, text);
        };
        static const std::regex changing("CLIENT.*|(?:127\\.0\\.0\\.1|\\[::1\\]):\\d+.*");
        const std::string begin = std::regex_replace(line, changing, "");
        if (begin.size() < 5) return false;
        if (has_text("\"" + begin)) return true;
        const std::size_t colon = begin.find(": ");
        return colon != begin.npos && has_text("\"" + begin.substr(0, colon + 2));
    }

    std::string program_of(const std::string &word) const {
        for (const auto &[name, path] : kit_.programs())
            if (word == name || word == "./" + path) return name;
        return {};
    }

  private:
    bool known_targets(const std::vector<std::string> &parts) const {
        for (std::size_t i = 1; i < parts.size(); ++i)
            if (parts[i].find('=') == std::string::npos && parts[i] != "NAME" &&
                parts[i] != "-j2" && !kit_.has_target(parts[i]))
                return false;
        return true;
    }

    bool known_options(const std::string &program, const std::vector<std::string> &parts) const {
        for (const std::string &part : parts) {
            if (part == "|" || part == "&") break;
            if (part[0] == '-' && !kit_.options(program).count(part)) return false;
        }
        return true;
    }

    // A command of a tool that some block uses as well: the files and programs in it exist.
    bool known_command(const std::vector<std::string> &parts) const {
        if (parts.size() < 2 || !shown_.words.count(parts[0])) return false;
        for (std::size_t i = 1; i < parts.size(); ++i) {
            const bool program = begins_with(parts[i], "./");
            if (program && program_of(parts[i]).empty() && !shown_.words.count(parts[i]))
                return false;
            if (!program && is_file(parts[i]) && !known_file(parts[i]) &&
                !shown_.words.count(parts[i]))
                return false;
        }
        return true;
    }

    // An option by itself is one of a program of the kit, or of a tool in some command.
    bool known_option(const std::string &option) const {
        for (const auto &[name, path] : kit_.programs())
            if (kit_.options(name).count(option)) return true;
        return shown_.words.count(option) > 0 || is_option_of_grader(option);
    }

    // Its -h has a line for each; the grader itself need not be built.
    static bool is_option_of_grader(const std::string &option) {
        static const std::string source = output_of("cat tests/grade/grade.cpp");
        return source.find("\"  " + option + " ") != source.npos;
    }

    static bool is_file(const std::string &span) {
        static const std::regex file("[\\w./-]*(/|\\.(cpp|h|md|py|sh))[\\w./-]*|Makefile");
        return std::regex_match(span, file);
    }

    bool known_file(const std::string &file) const {
        if (file.find("NAME") != file.npos || begins_with(file, "/")) return true;
        const std::string path = begins_with(file, "./") ? file.substr(2) : file;
        for (const char *end : {"", ".cpp"})
            if (std::filesystem::exists(path + end)) return true;
        return false;
    }

    const Kit &kit_;
    const Shown &shown_;
};

// What tests and checks are written with: `TEST_OF_EACH`. The README of the tests speaks of that.
bool is_of_tests(const std::string &span) {
    static const std::regex name("\\w+");
    return std::regex_match(span, name) &&
           !output_of("grep -rlw --include='*.h' '" + span + "' tests").empty();
}

std::string check_names(const std::vector<Document> &documents, const Names &names) {
    std::string errors;
    for (const Document &document : documents)
        for (const Span &span : code_spans(document))
            if (!names.known(span.text) &&
                !(begins_with(document.name, "tests/") && is_of_tests(span.text)))
                errors += document.at(span.line) + "the kit has no `" + span.text + "`\n";
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
    "What you will learn", "The idea", "Run it", "Read it", "Break it", "Measure it", "Questions",
    "What the tests check"};

// This one has no program of its own to break.
const std::string nothing_to_break = "The picture: make bench";

// Each chapter of an exercise has these sections in this order, but that not each measures.
std::string check_shape(const Document &document) {
    std::map<std::string, std::vector<std::string>> parts;
    for (const Section &section : document.sections)
        if (section.level == 3) parts[section.chapter].push_back(section.title);
    std::string errors;
    for (const auto &[chapter, titles] : parts) {
        if (titles.front() != shape.front()) continue;
        std::vector<std::string> expected = shape;
        if (std::find(titles.begin(), titles.end(), "Measure it") == titles.end())
            expected.erase(std::find(expected.begin(), expected.end(), "Measure it"));
        if (chapter == nothing_to_break)
            expected.erase(std::find(expected.begin(), expected.end(), "Break it"));
        if (titles != expected) errors += document.name + ": " + chapter + ": not as the others\n";
    }
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

// ---- Tables
std::vector<std::string> cells(const std::string &line) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, '|');) {
        const std::size_t begin = cell.find_first_not_of(' ');
        cells.push_back(
            begin == cell.npos ? "" : cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
    }
    return cells;
}

// The programs that a cell names: "all", "servers", or each in ` and `.
std::set<std::string> programs_in(const std::string &cell, const Kit &kit) {
    static const std::regex name("`(\\w+)`");
    std::set<std::string> programs;
    for (const auto &[program, path] : kit.programs())
        if (cell == "all" || (cell == "servers" && kit.is_server(program)))
            programs.insert(program);
    for (std::sregex_iterator match(cell.begin(), cell.end(), name), end; match != end; ++match)
        programs.insert((*match)[1]);
    return programs;
}

// The table of the options: it lists all, for each the programs that have it, and the defaults.
std::string check_options(const Document &document, const Kit &kit) {
    std::string errors;
    std::set<std::string> listed; // "zens -t"
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        const std::vector<std::string> row = cells(document.lines[i]);
        if (document.in_block[i] || row.size() < 5 || !begins_with(row[1], "`-")) continue;
        const std::string option = row[1].substr(1, 2);
        const std::string value = std::regex_replace(row[4], std::regex("`"), "");
        for (const std::string &program : programs_in(row[2], kit)) {
            listed.insert(program + " " + option);
            const auto &options = kit.options(program);
            const auto help = options.find(option);
            if (help == options.end())
                errors +=
                    document.at(static_cast<int>(i) + 1) + program + " has no " + option + "\n";
            else if (value != "off" && !value.empty() &&
                     help->second.find("(" + value + ")") == std::string::npos)
                errors += document.at(static_cast<int>(i) + 1) + "-h of " + program +
                          " tells no default of " + value + " for " + option + "\n";
        }
    }
    for (const auto &[program, path] : kit.programs())
        for (const auto &[option, help] : kit.options(program))
            if (!listed.count(program + " " + option))
                errors +=
                    document.name + ": no table lists " + program + " with its " + option + "\n";
    return errors;
}

// The servers that print a line of the table: those that the other cell begins with, "`abs`, `ads`:
// ...", those of TCP or UDP, or all that speak the Zen protocol.
std::set<std::string> printers(const std::string &line, const std::string &when, const Kit &kit) {
    static const std::regex names("((`\\w+`(, )?)+):.*");
    std::smatch match;
    if (std::regex_match(when, match, names)) return programs_in(match[1], kit);
    std::set<std::string> programs;
    for (const auto &[program, path] : kit.programs()) {
        const std::string kind = kit.kind(program);
        const bool wanted = begins_with(when, "TCP: ") || begins_with(line, "TCP ") ? kind == "TCP"
                            : begins_with(line, "UDP ")                             ? kind == "UDP"
                                                        : kind != "framing";
        if (kit.is_server(program) && wanted) programs.insert(program);
    }
    return programs;
}

// The table of the lines that servers print.
std::string check_log_lines(const Document &document, const Kit &kit, const Names &names) {
    std::string errors;
    bool inside = false;
    int count = 0;
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        const std::string &line = document.lines[i];
        if (begins_with(line, "| line | when |")) inside = true;
        else if (!begins_with(line, "|")) inside = false;
        if (!inside || !begins_with(line, "| `")) continue;
        ++count;
        const std::string text = line.substr(3, line.find('`', 3) - 3);
        for (const std::string &program : printers(text, cells(line)[2], kit))
            if (!names.known_log_line(text, program))
                errors += document.at(static_cast<int>(i) + 1) + program +
                          " does not print: " + text + "\n";
    }
    if (count == 0) errors += document.name + ": no table \"| line | when |\"\n";
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
        all.find("Left out: tae uae (need epoll") == all.npos)
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
            {"the graded questions of a chapter give ten points", check_points(handout)},
            {"on another system make builds what needs no epoll, and says so of the rest",
             check_other_systems()},
            {"the table of options is that of the programs", check_options(handout, kit)},
            {"the lines in the table of lines are in the programs",
             check_log_lines(handout, kit, names)}};
}

} // namespace lab
