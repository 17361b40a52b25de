// Tables with commas: that of a class, and a roster that is filled.
#include "results.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <stdexcept>

namespace grade {

static std::string csv_cell(const std::string &text) {
    if (text.find_first_of(",\"\r\n") == text.npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
    return quoted + '"';
}

// The points as they stand in a table. Before a grading is complete, its cells are blank: what it has so
// far would be taken for the result.
static std::string points(const Grading &grading, const std::string &exercise = {}) {
    return grading.complete ? std::to_string(grading.earned(exercise)) : "";
}

std::string csv(const std::vector<Grading> &gradings) {
    std::string text = "student";
    if (gradings.empty()) return text + ",total,note\n";
    const std::vector<std::string> exercises = gradings.front().exercises();
    for (const std::string &exercise : exercises) text += "," + exercise;
    text += ",total,note\n";
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

// Whether a column says who somebody is, by its heading: "Student", "SIS Login ID", "Email address".
bool names_somebody(const std::string &heading) {
    std::string lower = heading;
    for (char &c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const char *word : {"student", "name", "id", "login", "user", "mail"})
        if (lower.find(word) != lower.npos) return true;
    return false;
}

bool is_row_of(const Row &row, const std::vector<Cell> &heading, const std::string &student) {
    for (std::size_t i = 0; i < row.cells.size() && i < heading.size(); ++i) {
        const std::string &text = row.cells[i].text;
        const bool matches = text.compare(0, student.size(), student) == 0 &&
                             (text.size() == student.size() || text[student.size()] == '@');
        if (matches && names_somebody(heading[i].text)) return true;
    }
    return false;
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
    std::size_t place = heading.size(); // of the column
    for (std::size_t i = heading.size(); i-- > 0;)
        if (heading[i].text == column) place = i;
    const bool added = place == heading.size();
    std::vector<std::optional<std::string>> values(rows.size()); // none: the row stays as it is
    for (const Grading &grading : gradings) {
        std::vector<std::size_t> found;
        for (std::size_t i = 1; i < rows.size(); ++i)
            if (is_row_of(rows[i], heading, grading.student)) found.push_back(i);
        if (found.size() == 1) values[found[0]] = points(grading);
        else
            notes.push_back(grading.student + (found.empty() ? ": in no row of the roster"
                                                             : ": in several rows of the roster"));
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
