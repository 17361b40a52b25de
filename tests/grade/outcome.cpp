#include "outcome.h"

#include "../support/text.h"
#include "place.h"

#include <sstream>

namespace grade {

std::string first_lines(const std::string &text, std::size_t count) {
    std::istringstream lines(text);
    std::string all;
    for (std::string line; count-- > 0 && std::getline(lines, line);) {
        const std::string quoted = test::shown(line.substr(0, 300));
        std::string plain;
        for (std::size_t i = 1; i + 1 < quoted.size(); ++i) plain += quoted[i];
        all += "\n    | " + plain;
    }
    return all;
}

// What a skeleton has said to be not written, if that stands in a report.
static std::string said_not_written(const std::string &text) {
    const std::string words = ": not written yet: ";
    const auto at = text.find(words);
    if (at == text.npos) return "";
    const auto begin = at + words.size();
    return text.substr(begin, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ_:~0123456789",
                                                     begin) -
                                  begin);
}

Outcome outcome_of(test::Process &check, const std::string &ended_for) {
    const std::string output = check.standard_output();
    const auto at = output.rfind(report_begin), end = output.rfind(report_end);
    std::istringstream report(end == output.npos ? ""
                                                 : output.substr(at + report_begin.size(),
                                                                 end - at - report_begin.size()));
    std::string status, text;
    std::getline(report, status);
    std::getline(report, text, '\0');
    if (status == "failed" && text.empty()) text = first_lines(output.substr(0, at), 40);
    if (output.find(report_end) != end) { // a program of the same user can write there
        status.clear();
        text = "the program has written a report of its own";
    }
    if (!ended_for.empty()) return {Status::failed, text + (text.empty() ? "" : "\n") + ended_for};
    if (status == "passed") return {Status::passed, ""};
    if (const std::string what = said_not_written(text); !what.empty() && status == "failed")
        return {Status::not_written, what};
    if (status == "undetermined") return {Status::undetermined, text};
    if (status == "failed") return {Status::failed, text};
    return {Status::failed, (text.empty() ? "" : text + "; ") +
                                "the check was ended by the program: " + check.status_text() +
                                first_lines(check.standard_error(), error_lines)};
}

} // namespace grade
