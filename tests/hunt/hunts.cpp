#include "hunts.h"

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <stdexcept>

namespace hunt {

std::vector<Hunt> read_hunts(std::string_view text) {
    std::vector<Hunt> hunts;
    std::istringstream lines{std::string(text)};
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (line.empty() || line[0] == '#') continue;
        const auto wrong = [&](const std::string &what) {
            return std::runtime_error("line " + std::to_string(number) + ": " + what);
        };
        if (line[0] != ' ') {
            std::istringstream words(line);
            Hunt hunt;
            if (!(words >> hunt.number >> hunt.name)) throw wrong("no number and name");
            if (hunt.number != static_cast<int>(hunts.size()) + 1)
                throw wrong("not the next number");
            hunts.push_back(hunt);
            continue;
        }
        if (hunts.empty()) throw wrong("a text without a hunt");
        const std::string sentence = line.substr(line.find_first_not_of(' '));
        if (sentence.rfind("Learn: ", 0) == 0) hunts.back().lesson = sentence.substr(7);
        else hunts.back().symptom += (hunts.back().symptom.empty() ? "" : " ") + sentence;
    }
    return hunts;
}

const Hunt &chosen(const std::vector<Hunt> &hunts, std::string_view seed) {
    std::uint64_t hash = 14'695'981'039'346'656'037u; // FNV-1a
    for (const char c : seed) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
    return hunts.at((hash ^ hash >> 32) % hunts.size());
}

std::string place_of_change(std::string_view one, std::string_view other) {
    const auto lines_of = [](std::string_view text) {
        std::vector<std::string> lines;
        std::istringstream stream{std::string(text)};
        for (std::string line; std::getline(stream, line);) lines.push_back(line);
        return lines;
    };
    const std::vector<std::string> lines = lines_of(one), others = lines_of(other);
    const auto same = std::mismatch(lines.rbegin(), lines.rend(), others.rbegin(), others.rend());
    const auto end = static_cast<std::size_t>(lines.rend() - same.first);
    std::string function, type;
    for (std::size_t i = 0; i < end; ++i) {
        const std::string &line = lines[i];
        if (line[0] == '}') function = type = "";
        const std::size_t indent = line.find_first_not_of(' ');
        if (!line.ends_with('{')) continue;
        if (indent == 0) type = line;
        else if (indent == 4 && (type.rfind("struct", 0) == 0 || type.rfind("class", 0) == 0))
            function = line.substr(4);
    }
    std::string place = function.empty() ? type : function;
    if (place.empty() && end > 0) place = lines[end - 1]; // a constant
    return place.ends_with(" {") ? place.substr(0, place.size() - 2) : place;
}

} // namespace hunt
