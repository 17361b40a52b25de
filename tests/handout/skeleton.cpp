#include "skeleton.h"

#include "../grade/edits.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>
#include <sstream>
#include <stdexcept>

namespace handout {

namespace {

using Lines = std::vector<std::string>;

constexpr std::size_t width = 100; // columns of a comment

Lines lines_of(std::string_view text) {
    std::istringstream stream{std::string(text)};
    Lines lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::string joined(const Lines &lines) {
    std::string text;
    for (const std::string &line : lines) text += line + '\n';
    return text;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool has_word(const std::string &line, const std::string &word) {
    for (auto at = line.find(word); at != line.npos; at = line.find(word, at + 1)) {
        const bool begins = at == 0 || !is_word(line[at - 1]);
        const std::size_t end = at + word.size();
        if (begins && (end == line.size() || !is_word(line[end]))) return true;
    }
    return false;
}

// The lines from `begin` to before `end` that a task takes out.
struct Part {
    std::size_t begin = 0, end = 0;
};

// The first line that is `last`, and maybe a remark, from `begin` on; the part ends behind it.
std::size_t end_after(const Lines &lines, std::size_t begin, const std::string &last) {
    const auto from = lines.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto found = std::find_if(from, lines.end(), [&](const std::string &line) {
        return line == last || line.rfind(last + " //", 0) == 0;
    });
    if (found == lines.end()) throw std::runtime_error("there is no end: " + lines[begin]);
    return static_cast<std::size_t>(found - lines.begin()) + 1;
}

// Whether a line begins the definition of a function: its name stands after nothing but a type.
bool begins_function(const std::string &line, const std::string &indent, const std::string &name) {
    if (line.rfind(indent, 0) != 0 || line.size() == indent.size() || line[indent.size()] == ' ' ||
        line.compare(indent.size(), 2, "//") == 0)
        return false;
    const auto at = line.find(name + '(', indent.size());
    if (at == line.npos) return false;
    const std::string before = line.substr(indent.size(), at - indent.size());
    const bool is_type =
        before.empty() || before.back() == ' ' || before.back() == '*' || before.back() == '&';
    return is_type && before.find('(') == before.npos && before.find('=') == before.npos;
}

// Where the constant begins that tells what a program is; what has words of its own has another one.
bool begins_program(const std::string &line) {
    return line.rfind("constexpr zen::Program program", 0) == 0 ||
           line.rfind("constexpr arguments::Usage usage", 0) == 0;
}

Part only(const std::vector<Part> &found, const std::string &name) {
    if (found.size() == 1) return found.front();
    throw std::runtime_error((found.empty() ? "there is no function " : "there are several of ") +
                             name);
}

Part find(const Lines &lines, const std::string &name) {
    std::vector<Part> found;
    if (name == "main") {
        for (std::size_t i = 0; i < lines.size(); ++i)
            if (begins_program(lines[i])) {
                while (!lines[i].ends_with("};")) ++i;
                found.push_back({i + 1, lines.size()});
            }
        return only(found, "the constant `program` or `usage`");
    }
    const auto colons = name.rfind("::");
    std::size_t begin = 0, end = lines.size();
    std::string indent, function = name;
    if (colons != name.npos) {
        const std::string type = name.substr(0, colons);
        function = name.substr(colons + 2);
        indent = "    ";
        for (std::size_t i = 0; i < lines.size(); ++i)
            for (const char *keyword : {"class ", "struct "})
                if (lines[i].rfind(keyword + type + ' ', 0) == 0 && lines[i].ends_with('{'))
                    found.push_back({i, end_after(lines, i, "};")});
        begin = only(found, type).begin;
        end = found.front().end;
        found.clear();
    }
    for (std::size_t i = begin; i < end; ++i) {
        if (function == "private") {
            if (lines[i] == "  private:") found.push_back({i, end - 1});
        } else if (begins_function(lines[i], indent, function)) {
            std::size_t last = i;
            while (!lines[last].ends_with('{') && !lines[last].ends_with('}')) ++last;
            const bool is_line = lines[last].ends_with('}');
            found.push_back({i, is_line ? last + 1 : end_after(lines, last, indent + '}')});
        }
    }
    return only(found, name);
}

// The first lines of a function, up to the brace, without what is before its body: ": a_(a)", "try".
Lines head_of(const Lines &lines, const Part &part) {
    std::string text;
    for (std::size_t i = part.begin; i < part.end; ++i) text += lines[i] + '\n';
    std::size_t at = text.find('('), depth = 0;
    do {
        depth += text[at] == '(';
        depth -= text[at] == ')';
    } while (depth > 0 && ++at < text.size());
    const std::size_t end = std::min(
        {text.find(" :", at), text.find(" try {", at), text.find(" {", at), text.find("\n", at)});
    return lines_of(text.substr(0, end) + " {");
}

// The names of the parameters in the first lines of a function.
std::vector<std::string> parameters(const Lines &head) {
    std::string text;
    for (const std::string &line : head) text += line + ' ';
    text = text.substr(text.find('(') + 1, text.rfind(')') - text.find('(') - 1) + ',';
    std::vector<std::string> names;
    std::string one;
    int depth = 0;
    for (const char c : text) {
        depth += c == '<' || c == '(';
        depth -= c == '>' || c == ')';
        if (c != ',' || depth > 0) {
            one += c;
            continue;
        }
        one = one.substr(0, one.find('[')); // "char *argv[]"
        std::size_t begin = one.size();
        while (begin > 0 && is_word(one[begin - 1])) --begin;
        const bool is_name = begin > 0 && begin < one.size() && one[begin - 1] != ':';
        if (is_name) names.push_back(one.substr(begin));
        one.clear();
    }
    return names;
}

// The constants of a program that its own functions alone use: if none does, clang++ warns. A line may
// have several: "constexpr std::size_t max_line = 1024, max_name = 32;".
std::vector<std::string> constants(const Lines &lines) {
    std::vector<std::string> names;
    for (const std::string &line : lines) {
        if (line.rfind("constexpr ", 0) != 0 || begins_program(line)) continue;
        const std::string code = line.substr(0, line.find("//"));
        for (auto end = code.find(" = "); end != code.npos; end = code.find(" = ", end + 1)) {
            const std::size_t begin = code.rfind(' ', end - 1) + 1;
            names.push_back(code.substr(begin, end - begin));
        }
    }
    return names;
}

// The fields of a class that a part uses, and no line outside of `parts` but the one that declares it and
// those of constructors: clang++ warns of private ones that nothing uses.
std::vector<std::string> lonely_fields(const Lines &lines, const Part &part,
                                       const std::vector<Part> &parts) {
    std::set<std::string> fields;
    const auto collect = [&](const std::string &line, bool only_used) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] != '_' || (i + 1 < line.size() && is_word(line[i + 1]))) continue;
            std::size_t begin = i;
            while (begin > 0 && is_word(line[begin - 1])) --begin;
            const bool made =
                i + 1 < line.size() &&
                (std::strchr("({;", line[i + 1]) ||
                 (line.compare(i + 1, 3, " = ") == 0 && line.find_first_not_of(' ') < begin));
            if (!only_used) fields.insert(line.substr(begin, i + 1 - begin));
            else if (!made) fields.erase(line.substr(begin, i + 1 - begin));
        }
    };
    for (std::size_t i = part.begin; i < part.end; ++i) collect(lines[i], false);
    for (std::size_t i = 0; i < lines.size(); ++i)
        if (std::none_of(parts.begin(), parts.end(),
                         [&](const Part &one) { return one.begin <= i && i < one.end; }))
            collect(lines[i], true);
    return {fields.begin(), fields.end()};
}

// A comment as wide as the sources are.
Lines comment(const std::string &indent, const std::string &text) {
    Lines lines;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (lines.empty() || lines.back().size() + 1 + word.size() > width)
            lines.push_back(indent + "//");
        lines.back() += ' ' + word;
    }
    return lines;
}

bool is_header(const Lines &lines) {
    return std::find(lines.begin(), lines.end(), "#pragma once") != lines.end();
}

// Behind which line of the program its helper stands.
std::size_t place_of_helper(const Lines &lines, bool header) {
    if (!header) return find(lines, "main").begin;
    const auto found = std::find_if(lines.begin(), lines.end(), [](const std::string &line) {
        return line.rfind("namespace ", 0) == 0;
    });
    if (found == lines.end()) throw std::runtime_error("there is no namespace");
    return static_cast<std::size_t>(found - lines.begin()) + 1;
}

// What says that something is not written. In a header it has another name, because arguments of its
// namespace would make that of the program ambiguous.
Lines helper(const Lines &program, bool header) {
    const bool has_words = std::any_of(program.begin(), program.end(), [](const auto &line) {
        return begins_program(line) && line.find(" usage") != line.npos;
    });
    Lines said = {"",
                  "// Says what is still to be written, and ends the program: goes when nothing "
                  "calls it any more."};
    if (header)
        said.insert(
            said.end(),
            {"[[noreturn]] inline void unwritten(const char *what, const auto &...) {",
             "    zen::write_all(STDERR_FILENO, std::string(\"framing: not written yet: \") + "
             "what + '\\n');",
             "    _exit(1);", "}"});
    else
        said.insert(said.end(),
                    {"[[noreturn]] void not_written(const char *what, const auto &...) {",
                     std::string("    _exit(zen::report(") +
                         (has_words ? "usage.program" : "program") +
                         ", std::string(\"not written yet: \") + what));",
                     "}"});
    const std::size_t place = place_of_helper(program, header);
    if (place < program.size() && !program[place].empty()) said.push_back("");
    return said;
}

// What stands in the place of a part while it is to be written.
Lines replacement(const Lines &lines, const Part &part, const Task &task,
                  const std::vector<Part> &parts, bool has_fields) {
    const bool in_class = task.name.find("::") != task.name.npos;
    const std::string indent(in_class ? 8 : 4, ' ');
    const bool is_main = task.name == "main";
    const std::string text =
        "To be written: " + task.text +
        (is_main ? " LAB.md tells in \"The programs from outside\" what it has to do." : "");
    if (task.name.ends_with("::private")) {
        Lines section = comment("    ", text);
        section.insert(section.begin(), "  private:");
        return section;
    }
    const Lines head = is_main ? Lines{"int main(int argc, char *argv[]) {"} : head_of(lines, part);
    Lines all = head;
    if (is_main) all.insert(all.begin(), "");
    for (const std::string &line : comment(indent, text)) all.push_back(line);
    std::string call = (is_header(lines) ? "unwritten(\"" : "not_written(\"") + task.name + '"';
    for (const std::string &name : parameters(head)) call += ", " + name;
    for (const std::string &name : is_main ? Lines() : constants(lines))
        for (std::size_t i = part.begin; i < part.end; ++i)
            if (has_word(lines[i], name)) {
                call += ", " + name;
                break;
            }
    if (in_class && has_fields)
        for (const std::string &name : lonely_fields(lines, part, parts)) call += ", " + name;
    all.push_back(indent + call + ");");
    all.push_back(indent.substr(4) + "}");
    return all;
}

struct Change {
    Part part;
    Lines lines;
};

std::string changed(const Lines &lines, std::vector<Change> changes) {
    std::sort(changes.begin(), changes.end(),
              [](const Change &a, const Change &b) { return a.part.begin < b.part.begin; });
    Lines all;
    std::size_t next = 0;
    for (const Change &change : changes) {
        if (change.part.begin < next) throw std::runtime_error("two tasks have the same lines");
        for (; next < change.part.begin; ++next) all.push_back(lines[next]);
        all.insert(all.end(), change.lines.begin(), change.lines.end());
        next = change.part.end;
    }
    for (; next < lines.size(); ++next) all.push_back(lines[next]);
    return joined(all);
}

} // namespace

std::string skeleton(std::string_view program, const std::vector<Task> &tasks) {
    if (tasks.empty()) return std::string(program);
    const Lines lines = lines_of(program);
    std::vector<Change> changes;
    std::vector<Part> parts;
    for (const Task &task : tasks) parts.push_back(find(lines, task.name));
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const std::string type = tasks[i].name.substr(0, tasks[i].name.find("::"));
        const bool has_fields = std::none_of(tasks.begin(), tasks.end(), [&](const Task &task) {
            return task.name == type + "::private";
        });
        changes.push_back({parts[i], replacement(lines, parts[i], tasks[i], parts, has_fields)});
    }
    const bool header = is_header(lines);
    const std::size_t place = place_of_helper(lines, header);
    if (changes.front().part.begin == place) { // that of main begins there
        Lines before = helper(lines, header);
        if (before.back().empty()) before.pop_back();
        changes.front().lines.insert(changes.front().lines.begin(), before.begin(), before.end());
    } else changes.push_back({{place, place}, helper(lines, header)});
    return changed(lines, changes);
}

std::string restored(std::string_view skeleton, std::string_view program,
                     const std::vector<Task> &tasks) {
    const Lines lines = lines_of(skeleton), whole = lines_of(program);
    std::vector<Change> changes;
    const auto part_of = [&](const Part &part) {
        return Lines(whole.begin() + static_cast<std::ptrdiff_t>(part.begin),
                     whole.begin() + static_cast<std::ptrdiff_t>(part.end));
    };
    bool has_main = false;
    for (const Task &task : tasks) {
        changes.push_back({find(lines, task.name), part_of(find(whole, task.name))});
        has_main |= task.name == "main";
    }
    const Lines said = helper(whole, is_header(lines));
    const auto place = std::search(lines.begin(), lines.end(), said.begin(), said.end());
    if (place != lines.end() && !has_main) {
        const auto begin = static_cast<std::size_t>(place - lines.begin());
        changes.push_back({{begin, begin + said.size()}, {}});
    }
    return changed(lines, changes);
}

std::vector<std::string> not_written(std::string_view source) {
    std::vector<std::string> names;
    for (const std::string &line : lines_of(source)) {
        const std::string code(grade::code_of(line));
        for (const std::string call : {"not_written(\"", "unwritten(\""})
            if (code.rfind(call, 0) == 0)
                names.push_back(
                    code.substr(call.size(), code.find('"', call.size()) - call.size()));
    }
    return names;
}

std::vector<std::string> body_of(std::string_view program, const std::string &name) {
    const Lines lines = lines_of(program);
    const Part part = find(lines, name);
    Lines body;
    for (std::size_t i = part.begin + 1; i + 1 < part.end; ++i)
        if (const auto code = grade::code_of(lines[i]); !code.empty()) body.emplace_back(code);
    return body;
}

double likeness(const std::vector<std::string> &one, const std::vector<std::string> &other) {
    if (one.empty()) return 0;
    const auto same = std::count_if(one.begin(), one.end(), [&](const std::string &line) {
        return std::find(other.begin(), other.end(), line) != other.end();
    });
    return static_cast<double>(same) / static_cast<double>(one.size());
}

} // namespace handout
