#include "tables.h"

#include <regex>
#include <sstream>

namespace lab {

namespace {

std::vector<std::string> cells(const std::string &line) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, '|');) {
        const std::size_t begin = cell.find_first_not_of(' ');
        cells.push_back(
            begin == cell.npos ? "" : cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
    }
    return cells;
}

// The programs that a cell names: "all", "servers", or each in ` and `.
std::set<std::string> programs_in(const std::string &cell, const Kit &kit) {
    static const std::regex name("`(\\w+)`");
    std::set<std::string> programs;
    for (const auto &[program, path] : kit.programs())
        if (cell == "all" || (cell == "servers" && kit.is_server(program)))
            programs.insert(program);
    for (std::sregex_iterator match(cell.begin(), cell.end(), name), end; match != end; ++match)
        programs.insert((*match)[1]);
    return programs;
}

// The servers that print a line of the table: those that the other cell begins with, "`abs`, `ads`:
// ...", those of TCP or UDP, or all that speak the Zen protocol.
std::set<std::string> printers(const std::string &line, const std::string &when, const Kit &kit) {
    static const std::regex names("((`\\w+`(, )?)+):.*");
    std::smatch match;
    if (std::regex_match(when, match, names)) return programs_in(match[1], kit);
    std::set<std::string> programs;
    for (const auto &[program, path] : kit.programs()) {
        const std::string kind = kit.kind(program);
        const bool wanted = begins_with(when, "TCP: ") || begins_with(line, "TCP ") ? kind == "TCP"
                            : begins_with(line, "UDP ")                             ? kind == "UDP"
                                                        : kind != "framing" && kind != "own";
        if (kit.is_server(program) && wanted) programs.insert(program);
    }
    return programs;
}

} // namespace

std::string check_options(const Document &document, const Kit &kit) {
    std::string errors;
    std::set<std::string> listed; // "zens -t"
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        const std::vector<std::string> row = cells(document.lines[i]);
        if (document.in_block[i] || row.size() < 5 || !begins_with(row[1], "`-")) continue;
        const std::string option = row[1].substr(1, 2);
        const std::string value = std::regex_replace(row[4], std::regex("`"), "");
        for (const std::string &program : programs_in(row[2], kit)) {
            listed.insert(program + " " + option);
            const auto &options = kit.options(program);
            const auto help = options.find(option);
            if (help == options.end())
                errors +=
                    document.at(static_cast<int>(i) + 1) + program + " has no " + option + "\n";
            else if (value != "off" && !value.empty() &&
                     help->second.find("(" + value + ")") == std::string::npos)
                errors += document.at(static_cast<int>(i) + 1) + "-h of " + program +
                          " tells no default of " + value + " for " + option + "\n";
        }
    }
    for (const auto &[program, path] : kit.programs())
        for (const auto &[option, help] : kit.options(program))
            if (!listed.count(program + " " + option))
                errors +=
                    document.name + ": no table lists " + program + " with its " + option + "\n";
    return errors;
}

std::string check_log_lines(const Document &document, const Kit &kit, const Names &names) {
    std::string errors;
    bool inside = false;
    int count = 0;
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        const std::string &line = document.lines[i];
        if (begins_with(line, "| line | when |")) inside = true;
        else if (!begins_with(line, "|")) inside = false;
        if (!inside || !begins_with(line, "| `")) continue;
        ++count;
        const std::string text = line.substr(3, line.find('`', 3) - 3);
        for (const std::string &program : printers(text, cells(line)[2], kit))
            if (!names.known_log_line(text, program))
                errors += document.at(static_cast<int>(i) + 1) + program +
                          " does not print: " + text + "\n";
    }
    if (count == 0) errors += document.name + ": no table \"| line | when |\"\n";
    return errors;
}

} // namespace lab
