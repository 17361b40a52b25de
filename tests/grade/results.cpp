#include "results.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

namespace grade {

namespace {

std::string json(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
        if (c == '"' || c == '\\') quoted += '\\', quoted += c;
        else if (c == '\n') quoted += "\\n";
        else if (c < ' ' || c > '~') quoted += escaped; // a report is ASCII but for names
        else quoted += c;
    }
    return quoted + '"';
}

std::string xml(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '&') escaped += "&amp;";
        else if (c == '<') escaped += "&lt;";
        else if (c == '>') escaped += "&gt;";
        else if (c == '"') escaped += "&quot;";
        else if (c == '\n') escaped += "&#10;";
        else if (c < ' ' || c > '~') escaped += '?'; // XML cannot carry most control characters
        else escaped += c;
    }
    return escaped;
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    return text;
}

std::string points(int count) {
    return std::to_string(count) + (count == 1 ? " point" : " points");
}

std::string indented(const std::string &text, const std::string &by) {
    std::istringstream lines(text);
    std::string all;
    for (std::string line; std::getline(lines, line);) all += by + line + "\n";
    return all;
}

// What became of a check, in a few words before its report.
std::string verdict(const Result &result) {
    switch (result.status) {
    case Status::planned: return "not run: the grading was broken off";
    case Status::passed: return "passed";
    case Status::failed: return "failed";
    case Status::not_checked: return "not checked";
    case Status::undetermined: return "undetermined, which costs nothing";
    }
    return "";
}

std::string with_report(const Result &result) {
    const std::string text = verdict(result);
    if (result.report.empty()) return text;
    return text + (result.report.find('\n') == std::string::npos ? ": " : ":\n") + result.report;
}

} // namespace

std::vector<std::string> Grading::exercises() const {
    std::vector<std::string> all;
    for (const Result &result : results)
        if (std::find(all.begin(), all.end(), result.check.exercise) == all.end())
            all.push_back(result.check.exercise);
    return all;
}

int Grading::earned(std::string_view exercise) const {
    int sum = 0;
    for (const Result &result : results)
        if (exercise.empty() || result.check.exercise == exercise) sum += result.earned();
    return sum;
}

int Grading::possible(std::string_view exercise) const {
    int sum = 0;
    for (const Result &result : results)
        if (exercise.empty() || result.check.exercise == exercise) sum += result.check.points;
    return sum;
}

std::string text_report(const Grading &grading, bool colour, bool hidden) {
    const std::string red = colour ? "\x1b[31m" : "", green = colour ? "\x1b[32m" : "",
                      bold = colour ? "\x1b[1m" : "", plain = colour ? "\x1b[0m" : "";
    std::string details, table;
    const auto row = [&](const std::string &name, int earned, int possible,
                         const std::string &rest) {
        char line[160];
        std::snprintf(line, sizeof line, "%-10s %4d of %4d", name.c_str(), earned, possible);
        table += (earned == possible ? green : red) + line + plain + rest + "\n";
    };
    for (const std::string &exercise : grading.exercises()) {
        int lost_checks = 0, hidden_checks = 0, hidden_points = 0;
        std::string lost;
        for (const Result &result : grading.results) {
            if (result.check.exercise != exercise) continue;
            if (result.check.hidden && !hidden) {
                ++hidden_checks;
                hidden_points += result.check.points;
                continue;
            }
            if (result.status == Status::passed) continue;
            const bool noted = grading.notes.count(exercise) > 0 &&
                               result.status == Status::not_checked && result.report.empty();
            if (result.status != Status::undetermined) ++lost_checks;
            if (noted) continue; // said once for the exercise
            lost += (result.status == Status::undetermined
                         ? "  undetermined: "
                         : red + "  " + points(result.check.points) + " lost: " + plain) +
                    bold + result.check.name + plain;
            if (result.report.find('\n') == std::string::npos)
                lost += result.report.empty()
                            ? " (" + verdict(result) + ")\n"
                            : "\n      " + verdict(result) + ": " + result.report + "\n";
            else lost += "\n" + indented(result.report, "      ");
        }
        std::string rest = lost_checks > 0 ? "   " + std::to_string(lost_checks) +
                                                 (lost_checks == 1 ? " check lost" : " checks lost")
                                           : "";
        if (hidden_checks > 0)
            rest += "   " + std::to_string(hidden_checks) + " hidden, of " + points(hidden_points);
        row(exercise, grading.earned(exercise), grading.possible(exercise), rest);
        if (const auto note = grading.notes.find(exercise); note != grading.notes.end())
            lost = indented(note->second, "  ") + lost;
        if (!lost.empty()) details += bold + exercise + plain + "\n" + lost + "\n";
    }
    row("total", grading.earned(), grading.possible(), grading.complete ? "" : "   broken off");
    return (details.empty() ? "" : details) + table;
}

std::string gradescope(const Grading &grading) {
    std::string text = "{\n  \"execution_time\": " + number(grading.seconds) + ",\n  \"output\": ";
    std::string summary =
        grading.complete ? "Each check says what it tried and how to see it by hand."
                         : "The grading has not come to its end: what was not run earns nothing.";
    for (const auto &[exercise, note] : grading.notes) summary += "\n" + note;
    text += json(summary) +
            ",\n  \"output_format\": \"text\",\n  \"test_output_format\": \"text\",\n"
            "  \"stdout_visibility\": \"hidden\",\n  \"tests\": [";
    std::map<std::string, int> numbers;
    const std::vector<std::string> exercises = grading.exercises();
    for (const Result &result : grading.results) {
        const auto exercise = std::find(exercises.begin(), exercises.end(), result.check.exercise) -
                              exercises.begin();
        const bool good = result.earned() == result.check.points;
        text += text.back() == '[' ? "\n" : ",\n";
        text += "    {\"score\": " + std::to_string(result.earned()) +
                ", \"max_score\": " + std::to_string(result.check.points) +
                ", \"status\": " + (good ? "\"passed\"" : "\"failed\"") +
                ", \"name\": " + json(result.check.name) + ", \"number\": \"" +
                std::to_string(exercise + 1) + "." +
                std::to_string(++numbers[result.check.exercise]) +
                "\", \"output\": " + json(with_report(result)) + ", \"output_format\": \"text\"" +
                ", \"tags\": [" + json(result.check.exercise) + "], \"visibility\": \"" +
                (result.check.hidden ? "hidden" : "visible") + "\"}";
    }
    return text + "\n  ]\n}\n";
}

std::string classroom50(const Grading &grading) {
    std::string text = "{\n  \"schema\": \"classroom50/result/v1\",\n  \"score\": " +
                       std::to_string(grading.earned()) +
                       ",\n  \"max-score\": " + std::to_string(grading.possible()) +
                       ",\n  \"tests\": [";
    for (const Result &result : grading.results) {
        const bool good = result.earned() == result.check.points;
        text += text.back() == '[' ? "\n" : ",\n";
        text += "    {\"test-name\": " + json(result.check.name) +
                ", \"passed\": " + (good ? "true" : "false") +
                ", \"score\": " + std::to_string(result.earned()) +
                ", \"max-score\": " + std::to_string(result.check.points) +
                ", \"exercise\": " + json(result.check.exercise) +
                ", \"output\": " + json(result.check.hidden ? "hidden" : with_report(result)) + "}";
    }
    return text + "\n  ]\n}\n";
}

std::string junit(const Grading &grading) {
    std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
    for (const std::string &exercise : grading.exercises()) {
        int tests = 0, failures = 0, skipped = 0;
        double seconds = 0;
        std::string cases;
        for (const Result &result : grading.results) {
            if (result.check.exercise != exercise) continue;
            ++tests;
            seconds += result.seconds;
            cases += "    <testcase classname=\"" + xml(exercise) + "\" name=\"" +
                     xml(result.check.name) + "\" time=\"" + number(result.seconds) + "\"";
            const bool hidden = result.check.hidden;
            const auto note = grading.notes.find(exercise);
            std::string report = with_report(result);
            if (result.report.empty() && note != grading.notes.end()) report += "\n" + note->second;
            const std::string message =
                hidden ? "hidden" : xml(report.substr(0, report.find('\n')));
            if (result.status == Status::passed) cases += "/>\n";
            else if (result.status == Status::undetermined) {
                ++skipped;
                cases += "><skipped message=\"" + message + "\"/></testcase>\n";
            } else {
                ++failures;
                cases += "><failure message=\"" + message + "\">" +
                         (hidden ? "hidden" : xml(report)) + "</failure></testcase>\n";
            }
        }
        text += "  <testsuite name=\"" + xml(exercise) + "\" tests=\"" + std::to_string(tests) +
                "\" failures=\"" + std::to_string(failures) + "\" errors=\"0\" skipped=\"" +
                std::to_string(skipped) + "\" time=\"" + number(seconds) + "\">\n" + cases +
                "  </testsuite>\n";
    }
    return text + "</testsuites>\n";
}

std::string autolab(const Grading &grading) {
    std::string text = "{\"scores\": {";
    for (const std::string &exercise : grading.exercises())
        text += (text.back() == '{' ? "" : ", ") + json(exercise) + ": " +
                std::to_string(grading.earned(exercise));
    return text + "}}";
}

// ---- Tables with commas

static std::string csv_cell(const std::string &text) {
    if (text.find_first_of(",\"\r\n") == text.npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
    return quoted + '"';
}

std::string csv(const std::vector<Grading> &gradings) {
    std::string text = "student";
    if (gradings.empty()) return text + ",total\n";
    const std::vector<std::string> exercises = gradings.front().exercises();
    for (const std::string &exercise : exercises) text += "," + exercise;
    text += ",total\n";
    for (const Grading &grading : gradings) {
        text += csv_cell(grading.student);
        for (const std::string &exercise : exercises)
            text += "," + std::to_string(grading.earned(exercise));
        text += "," + std::to_string(grading.earned()) + "\n";
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
    std::vector<std::string> values(rows.size());
    values.front() = column;
    for (const Grading &grading : gradings) {
        std::vector<std::size_t> found;
        for (std::size_t i = 1; i < rows.size(); ++i)
            if (is_row_of(rows[i], heading, grading.student)) found.push_back(i);
        if (found.size() == 1) values[found[0]] = std::to_string(grading.earned());
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
            if (i > 0 && !values[i].empty())
                insert(row.cells[place].begin, row.cells[place].end, values[i]);
        } else if (added || !values[i].empty()) {
            const std::string commas(place + 1 - row.cells.size(), ','); // a row may be short
            insert(row.end, row.end, commas + csv_cell(values[i]));
        }
    }
    return text + std::string(roster.substr(copied));
}

void write(const std::string &path, const std::string &content) {
    const std::string fresh = path + ".new-" + std::to_string(getpid());
    std::ofstream file(fresh, std::ios::binary);
    file << content << std::flush;
    if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        std::remove(fresh.c_str());
        throw std::runtime_error("cannot write " + path + ": " + strerror(reason));
    }
}

} // namespace grade
