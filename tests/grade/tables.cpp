// Tables with commas: that of a class, and a roster that is filled.
#include "results.h"

#include "../support/text.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <set>
#include <stdexcept>

namespace grade {

std::string plain(const std::string &bytes) {
    const std::string quoted = test::shown(bytes);
    return quoted.substr(1, quoted.size() - 2);
}

std::string lower(const std::string &text) {
    std::string all = text;
    for (char &c : all) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return all;
}

std::string csv_cell(const std::string &text) {
    if (text.find_first_of(",\"\r\n") == text.npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
    return quoted + '"';
}

// The points as they stand in a table. Before a grading is complete, its cells are blank: what it has so
// far would be taken for the result.
static std::string points(const Grading &grading, const std::string &exercise = {}) {
    return grading.complete ? decimal(grading.value(exercise)) : "";
}

std::string csv(const std::vector<Grading> &gradings) {
    std::string text = "student";
    if (gradings.empty()) return text + ",total,note\n";
    const Grading &first = gradings.front();
    const std::vector<std::string> exercises = first.exercises();
    for (const std::string &exercise : exercises) text += "," + exercise;
    text += ",total,note\nPoints Possible"; // as Canvas calls them
    for (const std::string &exercise : exercises) text += "," + decimal(first.worth(exercise));
    text += "," + decimal(first.worth()) + ",\n";
    for (const Grading &grading : gradings) {
        text += csv_cell(grading.student);
        for (const std::string &exercise : exercises) text += "," + points(grading, exercise);
        text += "," + points(grading) + "," + csv_cell(grading.note) + "\n";
    }
    return text;
}

namespace {

struct Cell {
    std::size_t begin, end; // in the roster, quotes included
    std::string text;
};
struct Row {
    std::vector<Cell> cells;
    std::size_t end; // before the end of the line
};

// The rows of a table with commas (RFC 4180): a cell in quotes may hold commas, newlines and quotes.
std::vector<Row> rows_of(std::string_view table) {
    std::vector<Row> rows;
    std::size_t at = table.substr(0, 3) == "\xef\xbb\xbf" ? 3 : 0; // what some write before UTF-8
    while (at < table.size()) {
        Row row = {};
        while (true) {
            Cell cell = {at, at, ""};
            if (at < table.size() && table[at] == '"') {
                for (++at;; ++at) {
                    if (at >= table.size()) throw std::runtime_error("a quote is not closed");
                    if (table[at] == '"' && table.substr(at + 1, 1) != "\"") break;
                    if (table[at] == '"') ++at;
                    cell.text += table[at];
                }
                ++at;
            }
            while (at < table.size() && table[at] != ',' && table[at] != '\n' && table[at] != '\r')
                cell.text += table[at++];
            cell.end = at;
            row.cells.push_back(cell);
            if (at >= table.size() || table[at] != ',') break;
            ++at;
        }
        row.end = at;
        if (at < table.size() && table[at] == '\r') ++at;
        if (at < table.size() && table[at] == '\n') ++at;
        rows.push_back(row);
    }
    return rows;
}

// The words of a name; bytes that are not ASCII are parts of words.
std::vector<std::string> words_of(const std::string &text) {
    std::vector<std::string> words(1);
    for (const char c : lower(text))
        if (std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80)) words.back() += c;
        else if (!words.back().empty()) words.emplace_back();
    if (words.back().empty()) words.pop_back();
    return words;
}

// Whether a name is another one: in another order, or squeezed as Canvas does it for the names of files.
bool is_name(const std::string &text, const std::string &key) {
    std::vector<std::string> words = words_of(text), wanted = words_of(key);
    std::string squeezed;
    for (const std::string &word : words) squeezed += word;
    std::sort(words.begin(), words.end());
    std::sort(wanted.begin(), wanted.end());
    return !words.empty() && (words == wanted || squeezed == key);
}

// Whether a column says who somebody is, by its heading: "Student", "SIS Login ID", "Email address".
bool names_somebody(const std::string &heading) {
    for (const char *word : {"student", "name", "id", "login", "user", "mail"})
        if (lower(heading).find(word) != heading.npos) return true;
    return false;
}

bool is_row_of(const Row &row, const std::vector<Cell> &heading, const std::string &key) {
    const std::size_t equals = key.find('=');
    std::string whole; // "First name" and "Last name" together
    for (std::size_t i = 0; i < row.cells.size() && i < heading.size(); ++i) {
        const std::string &text = row.cells[i].text, &column = heading[i].text;
        if (equals != key.npos) {
            if (column == key.substr(0, equals) && text == key.substr(equals + 1)) return true;
            continue;
        }
        if (!names_somebody(column)) continue;
        if (const std::string name = lower(column);
            name.find("name") != name.npos && name.find("user") == name.npos)
            whole += text + " ";
        const bool begins = text.compare(0, key.size(), key) == 0;
        if (begins && (text.size() == key.size() || text[key.size()] == '@')) return true;
        if (is_name(text, key)) return true;
    }
    return is_name(whole, key);
}

// The rows of a student: one, by the first key that is in one row only; else none, or several.
std::vector<std::size_t> rows_of(const std::vector<Row> &rows, const Grading &grading) {
    const std::vector<std::string> student = {grading.student};
    std::vector<std::size_t> last;
    for (const std::string &key : grading.keys.empty() ? student : grading.keys) {
        std::vector<std::size_t> found;
        for (std::size_t i = 1; i < rows.size(); ++i)
            if (is_row_of(rows[i], rows[0].cells, key)) found.push_back(i);
        if (found.size() == 1) return found;
        if (!found.empty()) last = found;
    }
    return last;
}

// Whether a heading is that of the column: "Lab", or as Canvas or Moodle writes it: "Lab (5512)",
// "Assignment: Lab (Real)".
bool is_heading_of(std::string heading, const std::string &column) {
    if (const auto at = heading.rfind(" ("); at != heading.npos && heading.back() == ')')
        heading.erase(at);
    if (heading == column) return true;
    const auto colon = heading.find(':');
    if (colon == heading.npos) return false;
    const auto name = heading.find_first_not_of(' ', colon + 1);
    return name != heading.npos && heading.substr(name) == column;
}

// The place of the column; one behind the others: it has to be added.
std::size_t place_of(const std::vector<Cell> &heading, const std::string &column) {
    std::vector<std::size_t> like;
    for (std::size_t i = 0; i < heading.size(); ++i) {
        if (heading[i].text == column) return i;
        if (is_heading_of(heading[i].text, column)) like.push_back(i);
    }
    if (like.size() > 1)
        throw std::runtime_error("several columns are named " + column + ": \"" +
                                 heading[like[0]].text + "\" and \"" + heading[like[1]].text +
                                 "\"");
    return like.empty() ? heading.size() : like[0];
}

} // namespace

std::string fill_roster(std::string_view roster, const std::string &column,
                        const std::vector<Grading> &gradings, std::vector<std::string> &notes) {
    const std::vector<Row> rows = rows_of(roster);
    if (rows.empty()) throw std::runtime_error("the roster is empty");
    const std::vector<Cell> &heading = rows.front().cells;
    if (heading.size() == 1 && heading[0].text.find(';') != std::string::npos)
        throw std::runtime_error(
            "the roster has semicolons between its cells: export it with commas");
    const std::size_t place = place_of(heading, column);
    const bool added = place == heading.size();
    std::set<std::size_t> seen;
    std::vector<std::optional<std::string>> values(rows.size()); // none: the row stays as it is
    for (const Grading &grading : gradings) {
        const std::vector<std::size_t> own = rows_of(rows, grading);
        for (const std::size_t row : own) seen.insert(row);
        const bool taken = own.size() == 1 && values[own[0]];
        if (own.size() == 1) values[own[0]] = taken ? "" : points(grading);
        if (own.size() == 1 && !taken) continue;
        notes.push_back(grading.student + (own.empty() ? ": in no row of the roster"
                                           : taken ? ": in the same row of the roster as another"
                                                   : ": in several rows of the roster"));
    }
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const std::vector<Cell> &cells = rows[i].cells;
        std::string who;
        for (std::size_t k = 0; k < std::min(cells.size(), heading.size()) && who.empty(); ++k)
            if (names_somebody(heading[k].text)) who = cells[k].text;
        if (who.find("Points Possible") != who.npos && !gradings.empty()) {
            const std::string worth = decimal(gradings.front().worth());
            const std::string there = cells.size() > place ? cells[place].text : "";
            if (there.empty()) values[i] = worth;
            else if (std::strtod(there.c_str(), nullptr) != std::strtod(worth.c_str(), nullptr))
                notes.push_back("the column of the roster is worth " + there +
                                " points, and the grading " + worth);
        } else if (!seen.count(i) && !who.empty() && who != "Student, Test")
            notes.push_back(who + ": no submission");
    }
    std::string text;
    std::size_t copied = 0;
    const auto insert = [&](std::size_t begin, std::size_t end, const std::string &value) {
        text += roster.substr(copied, begin - copied);
        text += value;
        copied = end;
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Row &row = rows[i];
        const bool blank = row.cells.size() == 1 && row.cells[0].begin == row.cells[0].end;
        if (blank) continue;
        if (row.cells.size() > place) {
            if (values[i]) insert(row.cells[place].begin, row.cells[place].end, *values[i]);
        } else if (added || values[i]) {
            const std::string commas(place + 1 - row.cells.size(), ','); // a row may be short
            insert(row.end, row.end, commas + (i == 0 ? csv_cell(column) : values[i].value_or("")));
        }
    }
    return text + std::string(roster.substr(copied));
}

} // namespace grade
