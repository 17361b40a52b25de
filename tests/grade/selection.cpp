// Which checks are run: all that there are, and those that are asked for.
#include "grader.h"

#include "../support/process.h"
#include "../support/programs.h"
#include "place.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace grade {

std::vector<Check> all_checks() {
    test::Process list({"/usr/bin/env", "ZEN_GRADE_LIST=1", checks_program()});
    const auto status = list.wait_exit();
    if (!status || *status != 0)
        throw std::runtime_error("the checks cannot be listed: " + list.description());
    std::vector<Check> all;
    std::istringstream lines(list.standard_output());
    for (std::string line; std::getline(lines, line);) all.push_back(from_line(line));
    return all;
}

std::vector<Result> plan(const Settings &settings) {
    const std::vector<Check> checks = all_checks();
    std::set<std::string> wanted;
    for (const std::string &name : settings.names) {
        const std::size_t before = wanted.size();
        for (const Check &check : checks)
            if (check.exercise == name || check.program == name || check.name == name)
                wanted.insert(check.name);
        if (wanted.size() == before)
            throw std::runtime_error("no exercise, program or check is named " + name);
    }
    for (bool grown = !wanted.empty(); grown;) { // those that are needed as well
        grown = false;
        for (const Check &check : checks)
            if (wanted.count(check.name))
                for (const std::string &need : check.needs) grown |= wanted.insert(need).second;
    }
    std::vector<Result> results;
    std::set<std::string> names;
    for (const Check &check : checks) {
        if (!names.insert(check.name).second)
            throw std::runtime_error("two checks are named " + check.name);
        if (settings.names.empty() || wanted.count(check.name))
            results.push_back({check, {}, {}, 0});
    }
    for (const Result &result : results)
        for (const std::string &need : result.check.needs)
            if (!names.count(need))
                throw std::runtime_error(result.check.name +
                                         " needs a check that is not there: " + need);
    if (!settings.handout.empty()) {
        std::ifstream given(settings.handout + "/tests/handout/given");
        if (!given) throw std::runtime_error(settings.handout + " is no finished handout");
        for (std::string name; std::getline(given, name);)
            for (Result &result : results)
                if (result.check.name == name) std::swap(result.check.points, result.check.given);
    }
    // In the order of the ladder, not of the files.
    const auto rank = [all = test::graded_programs()](const Result &result) {
        return std::find_if(all.begin(), all.end(),
                            [&](const test::Program &program) {
                                return program.name == result.check.program;
                            }) -
               all.begin();
    };
    std::stable_sort(results.begin(), results.end(),
                     [&](const Result &a, const Result &b) { return rank(a) < rank(b); });
    if (results.empty()) throw std::runtime_error("no check is planned");
    return results;
}

} // namespace grade
