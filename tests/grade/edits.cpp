#include "edits.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace grade {

namespace {

constexpr std::string_view white_space = " \t\r\v\f";

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)); }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Where the token that begins at `start` ends. What matters is that no quotation mark and no "//" is
// taken for something else than it is: so 100'000 is one token, and u8'x' are two.
std::size_t end_of_token(std::string_view line, std::size_t start) {
    const char first = line[start];
    std::size_t end = start + 1;
    if (first == '"' || first == '\'') {
        while (end < line.size() && line[end] != first) end += line[end] == '\\' ? 2 : 1;
        ++end;
    } else if (is_digit(first)) {
        while (end < line.size() && (is_word(line[end]) || line[end] == '\'')) ++end;
    } else if (is_word(first)) {
        while (end < line.size() && is_word(line[end])) ++end;
    }
    return end;
}

// The lines of a text, each with its newline, so that together they are the text.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t newline = text.find('\n');
        const std::size_t size = newline == text.npos ? text.size() : newline + 1;
        lines.push_back(text.substr(0, size));
        text.remove_prefix(size);
    }
    return lines;
}

std::string_view without_newline(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    return line;
}

struct CodeLine {
    std::string_view code;
    std::size_t number; // among all lines of the program
};

bool is_old(const Edit::Line &line) { return line.kind != '+'; }

std::vector<std::string> old_lines(const Edit &edit) {
    std::vector<std::string> old;
    for (const Edit::Line &line : edit.lines)
        if (is_old(line)) old.push_back(line.text);
    return old;
}

// Where `old` begins in the code of a program. Throws unless there is exactly one such place.
std::size_t find_only(const std::vector<std::string> &old, const std::vector<CodeLine> &code) {
    const auto same = [](const CodeLine &line, const std::string &text) {
        return line.code == text;
    };
    const auto find = [&](auto from) {
        return std::search(from, code.end(), old.begin(), old.end(), same);
    };
    std::size_t places = 0;
    for (auto at = find(code.begin()); at != code.end(); at = find(at + 1)) ++places;
    if (places == 0) throw std::runtime_error("its old lines are not in the program");
    if (places > 1)
        throw std::runtime_error("its old lines are in " + std::to_string(places) +
                                 " places of the program");
    return static_cast<std::size_t>(find(code.begin()) - code.begin());
}

// A line of the program, and what the edits make of it.
struct ChangedLine {
    std::string before, after; // whole lines to put in
    bool removed = false;
    bool taken = false; // an edit has it among its old lines
};

// Marks in `changed` what an edit makes of the program.
void mark(const Edit &edit, const std::vector<CodeLine> &code, std::vector<ChangedLine> &changed) {
    std::size_t next = find_only(old_lines(edit), code);
    ChangedLine *last = nullptr; // the old line before what is put in, if there is one
    for (const Edit::Line &line : edit.lines) {
        if (is_old(line)) {
            last = &changed[code[next++].number];
            if (last->taken) throw std::runtime_error("another edit has the same lines");
            last->taken = true;
            last->removed = line.kind == '-';
        } else {
            (last ? last->after : changed[code[next].number].before) += line.text + '\n';
        }
    }
}

} // namespace

std::string_view code_of(std::string_view line) {
    std::size_t end = 0;
    while (end < line.size() && line.substr(end, 2) != "//") end = end_of_token(line, end);
    line = without_newline(line.substr(0, end));
    line.remove_prefix(std::min(line.find_first_not_of(white_space), line.size()));
    return line.substr(0, line.find_last_not_of(white_space) + 1);
}

ChangedProgram read_changed_program(std::string_view text) {
    ChangedProgram program;
    std::size_t number = 0;
    const auto fail = [&](const std::string &what) {
        throw std::runtime_error("line " + std::to_string(number) + ": " + what);
    };
    for (const std::string_view whole : lines_of(text)) {
        const std::string_view line = without_newline(whole);
        const std::string_view value = line.substr(std::min(line.find(' ') + 1, line.size()));
        ++number;
        if (line.starts_with("@@")) program.edits.emplace_back();
        else if (line.find_first_not_of(white_space) == line.npos) continue;
        else if (!program.edits.empty()) {
            const char kind = line.front();
            std::vector<Edit::Line> &lines = program.edits.back().lines;
            if (kind == '+') lines.push_back({kind, std::string(line.substr(1))});
            else if (kind != '-' && kind != ' ')
                fail("a line of an edit begins with '-', ' ' or '+'");
            else if (const std::string_view code = code_of(line.substr(1)); !code.empty())
                lines.push_back({kind, std::string(code)});
        } else if (line.starts_with("Mistake: ")) program.mistake = value;
        else if (line.starts_with("Style: ")) program.style = value;
        else if (line.starts_with("Loses: ")) program.loses.emplace_back(value);
        else if (line.starts_with("In: ") && program.file.empty()) program.file = value;
        else if (line.starts_with("In: ")) fail("a second line \"In: \"");
        else fail("neither \"Mistake: \", \"Style: \", \"Loses: \", \"In: \" nor \"@@\"");
    }
    if (program.mistake.empty() == program.style.empty())
        throw std::runtime_error("it has no line \"Mistake: \" or \"Style: \", or both");
    if (program.loses.empty() != program.mistake.empty())
        throw std::runtime_error(program.loses.empty() ? "it has no line \"Loses: \""
                                                       : "a right program loses nothing");
    if (program.file.empty()) throw std::runtime_error("it has no line \"In: \"");
    if (program.edits.empty()) throw std::runtime_error("it has no edit, no line \"@@\"");
    for (std::size_t i = 0; i < program.edits.size(); ++i) {
        const std::vector<Edit::Line> &lines = program.edits[i].lines;
        const std::string name = "edit " + std::to_string(i + 1);
        if (std::none_of(lines.begin(), lines.end(), is_old))
            throw std::runtime_error(name + " has no old line: nothing tells where it belongs");
        if (std::all_of(lines.begin(), lines.end(), [](auto &line) { return line.kind == ' '; }))
            throw std::runtime_error(name + " changes nothing");
    }
    return program;
}

std::string edited(std::string_view program, const std::vector<Edit> &edits) {
    const std::vector<std::string_view> lines = lines_of(program);
    std::vector<CodeLine> code;
    for (std::size_t i = 0; i < lines.size(); ++i)
        if (const std::string_view found = code_of(lines[i]); !found.empty())
            code.push_back({found, i});

    std::vector<ChangedLine> changed(lines.size());
    std::string errors;
    for (std::size_t i = 0; i < edits.size(); ++i) {
        try {
            mark(edits[i], code, changed);
        } catch (const std::runtime_error &error) {
            errors += (errors.empty() ? "edit " : "\nedit ") + std::to_string(i + 1) + " (" +
                      old_lines(edits[i]).front() + "): " + error.what();
        }
    }
    if (!errors.empty()) throw std::runtime_error(errors);

    std::string text;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        text += changed[i].before;
        if (!changed[i].removed) text += lines[i];
        if (!changed[i].after.empty() && !text.empty() && !text.ends_with('\n')) text += '\n';
        text += changed[i].after;
    }
    return text;
}

} // namespace grade
