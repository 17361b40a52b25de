// The handout: what is taken out of the programs, and that nothing shows it. The tests that build and grade
// every program at every level are in test_handout_whole.cpp.
#include "grade/edits.h"
#include "grade/results.h"
#include "handout/testing.h"

#include <algorithm>

using namespace test;
using namespace handout;

namespace {

const std::string program = "constexpr zen::Program program = {\"x\", \"y\",\n"
                            "                                  \"q\", \"z\"};\n"
                            "constexpr int most = 3; // of something\n"
                            "\n"
                            "// Adds.\n"
                            "int add(int a, const std::map<int, int> &b) {\n"
                            "    return a + b.at(most);\n"
                            "}\n"
                            "\n"
                            "class Pool {\n"
                            "  public:\n"
                            "    Pool(int n) : n_(n) {}\n"
                            "    void put(int client) try {\n"
                            "        n_ += client;\n"
                            "    } catch (...) {\n"
                            "    }\n"
                            "\n"
                            "  private:\n"
                            "    int n_;\n"
                            "};\n"
                            "\n"
                            "int main() { return add(1, {}); }\n";

const std::string table = "# a remark\nx/x.cpp\n1 add\n    Add them.\n1 Pool::Pool\n    Keep it.\n"
                          "1 Pool::put\n    Put it.\n1 Pool::private\n    The data.\n3 main\n"
                          "    All.\n";

} // namespace

// ---- Skeletons

TEST_CASE("handout: a task stands in the place of a body", "[handout]") {
    const std::vector<Task> tasks = tasks_of(read_tasks(table), "x/x.cpp", 2);
    REQUIRE(tasks.size() == 4);
    const std::string text = skeleton(program, tasks);
    INFO(text);
    CHECK(
        text.find("    // To be written: Add them.\n    not_written(\"add\", a, b, most);\n}\n") !=
        text.npos);
    CHECK(text.find("    Pool(int n) {\n        // To be written: Keep it.\n"
                    "        not_written(\"Pool::Pool\", n);\n    }\n") != text.npos);
    CHECK(text.find("    void put(int client) {\n") != text.npos);
    CHECK(text.find("  private:\n    // To be written: The data.\n};\n") != text.npos);
    CHECK(text.find("// Adds.\nint add(int a, const std::map<int, int> &b) {\n") != text.npos);
    CHECK(not_written(text) == std::vector<std::string>{"add", "Pool::Pool", "Pool::put"});
    CHECK(restored(text, program, tasks) == program);
}

TEST_CASE("handout: of level 3, only an empty main is left", "[handout]") {
    const std::vector<Task> tasks = tasks_of(read_tasks(table), "x/x.cpp", 3);
    REQUIRE(tasks.size() == 1);
    const std::string text = skeleton(program, tasks);
    CHECK(text.find("Pool") == text.npos);
    CHECK(text.ends_with(
        "int main(int argc, char *argv[]) {\n    // To be written: All. LAB.md tells in \"The "
        "programs from outside\" what it has to do.\n"
        "    not_written(\"main\", argc, argv);\n}\n"));
    CHECK(restored(text, program, tasks) == program);
}

TEST_CASE("handout: a task without its function is an error", "[handout]") {
    CHECK_THROWS(skeleton(program, {{"x/x.cpp", 1, "nothing", "Do it."}}));
    CHECK_THROWS(skeleton(program, {{"x/x.cpp", 1, "Pool::nothing", "Do it."}}));
    CHECK_THROWS(read_tasks("1 add\n    Add them.\n"));
    CHECK_THROWS(read_tasks("x/x.cpp\n1 add\n"));
    CHECK_THROWS(read_plan({"zens:4"}, 1, all_tasks()));
    CHECK_THROWS(read_plan({"nothing"}, 1, all_tasks()));
    CHECK(read_plan({"zens", "tae:2"}, 1, all_tasks()) == Plan{{"zens", 1}, {"tae", 2}});
}

TEST_CASE("handout: each program comes back, byte for byte, from each level",
          "[handout][handout-whole]") {
    const std::vector<Task> tasks = all_tasks();
    for (const std::string &file : files_of(tasks))
        for (const int level : {1, 2, 3}) {
            const std::vector<Task> its = tasks_of(tasks, file, level);
            if (its.empty()) continue;
            INFO(file << ", level " << level);
            const std::string whole = contents(file), text = skeleton(whole, its);
            std::set<std::string> names;
            for (const Task &task : its)
                if (!task.name.ends_with("::private")) names.insert(task.name);
            const std::vector<std::string> said = not_written(text);
            CHECK(std::set<std::string>(said.begin(), said.end()) == names);
            CHECK(restored(text, whole, its) == whole);
        }
}

TEST_CASE("handout: each program of the kit has tasks for each level", "[handout]") {
    const std::vector<Task> tasks = all_tasks();
    for (const std::string &file : programs_of_the_kit())
        for (const int level : {1, 2, 3}) {
            INFO(file << ", level " << level);
            const bool is_framing =
                exercise_of(file) == "framing"; // its first level is in frames.h
            const std::string word = is_framing ? "framing" : fs::path(file).stem();
            const auto written = tasks_for({{word, level}}, tasks, ".");
            CHECK(std::any_of(written.begin(), written.end(), [&](const auto &one) {
                return is_framing ? exercise_of(one.first) == word : one.first == file;
            }));
        }
}

// ---- What is in a handout

TEST_CASE("handout: nothing shows what is to be written", "[handout]") {
    const std::vector<Task> tasks = all_tasks();
    const auto leaks = [&](const Plan &plan, const Handout &handout) {
        return shown(".", plan, tasks, handout);
    };
    Plan all;
    for (const std::string &name : exercises()) {
        for (const int level : {1, 2}) {
            const Plan plan = {{name, level}};
            CHECK(leaks(plan, handout_of(plan)) == std::set<std::string>());
        }
        if (name != "asyncio") all[name] = 3;
    }
    for (const std::string &file : files_of(tasks)) {
        if (exercise_of(file) != "asyncio") continue;
        const Plan plan = {{fs::path(file).stem(), 2}};
        CHECK(leaks(plan, handout_of(plan)) == std::set<std::string>());
    }
    CHECK(leaks(all, handout_of(all)) == std::set<std::string>());
    CHECK(!leaks({{"zens", 1}}, handout_of({{"zus", 1}})).empty()); // so it would be found
}

TEST_CASE("handout: asyncio/ is there only if something of it is to be written", "[handout]") {
    const Handout without = handout_of({{"zens", 2}}), with = handout_of({{"tae", 1}, {"tacr", 1}});
    for (const auto &[place, text] : without) {
        INFO(place);
        CHECK(exercise_of(place) != "asyncio");
        CHECK(place.find("wrong/asyncio-") == place.npos);
        if (place == "Makefile") CHECK(text.find("tacr") == text.npos);
    }
    CHECK(with.at("asyncio/tacs.cpp") == contents("asyncio/tacs.cpp"));
    CHECK(with.at("asyncio/tacr.cpp") != contents("asyncio/tacr.cpp"));
    CHECK(with.at("Makefile").find("tacr") != std::string::npos);
    CHECK(with.at("LAB.md").find("| `asyncio/tacr.cpp` | `converse` | yes |") != std::string::npos);
    // What a program of it has as well is to be copied; what its headers show is refused.
    const Plan shows = {{"zus", 1}, {"tacr", 1}};
    CHECK(not_written(handout_of(shows).at("asyncio/asyndg.cpp")) ==
          std::vector<std::string>{"Datagrams::answer_question"});
    const Directory to;
    const std::string refused = failure({tool(), "-o", to.path, "zens:2", "tacr"});
    CHECK(refused.find("zens/zens.cpp: open_listener stands in asyncio/connections.h") !=
          std::string::npos);
    CHECK(fs::is_empty(to.path));
}

TEST_CASE("handout: it has the tests and no page or list for instructors", "[handout]") {
    const Handout files = handout_of({{"zens", 1}});
    for (const char *there :
         {"Makefile", "LAB.md", "zen.h", "zens/zens.cpp", "tests/rules.mk", "tests/grade/grade.cpp",
          "tests/lab/check_lab.cpp", "tests/picture/rules.mk", "tests/picture/picture.cpp",
          "tests/diff.sh"})
        CHECK(files.count(there) == 1);
    for (const auto &[place, text] : files) {
        INFO(place);
        for (const char *never :
             {"answers.md", "tasks.txt", "tests/right", "gradescope", "test_grade"})
            CHECK(place.find(never) == place.npos);
        if (place.ends_with(".md")) CHECK(text.find("tests/README.md") == text.npos);
    }
    CHECK(files.count("tests/README.md") == 0);
    CHECK(files.at("LAB.md").find("\n## What you write and hand in\n") != std::string::npos);
    CHECK(files.at("zens/zens.cpp").find("not_written(\"converse\", client, peer);") !=
          std::string::npos);
    for (const auto &[place, text] : files)
        if (place.rfind("tests/wrong/", 0) == 0) {
            const grade::ChangedProgram wrong = grade::read_changed_program(text);
            CHECK(files.at(wrong.file) == contents(wrong.file));
        }
}

TEST_CASE("handout: a chapter has \"Write it\" if something of it is to be written", "[handout]") {
    const auto sections = [](const Plan &plan) {
        const std::string text = handout_of(plan).at("LAB.md");
        return std::pair(text.find("\n### Write it\n\nIn the handout, write `converse`") !=
                             text.npos,
                         text.find("\n### Write it\n\n`data_received` and") != text.npos);
    };
    CHECK(sections({{"zens", 1}}) == std::pair(true, false));
    CHECK(sections({{"asynpro", 1}}) == std::pair(false, true));
}

TEST_CASE("handout: what is to be written comes before what is run", "[handout]") {
    const auto order = [](const std::string &lab) { // of the sections of the chapter on zens
        std::istringstream lines(lab.substr(lab.find("\n## TCP: zens and zenc\n") + 1));
        std::string titles, line;
        std::getline(lines, line);
        while (std::getline(lines, line) && line.rfind("## ", 0) != 0)
            if (line.rfind("### ", 0) == 0) titles += line.substr(4, 2);
        return titles;
    };
    CHECK(order(contents("LAB.md")) == "ThRuReWrBrQuWh");
    CHECK(order(handout_of({{"zens", 1}}).at("LAB.md")) == "ThReWrRuBrQuWh");
    CHECK(order(handout_of({{"zus", 1}}).at("LAB.md")) == "ThRuReBrQuWh"); // zens is given
}

TEST_CASE("handout: LAB.md tells of the hunts that are there", "[handout]") {
    const auto hunts = [](const Plan &plan) {
        const std::string lab = handout_of(plan).at("LAB.md");
        return lab.substr(lab.find("\n### Hunts of your own\n"));
    };
    const auto has = [](const std::string &text, const std::string &words) {
        return text.find(words) != text.npos;
    };
    const std::string of_tap = hunts({{"zens", 1},
                                      {"zenc", 1},
                                      {"zus", 1},
                                      {"zuc", 1},
                                      {"mzts", 1},
                                      {"tas", 1},
                                      {"tae", 1},
                                      {"framing", 1},
                                      {"tacr", 1}});
    CHECK(has(of_tap, "`make hunt HUNT=56`"));
    CHECK(has(of_tap, "`make hunt-tap` takes one in `tap`"));
    CHECK(!has(of_tap, "What there is to learn")); // all of them are in what is to be written
    const std::string without_zens = hunts({{"zens", 1}});
    CHECK(!has(without_zens, "| 1 | `zens` |"));
    CHECK(has(without_zens, "| 46 | `tas` |"));
    CHECK(has(without_zens, "From some of them:"));
    CHECK(has(without_zens, "`make hunt HUNT=46`"));
}

TEST_CASE("handout: no hunt is in a program that includes what is to be written", "[handout]") {
    const auto hunts_of_framing = [](const Plan &plan) {
        int count = 0;
        for (const auto &[place, text] : handout_of(plan))
            count += place.rfind("tests/wrong/framing-", 0) == 0;
        return count;
    };
    CHECK(hunts_of_framing({{"zens", 1}}) > 0);
    CHECK(hunts_of_framing({{"framing", 1}}) == 0); // frames.h
}

// ---- The grader knows handouts

TEST_CASE("handout: the grader does not count what is given", "[handout]") {
    grade::Grading grading;
    const auto add = [&](const std::string &name, grade::Status status, int points, int given) {
        grade::Result result;
        result.check.name = "zens: " + name;
        result.check.exercise = "zens";
        result.check.points = points;
        result.check.given = given;
        result.status = status;
        if (status == grade::Status::not_written) result.report = "converse";
        grading.results.push_back(result);
    };
    add("tells", grade::Status::passed, 0, 4);
    add("answers", grade::Status::not_written, 3, 0);
    add("closes", grade::Status::not_written, 2, 0);
    grading.complete = true;
    const std::string text = grade::text_report(grading, false, false);
    INFO(text);
    CHECK(text.find("   0 of    5 to be earned   2 checks not written yet   4 points were given") !=
          text.npos);
    CHECK(text.find("  not written yet: converse (2 checks of 5 points)") != text.npos);
    CHECK(text.find("lost") == text.npos);
    grading.results[0].status = grade::Status::failed;
    CHECK(grade::text_report(grading, false, false).find("was given, and is lost: zens: tells") !=
          std::string::npos);
}

TEST_CASE("handout: a skeleton has no points, and is not written yet", "[grade][handout]") {
    const Directory kit, submission;
    write_all(kit, handout_of({{"zenc", 1}}));
    submission.write("zenc/zenc.cpp", contents(kit.path / "zenc/zenc.cpp"));
    Grader first(submission, {"-E", kit.path / "tests/handout/given", "zenc"});
    fs::create_directories(kit.path / "tests/handout");
    REQUIRE(first.wait_exit(std::chrono::minutes(5)));
    CHECK(first.standard_output().find("lost") == std::string::npos);
    REQUIRE(!read(kit.path / "tests/handout/given").empty());
    // A class, in which one has written all.
    const Directory all;
    all.write("ada/zenc/zenc.cpp", contents(submission.path / "zenc/zenc.cpp"));
    all.write("grace/zenc/zenc.cpp", contents("zenc/zenc.cpp"));
    const fs::path results = submission.path / "grades";
    Grader second(submission, {"-d", kit.path, "-c", all.path, "-o", results, "zenc"});
    REQUIRE(second.wait_exit(std::chrono::minutes(5)));
    const std::string grades = read(results / "grades.csv"),
                      report = read(results / "students/ada/report.txt");
    INFO(grades << report);
    const auto begin = grades.find("Points Possible,") + 16;
    const std::string possible = grades.substr(begin, grades.find(',', begin) - begin);
    CHECK(grades.find("ada,0,0,nothing written yet\n") != grades.npos);
    CHECK(grades.find("grace," + possible + "," + possible + ",\n") != grades.npos);
    CHECK(report.find("zenc          0 of   " + possible + " to be earned") != report.npos);
    CHECK(report.find("not written yet: ask_questions (") != report.npos);
    CHECK(report.find("lost") == report.npos);
}

TEST_CASE("handout: a class is told what it has written", "[grade][handout]") {
    const Directory kit, all;
    CHECK(failure({tool(), "-o", kit.path, "zenc", "zus:3"}) == "");
    CHECK(failure({tool(), "-o", kit.path, "nothing"}) != "");
    CHECK(read(kit.path / "tests/handout/exercises") == "zenc\nzus\n");
    const std::string text = read(kit.path / "zenc/zenc.cpp");
    const auto call = text.find("    not_written(\"ask_questions\"");
    REQUIRE(call != text.npos);
    all.write("ada/zenc/zenc.cpp", text);
    all.write("eve/zenc/zenc.cpp", text.substr(0, call) + text.substr(text.find('\n', call)));
    all.write("grace/zenc/zenc.cpp", contents("zenc/zenc.cpp"));
    Process look({tool(), "-c", all.path, "-o", kit.path});
    REQUIRE(look.wait_exit());
    const std::string said = look.standard_output();
    INFO(said);
    for (const char *line : {"ada\n", "  zenc/zenc.cpp: nothing written yet\n", "eve\n",
                             "  zenc/zenc.cpp: 1 of 2 written, not yet: receive_answer\n",
                             "grace\n", "  zenc/zenc.cpp: written\n", "  zus/zus.cpp: missing\n"})
        CHECK(said.find(line) != said.npos);
}
