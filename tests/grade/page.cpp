#include "page.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>

namespace grade {

namespace {

std::string html(const std::string &text) {
    std::string all;
    for (const char c : text) {
        if (c == '&') all += "&amp;";
        else if (c == '<') all += "&lt;";
        else if (c == '>') all += "&gt;";
        else if (c == '"') all += "&quot;";
        else if (static_cast<unsigned char>(c) >= ' ' || c == '\n') all += c;
        else all += '?';
    }
    return all;
}

// A directory's name as a part of a link.
std::string link(const std::string &name) {
    std::string all;
    for (const char c : name) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') all += c;
        else all += escaped;
    }
    return all;
}

std::string cell(const std::string &content) { return "<td>" + content + "</td>"; }
std::string heading(const std::string &content) { return "<th>" + content + "</th>"; }

// A bar, as long as the share.
std::string bar(double part, double of) {
    return "<td class=bar><div style=\"width:" + decimal(of > 0 ? 100 * part / of : 0) +
           "%\"></div></td>";
}

std::string list(const std::string &title, const std::vector<std::string> &lines) {
    std::string all;
    for (const std::string &line : lines) all += "<li>" + html(line) + "\n";
    return all.empty() ? all : "<h2>" + title + "</h2>\n<ul>\n" + all + "</ul>\n";
}

std::string page(const std::string &title, const std::string &content) {
    return "<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><title>" + html(title) +
           "</title>\n<style>\n"
           "body { font-family: sans-serif; margin: 2em; max-width: 70em; }\n"
           "td, th { padding: .1em .6em; text-align: right; border-bottom: 1px solid #ddd; }\n"
           "td:first-child, th:first-child { text-align: left; }\n"
           ".bar { width: 16em; } .bar div { background: #c33; height: .8em; }\n"
           "pre { background: #f4f4f4; padding: .6em; overflow-x: auto; }\n"
           "summary { cursor: pointer; }\n"
           "</style>\n<h1>" +
           html(title) + "</h1>\n" + content + "</html>\n";
}

std::string table(const std::string &rows) { return "<table>\n" + rows + "</table>\n"; }

// A row of the table of a class: the name, the points by exercise, the total and a note.
template <typename Value> std::string points_row(const std::string &name, const Grading &grading,
                                                 Value value, const std::string &note) {
    std::string row = "<tr>" + cell(name);
    for (const std::string &exercise : grading.exercises()) row += cell(value(exercise));
    return row + cell(value("")) + cell(html(note)) + "\n";
}

std::string students_table(const Class &all) {
    const Grading &first = all.gradings.front();
    std::string rows = "<tr>" + heading("student");
    for (const std::string &exercise : first.exercises()) rows += heading(exercise);
    rows += heading("total") + heading("") + "\n";
    const auto worth = [&](const std::string &one) { return decimal(first.worth(one)); };
    rows += points_row("Points Possible", first, worth, "");
    for (const Grading &grading : all.gradings)
        rows += points_row(
            grading.complete ? "<a href=\"students/" + link(grading.student) + "/report.html\">" +
                                   html(grading.student) + "</a>"
                             : html(grading.student),
            grading,
            [&](const std::string &one) {
                return grading.complete ? decimal(grading.value(one)) : "";
            },
            grading.note);
    return table(rows);
}

// How many lost each check, those first that most have lost.
std::string picture(const Class &all) {
    struct Lost {
        std::string check;
        std::vector<std::string> students;
    };
    std::vector<Lost> lost;
    std::size_t graded = 0;
    for (const Result &result : all.gradings.front().results)
        lost.push_back({result.check.name, {}});
    for (const Grading &grading : all.gradings) {
        if (!grading.complete) continue;
        ++graded;
        for (std::size_t i = 0; i < lost.size(); ++i)
            if (!grading.results[i].good()) lost[i].students.push_back(grading.student);
    }
    std::stable_sort(lost.begin(), lost.end(), [](const Lost &a, const Lost &b) {
        return a.students.size() > b.students.size();
    });
    std::string rows;
    for (const Lost &one : lost) {
        if (one.students.empty()) break;
        std::string who;
        for (const std::string &student : one.students)
            who += (who.empty() ? "" : ", ") + html(student);
        rows += "<tr>" +
                cell("<details><summary>" + html(one.check) + "</summary>" + who + "</details>") +
                cell(std::to_string(one.students.size()) + " of " + std::to_string(graded)) +
                bar(static_cast<double>(one.students.size()), static_cast<double>(graded)) + "\n";
    }
    return rows.empty() ? "" : "<h2>How many lost which check</h2>\n" + table(rows);
}

std::string pairs_table(const std::vector<Pair> &pairs) {
    std::string rows;
    for (std::size_t i = 0; i < std::min<std::size_t>(pairs.size(), 40); ++i) {
        const Pair &pair = pairs[i];
        rows += "<tr>" + cell(html(pair.program)) +
                cell(html(pair.one) + ", line " + std::to_string(pair.line)) +
                cell(html(pair.other) + ", line " + std::to_string(pair.other_line)) +
                cell(std::to_string(pair.lines) + " lines") +
                cell(std::to_string(100 * pair.same / pair.of) + "%") + "\n";
    }
    if (rows.empty()) return "";
    return "<h2>Pairs to look at</h2>\n<p>These sources have much in common when names, numbers "
           "and "
           "spaces do not count: the share of the shorter one, and the longest part. It is no "
           "verdict: there are few ways to write some things. All are in pairs.csv.</p>\n" +
           table(rows);
}

} // namespace

std::string class_page(const Class &all) {
    std::vector<std::string> remarks = all.remarks;
    for (const Grading &grading : all.gradings)
        for (const std::string &remark : grading.remarks)
            remarks.push_back(grading.student + ": " + remark);
    const auto graded = std::count_if(all.gradings.begin(), all.gradings.end(),
                                      [](const Grading &one) { return one.complete; });
    return page("Zen lab: " + std::to_string(graded) + " of " +
                    std::to_string(all.gradings.size()) + " students graded",
                students_table(all) + picture(all) + pairs_table(all.pairs) +
                    list("The roster", all.notes) + list("What was taken for what", remarks));
}

std::string student_page(const Grading &grading, bool hidden) {
    std::string rows, reports;
    for (const std::string &exercise : grading.exercises()) {
        const double lost = grading.worth(exercise) - grading.value(exercise);
        rows += "<tr>" + cell(exercise) +
                cell(decimal(grading.value(exercise)) + " of " + decimal(grading.worth(exercise))) +
                bar(lost, grading.worth(exercise)) + "\n";
    }
    rows += "<tr>" + cell("total") +
            cell(decimal(grading.value()) + " of " + decimal(grading.worth())) + "\n";
    for (const auto &[exercise, note] : grading.notes)
        reports += "<h3>" + html(exercise) + "</h3>\n<pre>" + html(note) + "</pre>\n";
    int hidden_checks = 0;
    for (const Result &result : grading.results) {
        if (result.check.hidden && !hidden) ++hidden_checks;
        else if (result.status != Status::passed && !result.report.empty())
            reports += "<details open><summary>" + html(result.check.name) + ": " +
                       (result.status == Status::undetermined ? "undetermined, which costs nothing"
                        : result.status == Status::not_written
                            ? "not written yet"
                            : std::to_string(result.check.points) +
                                  (result.check.points == 1 ? " point" : " points") + " lost") +
                       "</summary><pre>" + html(result.report) + "</pre></details>\n";
    }
    if (hidden_checks > 0)
        reports += "<p>" + std::to_string(hidden_checks) + " checks are hidden.</p>\n";
    return page((grading.student.empty() ? "Zen lab" : grading.student) +
                    (grading.complete ? "" : " (broken off)"),
                table(rows) + list("What was taken for what", grading.remarks) +
                    (reports.empty() ? "" : "<h2>What was lost, and why</h2>\n" + reports));
}

} // namespace grade
