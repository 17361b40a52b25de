// The hunts: each has a wrong program to hunt in, and symptoms that do not tell the mistake.
#include "grade/edits.h"
#include "hunt/hunts.h"
#include "support/graded.h"

#include <algorithm>
#include <set>

#include <sys/wait.h>

using namespace test;
using namespace hunt;

namespace {

std::vector<Hunt> all_hunts() { return read_hunts(read("tests/hunt/symptoms.txt")); }

grade::ChangedProgram program_of(const Hunt &hunt) {
    return grade::read_changed_program(read("tests/wrong/" + hunt.name + ".edit"));
}

// What the program that makes hunts prints; its exit status is to be `status`.
std::string hunted(std::vector<std::string> arguments, int status = 0) {
    arguments.insert(arguments.begin(),
                     fs::read_symlink("/proc/self/exe").parent_path() / "hunt/hunt");
    Process process(arguments);
    const auto ended = process.wait_exit(std::chrono::minutes(5));
    CHECK_PROGRAM(process, ended && WIFEXITED(*ended) && WEXITSTATUS(*ended) == status);
    return process.standard_output() + process.standard_error();
}

} // namespace

TEST_CASE("hunt: each has its program, a symptom, and a place to find", "[hunt]") {
    const std::vector<Hunt> hunts = all_hunts();
    CHECK(hunts.size() >= 60);
    CHECK(std::count_if(hunts.begin(), hunts.end(),
                        [](const Hunt &hunt) { return !hunt.lesson.empty(); }) == 12);
    std::set<std::string> names;
    for (const Hunt &hunt : hunts) {
        INFO(hunt.number << " " << hunt.name);
        CHECK(names.insert(hunt.name).second);
        CHECK(hunt.symptom.size() > 20);
        REQUIRE(fs::exists("tests/wrong/" + hunt.name + ".edit"));
        const grade::ChangedProgram program = program_of(hunt);
        CHECK(hunt.symptom != program.mistake);
        const std::string right = read(program.file);
        const std::string place = place_of_change(right, grade::edited(right, program.edits));
        CHECK(place.size() > 4);
    }
}

TEST_CASE("hunt: a seed chooses, and always the same", "[hunt]") {
    const std::vector<Hunt> hunts = all_hunts();
    std::set<std::string> found;
    for (int i = 0; i < 100; ++i) {
        const std::string seed = "student" + std::to_string(i);
        CHECK(chosen(hunts, seed).name == chosen(hunts, seed).name);
        found.insert(chosen(hunts, seed).name);
    }
    CHECK(found.size() > 40); // of a hundred students, few have the same
    CHECK(chosen(hunts, "ada").name != chosen(hunts, "grace").name);
}

TEST_CASE("hunt: what is listed has the form that is told", "[hunt]") {
    CHECK_THROWS(read_hunts("2 zens-x\n    Late.\n"));
    CHECK_THROWS(read_hunts("    Late.\n"));
    CHECK_THROWS(read_hunts("zens-x\n"));
    const auto hunts = read_hunts("# no\n1 zens-x\n    It is\n    late.\n    Learn: Time.\n");
    REQUIRE(hunts.size() == 1);
    CHECK(hunts[0].symptom == "It is late.");
    CHECK(hunts[0].lesson == "Time.");
}

TEST_CASE("hunt: the place is the function that has changed", "[hunt]") {
    const std::string one = "int a() {\n    return 1;\n}\n\nstruct B {\n    int c() {\n"
                            "        return 2;\n    }\n};\n";
    const auto with = [&](const std::string &from, const std::string &to) {
        std::string text = one;
        return text.replace(text.find(from), from.size(), to);
    };
    CHECK(place_of_change(one, with("1", "3")) == "int a()");
    CHECK(place_of_change(one, with("2", "3")) == "int c()");
}

TEST_CASE("hunt: a program with the mistake is built, and the symptom told", "[grade][hunt]") {
    const Directory directory;
    const std::string to = directory.path / "hunt";
    const Hunt hunt = all_hunts().at(70); // of zenc, which is built and graded quickly
    REQUIRE(program_of(hunt).file == "zenc/zenc.cpp");
    const std::string said = hunted({"-o", to, "-n", std::to_string(hunt.number)});
    CHECK(said.find(hunt.symptom) != said.npos);
    CHECK(said.find(program_of(hunt).mistake) == said.npos);
    CHECK(fs::exists(to + "/zenc/zenc"));
    CHECK(read(to + "/zenc/zenc.cpp") != read("zenc/zenc.cpp"));
    const std::string grader = fs::read_symlink("/proc/self/exe").parent_path() / "grade/run/grade";
    const std::string report = hunted({"-o", to, "-i", grader});
    CHECK(report.find(program_of(hunt).loses.front()) != report.npos);
    CHECK(report.find("Do \"by hand\" in " + to) != report.npos);
    CHECK(hunted({"-o", to, "-i", grader}) == "The mistake: " + program_of(hunt).mistake + "\n");
    CHECK(hunted({"-o", to, "-i", grader}).rfind("The place: ", 0) == 0);
    CHECK(hunted({"-o", to, "-c", grader}, 1).find("Not yet repaired") != std::string::npos);
    fs::copy_file("zenc/zenc.cpp", to + "/zenc/zenc.cpp", fs::copy_options::overwrite_existing);
    CHECK(hunted({"-o", to, "-c", grader}).find("Found and repaired, with 3 hints.") !=
          std::string::npos);
}

TEST_CASE("answers: there is one for each question of LAB.md", "[handout]") {
    // By chapter, the numbers and points of the questions, in their order.
    const auto questions = [](const std::string &text, bool all) {
        std::vector<std::string> found;
        std::istringstream lines(text);
        std::string chapter;
        bool inside = all;
        for (std::string line; std::getline(lines, line);) {
            if (line.rfind("## ", 0) == 0) chapter = line;
            if (line.rfind("#", 0) == 0) inside = all || line == "### Questions";
            if (!inside || line.empty() || line[0] < '1' || line[0] > '9') continue;
            const auto points = line.find("points)");
            const auto end = points == line.npos ? line.find('.') : points;
            found.push_back(chapter + ": " + line.substr(0, end));
        }
        return found;
    };
    const auto asked = questions(read("LAB.md"), false);
    CHECK(asked.size() > 40);
    CHECK(questions(read("tests/handout/answers.md"), true) == asked);
}
