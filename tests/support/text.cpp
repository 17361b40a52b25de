#include "text.h"

#include <algorithm>
#include <cstdio>
#include <vector>

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

bool well_formed(const std::string &document) {
    std::vector<std::string> open;
    for (std::size_t i = 0; i < document.size(); ++i) {
        if (document[i] == '&') {
            const std::string entity = document.substr(i, document.find(';', i) - i);
            if (entity != "&amp" && entity != "&lt" && entity != "&gt") return false;
        }
        if (document[i] == '>') return false;
        if (document[i] != '<') continue;
        const std::size_t end = document.find('>', i);
        if (end == document.npos) return false;
        const std::string tag = document.substr(i + 1, end - i - 1);
        if (std::count(tag.begin(), tag.end(), '\'') % 2 != 0 || tag.find('<') != tag.npos)
            return false;
        const std::string name = tag.substr(0, tag.find(' '));
        if (tag[0] == '/') {
            if (open.empty() || "/" + open.back() != tag) return false;
            open.pop_back();
        } else if (tag.back() != '/') open.push_back(name);
        i = end;
    }
    return open.empty();
}

} // namespace test
