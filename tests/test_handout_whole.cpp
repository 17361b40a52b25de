// The handout: every program at every level is built by two compilers, and graded. This takes more than a
// minute, so it is for make check-handout: HANDOUT_WHOLE is set then.
#include "handout/testing.h"

#include <array>
#include <cstdlib>
#include <sstream>

using namespace test;
using namespace handout;

namespace {

const std::string flags =
    " -std=c++20 -O0 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -pthread ";

// All programs of a handout as one: each in a namespace of its own, without its first lines, and a main that
// does what it is called by. So the headers, and the templates in them, are compiled once for all, which
// takes a fifth of the time.
std::string as_one(const Handout &files) {
    std::set<std::string> headers;
    std::string programs, choice;
    for (const std::string &place : programs_of_the_kit()) {
        const fs::path path = place;
        std::string text;
        std::istringstream lines(files.at(place));
        for (std::string line; std::getline(lines, line);) {
            const bool is_own = line.rfind("#include \"", 0) == 0;
            if (is_own) {
                const fs::path header = path.parent_path() / line.substr(10, line.size() - 11);
                headers.insert("#include \"" + header.lexically_normal().string() + "\"\n");
            } else if (line.rfind("#include", 0) == 0) headers.insert(line + '\n');
            text += (line.rfind("#include", 0) == 0 ? "" : line) + '\n';
        }
        text.insert(text.rfind('}'),
                    "    return 0;\n"); // only a main of its own may leave that out
        const std::string name = "of_" + path.stem().string();
        programs += "namespace " + name + " { // " + place + '\n' + text + "}\n";
        choice += "    if (path.ends_with(\"/" + path.stem().string() + "\")) return " + name +
                  "::main(argc, argv);\n";
    }
    std::string all;
    for (const std::string &header : headers) all += header;
    return all + programs +
           "int main(int argc, char *argv[]) {\n    const std::string path = argv[0];\n" + choice +
           "}\n";
}

// The handout in which everything is to be written at a level.
struct Whole {
    explicit Whole(int level) {
        for (const std::string &name : exercises()) plan[name] = level;
        const Handout files = handout_of(plan);
        write_all(kit, files);
        fs::permissions(kit.path, fs::perms(0755)); // for the user that the grader runs programs as
        kit.write("all.cpp", as_one(files));
        for (const std::string &command :
             {"g++" + flags + "-o all", "clang++" + flags + "-fsyntax-only"})
            commands += "cd " + kit.path.string() + " && " + command + " all.cpp\n";
    }
    // Makes its one program look like all, for the grader.
    void link_programs() const {
        for (const std::string &place : programs_of_the_kit())
            fs::create_hard_link(kit.path / "all", (kit.path / place).replace_extension());
    }
    Plan plan;
    Directory kit;
    std::string commands; // that build it
};

} // namespace

TEST_CASE("handout: no skeleton has a warning, or earns what it has not done", "[handout-whole]") {
    if (!std::getenv("HANDOUT_WHOLE")) {
        SUCCEED("make check-handout does it");
        return;
    }
    const std::array<Whole, 3> levels = {Whole(1), Whole(2), Whole(3)};
    const Directory build;
    build.write("commands", levels[0].commands + levels[1].commands + levels[2].commands);
    REQUIRE(failure({"/bin/sh", "-c",
                     "xargs -P 2 -I COMMAND sh -c COMMAND <" +
                         (build.path / "commands").string()}) == "");
    for (const Whole &whole : levels) {
        whole.link_programs();
        const fs::path given = whole.kit.path / "given";
        // 24 checks at a time, as most of them wait for what a skeleton does not do.
        std::vector<std::string> arguments = {"-b", whole.kit.path, "-E", given, "-j", "24"};
        for (const auto &[name, level] : whole.plan) arguments.push_back(name);
        Grader grader(whole.kit, arguments);
        REQUIRE(grader.wait_exit(std::chrono::minutes(30)));
        INFO(grader.standard_output());
        CHECK(grader.standard_output().find("total") != std::string::npos);
        CHECK(grader.standard_output().find("lost") == std::string::npos);
        if (whole.plan.begin()->second < 3) continue;
        // Of an empty main, only what clients say of an error may be right by chance, and that it has no
        // co_await in a wrong place.
        std::istringstream names(read(given));
        for (std::string name; std::getline(names, name);)
            for (const test::Program &one : programs)
                if (one.has('q') && name.rfind(std::string(one.name) + ":", 0) == 0)
                    CHECK(name.ends_with(": lets each co_await stand alone"));
    }
}
