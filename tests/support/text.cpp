#include "text.h"

#include <cstdio>

namespace test {

std::string shown(std::string_view bytes) {
    constexpr std::size_t most = 400;
    if (bytes.size() > most)
        return shown(bytes.substr(0, most / 2)) + " ... " +
               shown(bytes.substr(bytes.size() - most / 2)) + " (" + std::to_string(bytes.size()) +
               " bytes)";
    std::string text = "\"";
    for (const char c : bytes) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
        if (c == '\n') text += "\\n";
        else if (c == '\r') text += "\\r";
        else if (c >= ' ' && c <= '~') text += c;
        else text += escaped;
    }
    return text + '"';
}

long count(const std::string &text, std::string_view part) {
    long times = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
        ++times;
    return times;
}

} // namespace test
