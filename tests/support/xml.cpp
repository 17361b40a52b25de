#include "xml.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <vector>

namespace test {

std::string format(const char *pattern, ...) {
    char text[1000];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

std::string escaped(std::string_view text) {
    std::string all;
    for (const char c : text) {
        if (c == '&') all += "&amp;";
        else if (c == '<') all += "&lt;";
        else if (c == '>') all += "&gt;";
        else all += c;
    }
    return all;
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
