#include "patterns.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <regex>
#include <vector>

namespace lab {

namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)); }

// The number at the beginning of `text`, of digits, and with a fraction if that is wanted.
std::string number_at(const std::string &text, std::size_t place, bool fraction) {
    std::size_t end = place;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (fraction && end > place && end + 1 < text.size() && text[end] == '.' &&
        is_digit(text[end + 1])) {
        ++end;
        while (end < text.size() && is_digit(text[end])) ++end;
    }
    return text.substr(place, end - place);
}

bool ends_with(const std::string &text, std::size_t place, const std::string &end) {
    return place >= end.size() && text.compare(place - end.size(), end.size(), end) == 0;
}

// Whether the number at `place` is one of this run only.
bool is_variable(const std::string &text, std::size_t place, const std::string &number,
                 bool table) {
    if (number.size() > 9) return false;
    const long value = std::atol(number.c_str());
    const bool client_port = value >= 32768 && value <= 60999;
    if (client_port &&
        (ends_with(text, place, "127.0.0.1:") || ends_with(text, place, "[::1]:") ||
         ends_with(text, place, "127.0.0.1.") || ends_with(text, place, "('127.0.0.1', ")))
        return true;
    if (ends_with(text, place, "pid ") || ends_with(text, place, "pid=")) return true;
    if (place == 4 && text[0] == '[' && text.substr(2, 2) == "] ") return true;
    return table && number.size() >= 5 && (place == 0 || text[place - 1] == ' ');
}

// `seconds`: they may be many more on a busy machine, and far fewer on a fast one.
bool about(const std::string &printed, const std::string &shown, bool seconds) {
    const double expected = std::atof(printed.c_str()), actual = std::atof(shown.c_str());
    const double factor = seconds ? 50 : 10;
    return actual <= expected * factor && actual >= expected / factor;
}

std::string squeezed(const std::string &text) {
    std::string result;
    for (const char c : text)
        if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
    return result;
}

// What strace prints of a descriptor on the list of epoll is as newer versions have it.
std::string with_newer_data(const std::string &line) {
    static const std::regex older(R"(data=\{u32=(\d), u64=\d\})");
    return std::regex_replace(line, older, "data=0x$1");
}

} // namespace

bool Numbers::match(const std::string &printed_line, const std::string &shown_line, bool table) {
    const std::string printed = table ? squeezed(printed_line) : with_newer_data(printed_line);
    const std::string shown = table ? squeezed(shown_line) : with_newer_data(shown_line);
    const bool seconds = printed.ends_with(" seconds");
    std::vector<std::pair<std::string, std::string>> found;
    std::size_t i = 0, k = 0;
    while (i < printed.size()) {
        // The number after "~" may have more or fewer digits: so may the column be filled up.
        const std::size_t word = printed.find_first_not_of(' ', i);
        if (printed[i] == ' ' && word != printed.npos && printed[word] == '~') {
            i = word;
            k = std::min(shown.find_first_not_of(' ', k), shown.size());
        }
        if (printed[i] == '~' && i + 1 < printed.size() && is_digit(printed[i + 1])) {
            const std::string expected = number_at(printed, ++i, true);
            const std::string actual = number_at(shown, k, true);
            if (actual.empty() || !about(expected, actual, seconds)) return false;
            i += expected.size();
            k += actual.size();
            continue;
        }
        const bool begins = is_digit(printed[i]) && (i == 0 || !is_digit(printed[i - 1]));
        const std::string expected = begins ? number_at(printed, i, false) : std::string();
        if (begins && is_variable(printed, i, expected, table)) {
            const std::string actual = number_at(shown, k, false);
            if (actual.empty()) return false;
            found.emplace_back(expected, actual);
            i += expected.size();
            k += actual.size();
            continue;
        }
        if (k >= shown.size() || printed[i] != shown[k]) return false;
        ++i;
        ++k;
    }
    if (k != shown.size()) return false;
    for (const auto &[expected, actual] : found) {
        if (shown_of_.emplace(expected, actual).first->second != actual) return false;
    }
    return true;
}

std::string Numbers::typed(const std::string &command) const {
    if (command.find("kill ") == command.npos && command.find("-p ") == command.npos)
        return command;
    std::string result;
    for (std::size_t i = 0; i < command.size();) {
        const std::string number = number_at(command, i, false);
        const auto known = shown_of_.find(number);
        result += known != shown_of_.end() ? known->second
                  : number.empty()         ? std::string(1, command[i])
                                           : number;
        i += number.empty() ? 1 : number.size();
    }
    return result;
}

} // namespace lab
