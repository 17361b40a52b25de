#include "plan.h"

#include <sstream>
#include <stdexcept>

namespace grade {

std::string to_line(const Check &check) {
    std::string line = check.name + "\t" + check.exercise + "\t" + check.program + "\t" +
                       check.target + "\t" + std::to_string(check.points) + "\t" +
                       (check.hidden ? "hidden" : "visible") + "\t" +
                       (check.mechanism ? "mechanism" : "behaviour");
    for (const std::string &need : check.needs) line += "\t" + need;
    return line;
}

Check from_line(const std::string &line) {
    std::istringstream fields(line);
    Check check;
    std::string points, visibility, kind;
    for (std::string *field :
         {&check.name, &check.exercise, &check.program, &check.target, &points, &visibility, &kind})
        if (!std::getline(fields, *field, '\t')) throw std::runtime_error("no check: " + line);
    check.points = std::stoi(points);
    check.hidden = visibility == "hidden";
    check.mechanism = kind == "mechanism";
    for (std::string need; std::getline(fields, need, '\t');) check.needs.push_back(need);
    return check;
}

} // namespace grade
