#include "check.h"

#include "place.h"
#include "story.h"

#include <stdexcept>

#include <sys/resource.h>

namespace grade {

// One tag of the kind "[pts:2]": what follows its beginning; all of them.
static std::vector<std::string> tags_of(const std::string &tags, const std::string &beginning) {
    std::vector<std::string> found;
    for (auto begin = tags.find("[" + beginning); begin != tags.npos;
         begin = tags.find("[" + beginning, begin + 1)) {
        const auto value = begin + 1 + beginning.size();
        found.push_back(tags.substr(value, tags.find(']', value) - value));
    }
    return found;
}

std::vector<Check> &checks() {
    static std::vector<Check> all;
    return all;
}

// What "[needs:base]" stands for: the check without which no other one of a client makes sense.
static std::string base_of(const Program &program) {
    return test::is_framing_client(program) ? "sends its message" : "asks the three questions";
}

void add_check(const Program &program, const std::string &behaviour, const std::string &tags) {
    const std::string tag(program.tag), name(program.name);
    Check check;
    check.name = name + ": " + behaviour;
    check.exercise = tag.substr(1, tag.find(']') - 1);
    check.program = name;
    check.target = program.path;
    const std::vector<std::string> points = tags_of(tags, "pts:");
    if (points.size() != 1) throw std::logic_error(check.name + ": no tag like [pts:1]");
    check.points = std::stoi(points.front());
    check.hidden = tags.find("[hidden]") != tags.npos;
    check.mechanism = tags.find("[mechanism]") != tags.npos;
    for (const std::string &need : tags_of(tags, "needs:"))
        check.needs.push_back(name + ": " + (need == "base" ? base_of(program) : need));
    checks().push_back(check);
}

namespace {

// Puts back the limit on the descriptors of this process when it goes.
class DescriptorLimit {
  public:
    DescriptorLimit() { getrlimit(RLIMIT_NOFILE, &before_); }
    ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
    DescriptorLimit(const DescriptorLimit &) = delete;
    DescriptorLimit &operator=(const DescriptorLimit &) = delete;

  private:
    rlimit before_ = {};
};

} // namespace

void run_check(const Program &program, void (*body)(const Program &)) {
    report_of_check = {report_of_check.checks + 1, false, ""};
    begin_story(program);
    const DescriptorLimit as_it_was; // which needs_descriptors() changes
    try {
        body(program);
    } catch (const Failed &failed) {
        report_of_check.text = failed.what();
    } catch (const Undetermined &reason) {
        report_of_check.undetermined = true;
        report_of_check.text = reason.what();
    } catch (const std::exception &error) { // of the peers in tests/support: "cannot connect ..."
        report_of_check.text = compose(error.what(), "", "");
    }
    if (report_of_check.undetermined) WARN("not run: " << report_of_check.text);
    else if (report_of_check.text.empty()) SUCCEED();
    else FAIL(report_of_check.text);
}

} // namespace grade
