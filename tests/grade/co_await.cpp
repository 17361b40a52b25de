#include "co_await.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace grade {

namespace {

// The source with blanks in place of comments, numbers, texts in quotes and preprocessor lines: all else
// stays where it is.
std::string bare(const std::string &source) {
    static const std::regex hidden(
        R"re(\b\d[\w']*|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/|"(?:\\.|[^"\\\n])*")re"
        R"re(|'(?:\\.|[^'\\\n])+'|(?:^|\n)[ \t]*#(?:\\\n|[^\n])*)re");
    std::string text = source;
    for (std::sregex_iterator at(source.begin(), source.end(), hidden), end; at != end; ++at)
        for (auto i = at->position(); i < at->position() + at->length(); ++i)
            if (char &c = text[static_cast<std::size_t>(i)]; c != '\n') c = ' ';
    return text;
}

// Whether a co_await may follow this beginning of its statement.
bool may_follow(std::string begun) {
    static const std::regex control(R"(^\s*(?:(?:if|while|for|switch)\b[^{}]*\)|else\b|do\b|)"
                                    R"((?:case\b[^:]*|default\s*|\w+\s*):(?!:)))");
    static const std::regex allowed(R"(\s*(?:co_return|[\w:<>,*&.\s-]*[\w>)]\s*=)?\s*)");
    for (std::smatch match; std::regex_search(begun, match, control);) begun = match.suffix();
    return std::regex_match(begun, allowed);
}

// Whether what follows a co_await, to the end of its statement, is one call or one name.
bool is_one_call(const std::string &operand) {
    if (operand.find_first_of("{?") != operand.npos) return false;
    int depth = 0;
    bool called = false;
    for (std::size_t i = 0; i < operand.size(); ++i) {
        const char c = operand[i];
        if (c == '(' || c == '[') ++depth;
        else if (c == ')' || c == ']') called = --depth == 0 && c == ')';
        else if (depth == 0 && !std::isspace(static_cast<unsigned char>(c))) {
            const bool of_a_name = std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
                                   c == ':' || c == '<' || c == '>' || c == '.' || c == '*';
            const bool arrow = c == '-' && i + 1 < operand.size() && operand[i + 1] == '>';
            if (!of_a_name && !arrow) return false;
            if (called && c != '.' && !arrow && c != '(' && c != '>') called = false;
        }
    }
    return true;
}

} // namespace

std::vector<std::string> crowded_co_awaits(const std::string &source) {
    static const std::regex word(R"(\bco_await\b)");
    const std::string text = bare(source);
    std::vector<std::string> found;
    std::string open;                      // the brackets around what is looked at
    std::vector<std::size_t> begins = {0}; // of the statement, at each depth of braces
    std::size_t looked = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) {
        const auto place = static_cast<std::size_t>(at->position());
        for (; looked < place; ++looked) {
            const char c = text[looked];
            if (c == '(' || c == '{') open += c;
            else if ((c == ')' || c == '}') && !open.empty()) open.pop_back();
            const bool in_braces = open.empty() || open.back() == '{';
            if (in_braces && (c == '{' || c == '}' || c == ';')) begins.back() = looked + 1;
        }
        const std::string begun = text.substr(begins.back(), place - begins.back());
        if (std::regex_search(begun, std::regex(R"(\boperator\s*$)"))) continue; // its definition
        const std::size_t after = place + 8,
                          semicolon = std::min(text.find(';', after), text.size());
        const bool in_parentheses = !open.empty() && open.back() == '(';
        if (!in_parentheses && may_follow(begun) &&
            is_one_call(text.substr(after, semicolon - after)))
            continue;
        const std::size_t line = source.rfind('\n', place) + 1; // npos + 1 is 0
        const auto number = 1 + std::count(source.begin(), source.begin() + at->position(), '\n');
        found.push_back(std::to_string(number) + ": " +
                        source.substr(line, source.find('\n', line) - line));
    }
    return found;
}

} // namespace grade
