#include "document.h"

#include <cctype>
#include <fstream>
#include <map>
#include <regex>
#include <stdexcept>

namespace lab {

namespace {

// The anchor of a heading: letters, digits, hyphens and underscores in lower case, spaces as
// hyphens. Equal ones get a number, from the second on.
std::string anchor_of(const std::string &title, std::map<std::string, int> &used) {
    std::string anchor;
    for (const char c : title) {
        if (c == ' ') anchor += '-';
        else if (c == '-' || c == '_' || std::isalnum(static_cast<unsigned char>(c)))
            anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const int before = used[anchor]++;
    return before == 0 ? anchor : anchor + "-" + std::to_string(before);
}

// The name of a file that a paragraph announces; empty if it does not.
std::string announced_file(const std::string &paragraph) {
    static const std::regex announcement("file `([^`]+)`");
    std::smatch match;
    return std::regex_search(paragraph, match, announcement) ? match[1].str() : std::string();
}

// Finds "with `./tap/tap` and `./tae/tae` in place of `./tas/tas`".
void find_variants(const std::string &paragraph, Section &section) {
    static const std::regex sentence(
        "with ((?:`\\./\\w+/\\w+`[a-z ]*)+)in place of `\\./\\w+/(\\w+)`"),
        name("`\\./\\w+/(\\w+)`");
    std::smatch match;
    if (!std::regex_search(paragraph, match, sentence)) return;
    const std::string others = match[1];
    for (std::sregex_iterator i(others.begin(), others.end(), name), end; i != end; ++i)
        section.variants.emplace_back(match[2], (*i)[1]);
}

} // namespace

Section Section::varied(const std::pair<std::string, std::string> &variant) const {
    const std::regex original("\\b" + variant.first + "\\b");
    Section section = *this;
    section.title += " (" + variant.second + ")";
    section.variants.clear();
    for (Block &block : section.blocks)
        for (std::string &text : block.lines)
            text = std::regex_replace(text, original, variant.second);
    return section;
}

bool Section::has_commands() const {
    for (const Block &block : blocks)
        if (block.has_commands()) return true;
    return false;
}

std::vector<std::string> Section::commands() const {
    std::vector<std::string> commands;
    for (const Block &block : blocks)
        for (const std::string &text : block.lines)
            if (block.language == "sh") commands.push_back(text);
            else if (block.language == "console" && text.rfind("$ ", 0) == 0)
                commands.push_back(text.substr(2));
    return commands;
}

Document read_document(const std::string &name) {
    static const std::regex heading("(#+) (.*)"), terminal("\\*\\*Terminal (\\d)\\*\\*(, again)?");
    Document document{name, {}, {}, {}};
    std::ifstream file(name);
    if (!file) throw std::runtime_error("cannot read " + name);
    std::map<std::string, int> anchors;
    std::string chapter, paragraph;
    Block next;
    Block *open = nullptr; // the block that the line is in
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        document.lines.push_back(line);
        const bool fence = line.rfind("```", 0) == 0;
        document.in_block.push_back(open || fence);
        std::smatch match;
        if (open) {
            if (fence) open = nullptr;
            else open->lines.push_back(line);
        } else if (fence) {
            next.line = number;
            next.language = line.substr(3);
            next.file = announced_file(paragraph);
            if (document.sections.empty())
                throw std::runtime_error(document.at(number) + "a block before the first heading");
            document.sections.back().blocks.push_back(next);
            open = &document.sections.back().blocks.back();
            next = Block();
        } else if (std::regex_match(line, match, heading)) {
            const int level = static_cast<int>(match[1].length());
            if (level == 2) chapter = match[2];
            document.sections.push_back(
                {number, level, match[2], chapter, anchor_of(match[2], anchors), {}, {}});
        } else if (std::regex_match(line, match, terminal)) {
            next.terminal = std::stoi(match[1]);
            next.again = match[2].matched;
        } else if (!line.empty()) {
            if (number > 1 && document.lines[document.lines.size() - 2].empty()) paragraph.clear();
            paragraph += line + " ";
            if (!document.sections.empty() && document.sections.back().variants.empty())
                find_variants(paragraph, document.sections.back());
            next = Block(); // a terminal is named immediately before its block
        }
    }
    if (open) throw std::runtime_error(document.at(open->line) + "this block has no end");
    return document;
}

} // namespace lab
