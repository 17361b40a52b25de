#include "results.h"

#include "../support/json.h"

#include <algorithm>
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

std::string checks(int count) {
    return std::to_string(count) + (count == 1 ? " check" : " checks");
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
    case Status::not_written: return "not written yet";
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

int Grading::given(std::string_view exercise) const {
    int sum = 0;
    for (const Result &result : results)
        if (exercise.empty() || result.check.exercise == exercise) sum += result.check.given;
    return sum;
}

double Grading::factor(const std::string &exercise) const {
    const int points = possible(exercise);
    if (points == 0) return 0;
    // What the exercise, and what all of them are worth by the weights alone.
    double share = points, sum = possible();
    if (!scale.weights.empty()) {
        const auto weight = [this](const std::string &name) {
            const auto found = scale.weights.find(name);
            return found == scale.weights.end() ? 1 : found->second;
        };
        share = weight(exercise);
        sum = 0;
        for (const std::string &one : exercises()) sum += weight(one);
    }
    if (sum == 0) return 0;
    return share / points * (scale.full > 0 ? scale.full : sum) / sum;
}

double Grading::value(const std::string &exercise) const {
    double sum = 0;
    for (const std::string &one : exercises())
        if (exercise.empty() || exercise == one) sum += earned(one) * factor(one);
    return sum;
}

double Grading::worth(const std::string &exercise) const {
    double sum = 0;
    for (const std::string &one : exercises())
        if (exercise.empty() || exercise == one) sum += possible(one) * factor(one);
    return sum;
}

std::string decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", value);
    std::string all = text;
    while (all.back() == '0') all.pop_back();
    if (all.back() == '.') all.pop_back();
    return all;
}

std::string text_report(const Grading &grading, bool colour, bool hidden) {
    const std::string red = colour ? "\x1b[31m" : "", green = colour ? "\x1b[32m" : "",
                      bold = colour ? "\x1b[1m" : "", plain = colour ? "\x1b[0m" : "";
    std::string details, table;
    for (const std::string &remark : grading.remarks) details += remark + "\n";
    if (!details.empty()) details += "\n";
    const auto row = [&](const std::string &name, int earned, int possible,
                         const std::string &rest) {
        char line[160];
        std::snprintf(line, sizeof line, "%-10s %4d of %4d", name.c_str(), earned, possible);
        table += (earned == possible ? green : red) + line + plain + rest + "\n";
    };
    for (const std::string &exercise : grading.exercises()) {
        int lost_checks = 0, hidden_checks = 0, hidden_points = 0, unwritten_checks = 0;
        std::string lost;
        std::map<std::string, std::pair<int, int>> unwritten; // checks and points, by what is
        for (const Result &result : grading.results) {
            if (result.check.exercise != exercise) continue;
            if (result.check.hidden && !hidden) {
                ++hidden_checks;
                hidden_points += result.check.points;
                continue;
            }
            if (result.status == Status::passed) continue;
            if (result.status == Status::not_written) {
                auto &[checks, worth] = unwritten[result.report];
                ++checks, ++unwritten_checks;
                worth += result.check.points;
                continue;
            }
            const bool noted = grading.notes.count(exercise) > 0 &&
                               result.status == Status::not_checked && result.report.empty();
            if (result.status != Status::undetermined) ++lost_checks;
            if (noted) continue; // said once for the exercise
            lost += (result.status == Status::undetermined ? "  undetermined: "
                     : result.check.given > 0
                         ? red + "  was given, and is lost: " + plain
                         : red + "  " + points(result.check.points) + " lost: " + plain) +
                    bold + result.check.name + plain;
            if (result.report.find('\n') == std::string::npos)
                lost += result.report.empty()
                            ? " (" + verdict(result) + ")\n"
                            : "\n      " + verdict(result) + ": " + result.report + "\n";
            else lost += "\n" + indented(result.report, "      ");
        }
        for (const auto &[what, number] : unwritten)
            lost += "  not written yet: " + bold + what + plain + " (" + checks(number.first) +
                    " of " + points(number.second) + ")\n";
        const int given = grading.given(exercise);
        std::string rest = given > 0 || unwritten_checks > 0 ? " to be earned" : "";
        if (unwritten_checks > 0) rest += "   " + checks(unwritten_checks) + " not written yet";
        if (lost_checks > 0) rest += "   " + checks(lost_checks) + " lost";
        if (given > 0) rest += "   " + points(given) + " were given";
        if (hidden_checks > 0)
            rest += "   " + std::to_string(hidden_checks) + " hidden, of " + points(hidden_points);
        row(exercise, grading.earned(exercise), grading.possible(exercise), rest);
        if (const auto note = grading.notes.find(exercise); note != grading.notes.end())
            lost = indented(note->second, "  ") + lost;
        if (!lost.empty()) details += bold + exercise + plain + "\n" + lost + "\n";
    }
    row("total", grading.earned(), grading.possible(), grading.complete ? "" : "   broken off");
    if (grading.scale.full > 0 || !grading.scale.weights.empty())
        table +=
            "by the scale " + decimal(grading.value()) + " of " + decimal(grading.worth()) + "\n";
    return details + table;
}

std::string gradescope(const Grading &grading) {
    std::string text = "{\n  \"execution_time\": " + number(grading.seconds) + ",\n  \"output\": ";
    std::string summary =
        grading.complete ? "Each check says what it tried and how to see it by hand."
                         : "The grading has not come to its end: what was not run earns nothing.";
    const bool secret = std::any_of(grading.results.begin(), grading.results.end(),
                                    [](const Result &result) { return result.check.hidden; });
    for (const std::string &exercise : secret ? std::vector<std::string>() : grading.exercises())
        summary += "\n" + exercise + ": " + decimal(grading.value(exercise)) + " of " +
                   decimal(grading.worth(exercise));
    std::string notes, sources, remarks;
    const auto add = [](std::string &list, const std::string &item) {
        list += (list.empty() ? "" : ", ") + item;
    };
    for (const auto &[exercise, note] : grading.notes) {
        summary += "\n" + note;
        add(notes, json(exercise) + ": " + json(note));
    }
    for (const std::string &remark : grading.remarks) {
        summary += "\n" + remark;
        add(remarks, json(remark));
    }
    for (const auto &[exercise, source] : grading.sources)
        add(sources, json(exercise) + ": " + json(source));
    text += json(summary) + ",\n  \"score\": " + decimal(grading.value()) +
            ",\n  \"extra_data\": {\"complete\": " + (grading.complete ? "true" : "false") +
            ", \"sources\": {" + sources + "}, \"notes\": {" + notes + "}, \"remarks\": [" +
            remarks + "]},\n" +
            "  \"output_format\": \"text\",\n  \"test_output_format\": \"text\",\n"
            "  \"stdout_visibility\": \"hidden\",\n  \"tests\": [";
    std::map<std::string, int> numbers;
    const std::vector<std::string> exercises = grading.exercises();
    std::map<std::string, double> factors; // once for each: a grading is written again and again
    for (const std::string &exercise : exercises) factors[exercise] = grading.factor(exercise);
    for (const Result &result : grading.results) {
        const auto exercise = std::find(exercises.begin(), exercises.end(), result.check.exercise) -
                              exercises.begin();
        const bool good = result.good();
        text += text.back() == '[' ? "\n" : ",\n";
        const double factor = factors[result.check.exercise];
        text += "    {\"score\": " + decimal(result.earned() * factor) +
                ", \"max_score\": " + decimal(result.check.points * factor) +
                ", \"status\": " + (good ? "\"passed\"" : "\"failed\"") +
                ", \"name\": " + json(result.check.name) + ", \"number\": \"" +
                std::to_string(exercise + 1) + "." +
                std::to_string(++numbers[result.check.exercise]) +
                "\", \"output\": " + json(with_report(result)) + ", \"output_format\": \"text\"" +
                ", \"tags\": [" + json(result.check.exercise) + "], \"visibility\": \"" +
                (result.check.hidden ? "hidden" : "visible") +
                "\", \"extra_data\": {\"points\": " + std::to_string(result.check.points) +
                ", \"verdict\": " + json(verdict(result)) + "}}";
    }
    return text + "\n  ]\n}\n";
}

bool take_results(Grading &grading, const std::string &results_json) try {
    const test::Json json = test::Json::parse(results_json);
    const test::Json &about = json["extra_data"];
    if (!about["complete"].truth) return false;
    for (const auto &[exercise, source] : grading.sources)
        if (about["sources"][exercise].string != source) return false;
    std::map<std::string, const test::Json *> tests;
    for (const test::Json &one : json["tests"].items) tests[one["name"].string] = &one;
    Grading taken = grading;
    for (Result &result : taken.results) {
        const test::Json &one = *tests.at(result.check.name);
        if (one["extra_data"]["points"].value != result.check.points) return false;
        const std::string said = one["extra_data"]["verdict"].string;
        while (verdict(result) != said)
            if (result.status == Status::undetermined) return false;
            else result.status = static_cast<Status>(static_cast<int>(result.status) + 1);
        const std::string &output = one["output"].string; // see with_report()
        if (output.size() > said.size() + 2) result.report = output.substr(said.size() + 2);
    }
    for (const auto &[exercise, note] : about["notes"].members) taken.notes[exercise] = note.string;
    taken.remarks.clear();
    for (const test::Json &remark : about["remarks"].items) taken.remarks.push_back(remark.string);
    taken.seconds = json["execution_time"].value;
    taken.complete = true;
    grading = taken;
    return true;
} catch (const std::exception &) {
    return false;
}

std::string classroom50(const Grading &grading) {
    std::string text = "{\n  \"schema\": \"classroom50/result/v1\",\n  \"score\": " +
                       std::to_string(grading.earned()) +
                       ",\n  \"max-score\": " + std::to_string(grading.possible()) +
                       ",\n  \"tests\": [";
    for (const Result &result : grading.results) {
        const bool good = result.good();
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
                decimal(grading.value(exercise));
    return text + "}}";
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
