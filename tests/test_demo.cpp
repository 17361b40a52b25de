// What make demo and make diff-A-B print.
#include "support/graded.h"
#include "support/lines.h"

#include <map>

#include <sys/wait.h>

using namespace test;

namespace {

// The lines of the demo by server.
std::map<std::string, std::vector<std::string>> demo() {
    Process process({fs::read_symlink("/proc/self/exe").parent_path() / "demo"});
    const auto status = process.wait_exit(std::chrono::minutes(5));
    CHECK_PROGRAM(process, status && *status == 0);
    std::map<std::string, std::vector<std::string>> parts;
    std::string name;
    for (const std::string &line : lines_of(process.standard_output())) {
        if (line.starts_with("== ")) name = line.substr(3, line.find(" and ") - 3);
        else if (!line.empty()) parts[name].push_back(line);
    }
    return parts;
}

// Where the first line with all these words is; they stand in it in this order.
std::size_t place_of(const std::vector<std::string> &lines,
                     std::initializer_list<std::string> words) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::size_t at = 0;
        for (const std::string &word : words)
            if (at != std::string::npos) at = lines[i].find(word, at);
        if (at != std::string::npos) return i;
    }
    return std::string::npos;
}

std::string diff(const std::string &names, const std::string &side = "", int expected = 0) {
    Process process({"/usr/bin/env", "SIDE=" + side, "sh", "tests/diff.sh", names});
    const auto status = process.wait_exit();
    CHECK_PROGRAM(process, status && WIFEXITED(*status) && WEXITSTATUS(*status) == expected);
    return process.standard_output() + process.standard_error();
}

bool contains(const std::string &text, const std::string &part) {
    return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("demo: each line comes after the one that has caused it", "[demo]") {
    auto parts = demo();
    for (const Program &server : programs) {
        if (!is_server(server)) continue;
        const std::vector<std::string> &lines = parts[std::string(server.name)];
        const std::string of_server = std::string(server.name) + " ",
                          of_client = std::string(client_of(server).name) + " ";
        std::string all;
        for (const std::string &line : lines) all += line + '\n';
        if (contains(all, ": not written yet: ")) continue; // in a handout
        INFO(all);
        std::vector<std::size_t> places = {place_of(lines, {of_server, " server started at "})};
        const bool connects = is_tcp_server(server);
        if (connects) places.push_back(place_of(lines, {of_server, "| Connected by "}));
        if (is_framing_server(server)) {
            places.push_back(place_of(lines, {of_server, "| Received message: "}));
            places.push_back(place_of(lines, {of_client, "| Received response: "}));
        } else
            for (const auto &[asked, answered] : zen) {
                const std::string question(asked), answer(answered);
                places.push_back(place_of(lines, {of_client, "| Sent: " + question}));
                places.push_back(place_of(lines, {of_server, "| Received from ", ": " + question}));
                places.push_back(place_of(lines, {of_server, "| Sent to ", ": " + answer}));
                places.push_back(place_of(lines, {of_client, "| Received: " + answer}));
            }
        if (connects)
            places.push_back(place_of(lines, {of_server, "| Connection with ", " closed"}));
        places.push_back(place_of(lines, {of_server, "| Server stopped"}));
        std::vector<std::size_t> in_order;
        for (std::size_t i = 0; i < places.size(); ++i) in_order.push_back(i);
        CHECK(places == in_order); // all lines, and no others
    }
}

TEST_CASE("diff: two programs without what stands at the head of each", "[diff]") {
    const std::string text = diff("tas-tap");
    CHECK(text.starts_with("--- tas/tas.cpp\n+++ tap/tap.cpp\n@@"));
    CHECK(contains(text, "\n+#include <poll.h>\n"));
    for (const char *never : {"zen::Program", "Run: ", "See also:", "\x1b["}) {
        INFO(never);
        CHECK_FALSE(contains(text, never));
    }
    CHECK(lines_of(text).size() < 100);
    const std::string side = diff("tas-tap", "1");
    CHECK(side.starts_with("tas/tas.cpp    |    tap/tap.cpp\n"));
    CHECK_FALSE(contains(side, "\x1b["));
    CHECK(contains(diff("zens-tacr"), "+++ asyncio/tacr.cpp\n"));
    CHECK(contains(diff("abs-ads"), "--- framing/abs.cpp\n"));
    CHECK(diff("zens-nothing", "", 2) == "diff: there is no program nothing\n");
    CHECK(diff("zens", "", 2) == "diff: two programs, as in make diff-zens-mzts\n");
}

TEST_CASE("diff: any two programs can be compared", "[diff]") {
    std::string before = "zens";
    for (const Program &program : programs) {
        if (program.option == "-f" || program.file() == before) continue;
        const std::string text = diff(before + "-" + program.file());
        INFO(text);
        CHECK(contains(text, "/" + program.file() + ".cpp\n"));
        CHECK_FALSE(contains(text, "zen::Program "));
        before = program.file();
    }
}
