// The grader: the forms of its results against their documented fields, and what it does with
// submissions that are missing, broken or cut short. tests/wrong and tests/right test its checks.
#include "grade/results.h"
#include "support/graded.h"
#include "support/json.h"
#include "support/procfs.h"

#include <cmath>
#include <set>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;
using grade::Grading, grade::Result, grade::Status;

namespace {

Result result(const std::string &name, int points, Status status, const std::string &report = {},
              bool hidden = false) {
    Result one;
    one.check.name = name;
    one.check.program = one.check.exercise = name.substr(0, name.find(':'));
    one.check.points = points;
    one.check.hidden = hidden;
    one.status = status;
    one.report = report;
    one.seconds = 0.25;
    return one;
}

// One of each kind: 4 of 10 points.
Grading example() {
    Grading grading;
    grading.student = "ada";
    grading.results = {
        result("zens: serves one client", 2, Status::passed),
        result("zens: closes", 1, Status::failed, "tried:  a \"quote\"\nhint:   <x> & \x1b"),
        result("tas: serves one client", 2, Status::failed, "one line"),
        result("tas: closes", 1, Status::not_checked, "it needs \"serves\""),
        result("tas: waits in select", 1, Status::undetermined, "no permission"),
        result("tas: is secret", 1, Status::passed, "", true),
        result("tas: is secret as well", 2, Status::failed, "secret report", true)};
    grading.seconds = 1.5;
    grading.complete = true;
    return grading;
}

Json results_in(const Directory &directory) {
    return Json::parse(read(directory.path / "out/results.json"));
}

const std::string working_client = "#include \"../zen.h\"\nint main() { return 0; }\n";

} // namespace

// ---- Forms

TEST_CASE("grade: points are earned by what passed and by what could not be looked at", "[grade]") {
    const Grading grading = example();
    CHECK(grading.earned() == 4);
    CHECK(grading.possible() == 10);
    CHECK(grading.earned("tas") == 2);
    CHECK(grading.possible("zens") == 3);
    CHECK(grading.exercises() == std::vector<std::string>{"zens", "tas"});
}

TEST_CASE("grade: Gradescope's results.json has its documented fields", "[grade]") {
    const Json json = Json::parse(gradescope(example()));
    CHECK(json["execution_time"].value == 1.5);
    CHECK(json["output"].kind == Json::text);
    CHECK(json["stdout_visibility"].string == "hidden");
    const std::set<std::string> formats = {"text", "html", "simple_format", "md", "ansi"};
    CHECK(formats.count(json["output_format"].string));
    CHECK(formats.count(json["test_output_format"].string));
    REQUIRE(json["tests"].items.size() == 7);
    double score = 0;
    std::set<std::string> numbers;
    for (const Json &one : json["tests"].items) {
        score += one["score"].value;
        CHECK(one["max_score"].value >= one["score"].value);
        CHECK((one["status"].string == "passed" || one["status"].string == "failed"));
        CHECK((one["visibility"].string == "visible" || one["visibility"].string == "hidden"));
        CHECK(formats.count(one["output_format"].string));
        CHECK(numbers.insert(one["number"].string).second);
        REQUIRE(one["tags"].items.size() == 1);
        CHECK(one["tags"].items[0].kind == Json::text);
    }
    CHECK(score == 4);
    const std::vector<Json> &tests = json["tests"].items;
    CHECK(tests[1]["name"].string == "zens: closes");
    CHECK(tests[1]["output"].string == "failed:\ntried:  a \"quote\"\nhint:   <x> & \x1b");
    CHECK(tests[4]["status"].string == "passed"); // undetermined costs nothing
    CHECK(tests[2]["number"].string == "2.1");
    CHECK(tests[5]["visibility"].string == "hidden");
    CHECK(tests[0]["visibility"].string == "visible");
}

TEST_CASE("grade: Classroom 50's result.json has integer scores", "[grade]") {
    const Json json = Json::parse(classroom50(example()));
    CHECK(json["schema"].string == "classroom50/result/v1");
    CHECK(json["score"].string == "4");
    CHECK(json["max-score"].string == "10");
    REQUIRE(json["tests"].items.size() == 7);
    for (const Json &one : json["tests"].items) {
        CHECK(one["test-name"].kind == Json::text);
        CHECK(one["passed"].kind == Json::boolean);
        CHECK(one["score"].is_integer());
        CHECK(one["max-score"].is_integer());
        CHECK(one["passed"].truth == (one["score"].value == one["max-score"].value));
        CHECK(one["output"].string.find("secret") == std::string::npos);
    }
}

TEST_CASE("grade: JUnit XML counts by exercise, and escapes", "[grade]") {
    const std::string xml = junit(example());
    CHECK(xml.rfind("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", 0) == 0);
    CHECK(xml.find(
              "<testsuite name=\"zens\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\"") !=
          std::string::npos);
    CHECK(
        xml.find("<testsuite name=\"tas\" tests=\"5\" failures=\"3\" errors=\"0\" skipped=\"1\"") !=
        std::string::npos);
    CHECK(xml.find("<testcase classname=\"zens\" name=\"zens: closes\" time=\"0.250\"><failure "
                   "message=\"failed:\">failed:&#10;tried:  a &quot;quote&quot;&#10;hint:   "
                   "&lt;x&gt; &amp; ?</failure></testcase>") != std::string::npos);
    CHECK(xml.find("secret report") == std::string::npos);
    for (const char c : xml) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
}

TEST_CASE("grade: Autolab's line, and the table of a class", "[grade]") {
    CHECK(autolab(example()) == "{\"scores\": {\"zens\": 2, \"tas\": 2}}");
    Grading other = example();
    other.student = "Lovelace, \"Ada\"";
    CHECK(grade::csv({example(), other}) ==
          "student,zens,tas,total,note\nPoints Possible,3,7,10,\nada,2,2,4,\n\"Lovelace, "
          "\"\"Ada\"\"\",2,2,4,\n");
}

TEST_CASE("grade: the report counts hidden checks and shows nothing of them", "[grade]") {
    const std::string text = text_report(example(), false, false);
    CHECK(text.find("zens          2 of    3   1 check lost\n") != std::string::npos);
    CHECK(text.find("tas           2 of    7   2 checks lost   2 hidden, of 3 points\n") !=
          std::string::npos);
    CHECK(text.find("total         4 of   10\n") != std::string::npos);
    CHECK(text.find("secret") == std::string::npos);
    CHECK(text.find('\x1b') == text.find("\x1b\n")); // only what the report itself says
    CHECK(text_report(example(), false, true).find("secret report") != std::string::npos);
    CHECK(text_report(example(), true, false).find("\x1b[31m") != std::string::npos);
}

TEST_CASE("grade: a roster gets one column, and keeps every other byte", "[grade]") {
    std::vector<Grading> all = {example()};
    std::vector<std::string> notes;
    const std::string canvas = "Student,ID,SIS Login ID,Section,Lab 1\r\n"
                               "    Points Possible,,,,10\r\n"
                               "\"Lovelace, Ada\",17,ada,\"a \"\"b\"\"\",7\r\n"
                               "\"Hopper, Grace\",18,grace,b,\r\n";
    CHECK(fill_roster(canvas, "Zen lab", all, notes) ==
          "Student,ID,SIS Login ID,Section,Lab 1,Zen lab\r\n"
          "    Points Possible,,,,10,10\r\n"
          "\"Lovelace, Ada\",17,ada,\"a \"\"b\"\"\",7,4\r\n"
          "\"Hopper, Grace\",18,grace,b,,\r\n");
    CHECK(fill_roster(canvas, "Lab 1", all, notes) ==
          "Student,ID,SIS Login ID,Section,Lab 1\r\n"
          "    Points Possible,,,,10\r\n"
          "\"Lovelace, Ada\",17,ada,\"a \"\"b\"\"\",4\r\n"
          "\"Hopper, Grace\",18,grace,b,\r\n");
    CHECK(notes == std::vector<std::string>(2, "Hopper, Grace: no submission"));
    notes.clear();
    const std::string moodle = "\xef\xbb\xbf\"First name\",Email,Grade,Feedback\n"
                               "Ada,ada@example.org,,\"two\nlines\"\nTwin,x@example.org,,\n\n";
    CHECK(fill_roster(moodle, "Grade", all, notes) ==
          "\xef\xbb\xbf\"First name\",Email,Grade,Feedback\n"
          "Ada,ada@example.org,4,\"two\nlines\"\nTwin,x@example.org,,\n\n");
    CHECK(notes == std::vector<std::string>{"Twin: no submission"});
}

TEST_CASE("grade: a roster without a student, or with two, is left as it is for him", "[grade]") {
    std::vector<Grading> all = {example()};
    std::vector<std::string> notes;
    CHECK(fill_roster("Name,Grade\nBob,\n", "Grade", all, notes) == "Name,Grade\nBob,\n");
    CHECK(fill_roster("Name,Grade\nada,\nada,1\n", "Grade", all, notes) ==
          "Name,Grade\nada,\nada,1\n");
    CHECK(notes == std::vector<std::string>{"ada: in no row of the roster", "Bob: no submission",
                                            "ada: in several rows of the roster"});
    CHECK(fill_roster("Name\nada", "Grade", all, notes) == "Name,Grade\nada,4");
    CHECK(fill_roster("Name,Mail,Grade\nada\n", "Grade", all, notes) ==
          "Name,Mail,Grade\nada,,4\n");
    CHECK_THROWS(fill_roster("", "Grade", all, notes));
    CHECK_THROWS(fill_roster("Name,\"Grade\nada,", "Grade", all, notes));
}

TEST_CASE("grade: a check goes through a line and back", "[grade]") {
    grade::Check check;
    check.name = "sszt -f: leaves no zombie";
    check.exercise = "sszt";
    check.program = "sszt -f";
    check.target = "sszt/sszt";
    check.points = 3;
    check.hidden = check.mechanism = true;
    check.needs = {"sszt -f: serves one client", "sszt -f: forks"};
    const grade::Check back = grade::from_line(to_line(check));
    CHECK(to_line(back) == to_line(check));
    CHECK(back.needs == check.needs);
    CHECK(back.hidden);
    CHECK_THROWS(grade::from_line("no check"));
}

// ---- Submissions

TEST_CASE(
    "grade: a program that is missing, or does not compile, is said once and costs its exercise",
    "[grade]") {
    const Directory directory;
    directory.write("zenc/zenc.cpp", "int main() { return zen; }\n");
    directory.write("results.json", "{\"score\": 1000}");
    directory.write("tests/grade/check.h", "#error planted\n");
    directory.write("zen.h", "#error planted\n");
    directory.write("Makefile", "all:\n\tfalse\n");
    Grader grader(directory, {"zenc", "zuc"});
    const auto status = grader.wait_exit(6 * patience);
    CHECK_PROGRAM(grader, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
    const std::string out = grader.standard_output();
    INFO(out);
    CHECK(out.find("not checked: zuc/zuc.cpp is missing\n") != std::string::npos);
    CHECK(out.find("not checked: zenc/zenc does not build\n") != std::string::npos);
    CHECK(out.find("'zen' was not declared") != std::string::npos);
    CHECK(out.find("points lost") == std::string::npos);
    CHECK(out.find("planted") == std::string::npos);
    const Json json = results_in(directory);
    CHECK(json["tests"].items.size() > 10);
    double possible = 0;
    for (const Json &one : json["tests"].items) {
        CHECK(one["score"].value == 0);
        possible += one["max_score"].value;
    }
    const std::string points = std::to_string(std::lround(possible));
    CHECK(out.find("\ntotal         0 of   " + points + "\n") != std::string::npos);
}

TEST_CASE("grade: of a program with warnings and errors, the errors are shown", "[grade]") {
    const Directory directory;
    std::string source = "#include \"theirs.h\"\n";
    for (char name = 'a'; name < 'k'; ++name)
        source += std::string("static void unused_") + name + "(int count) {}\n";
    directory.write("zenc/zenc.cpp", source + "int main() {\n    int spare;\n    return zen;\n}\n");
    directory.write("zenc/theirs.h", "inline int f(int also_unused) { return 0; }\n"
                                     "inline int g() { return nowhere; }\n");
    Grader grader(directory, {"zenc"});
    CHECK_PROGRAM(grader, grader.wait_exit(6 * patience).has_value());
    const std::string out = grader.standard_output();
    INFO(out);
    CHECK(out.find("zenc/theirs.h: In function 'int g()':\n") != std::string::npos);
    CHECK(out.find("'nowhere' was not declared") != std::string::npos);
    CHECK(out.find("zenc/zenc.cpp: In function 'int main()':\n") != std::string::npos);
    CHECK(out.find("'zen' was not declared") != std::string::npos);
    CHECK(out.find("unused") == std::string::npos);
    CHECK(out.find("spare") == std::string::npos);
}

TEST_CASE("grade: only plain files of an exercise are taken", "[grade]") {
    const Directory directory;
    directory.write("elsewhere.cpp", working_client);
    fs::create_directory(directory.path / "zenc");
    fs::create_symlink(directory.path / "elsewhere.cpp", directory.path / "zenc/zenc.cpp");
    fs::create_directory(directory.path / "zuc");
    REQUIRE(mkfifo((directory.path / "zuc/zuc.cpp").c_str(), 0600) == 0);
    Grader grader(directory, {"zenc", "zuc"});
    const auto status = grader.wait_exit(6 * patience);
    CHECK_PROGRAM(grader, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
    const std::string out = grader.standard_output();
    CHECK(out.find("not checked: zenc/zenc.cpp is missing\n") != std::string::npos);
    CHECK(out.find("not checked: zuc/zuc.cpp is missing\n") != std::string::npos);
}

TEST_CASE("grade: the kit's own zen.h is used, or with -z that of the submission", "[grade]") {
    const Directory directory;
    directory.write("zenc/zenc.cpp", "#include \"../zen.h\"\nint main() { return theirs; }\n");
    directory.write("zen.h", "constexpr int theirs = 0;\n");
    for (const bool own : {false, true}) {
        Grader grader(directory, own ? std::vector<std::string>{"-z", "zenc"}
                                     : std::vector<std::string>{"zenc"});
        CHECK_PROGRAM(grader, grader.wait_exit(6 * patience).has_value());
        const std::string out = grader.standard_output();
        CHECK((out.find("does not build") == std::string::npos) == own);
    }
}

TEST_CASE("grade: there is a results file when the run is cut short", "[grade]") {
    const Directory directory;
    directory.write("zenc/zenc.cpp", working_client);
    for (const int signal : {SIGKILL, SIGTERM}) {
        fs::remove_all(directory.path / "out");
        Grader grader(directory, {"-j", "1", "zenc"});
        const fs::path results = directory.path / "out/results.json";
        // Some checks have ended: this program fails them all.
        CHECK(eventually([&] { return read(results).find("\"failed:") != std::string::npos; },
                         6 * patience));
        grader.signal(signal);
        const auto status = grader.wait_exit();
        REQUIRE(status);
        if (signal == SIGTERM) CHECK((WIFEXITED(*status) && WEXITSTATUS(*status) == 1));
        const Json json = results_in(directory);
        CHECK(json["output"].string.find("not come to its end") != std::string::npos);
        CHECK(json["tests"].items.size() > 5);
    }
}

TEST_CASE("grade: wrong usage is refused", "[grade]") {
    const Directory directory;
    for (const auto &[argument, reason] :
         std::initializer_list<std::pair<std::string, std::string>>{
             {"-x", "grade: unknown option -x\nusage: grade "},
             {"-j0", "grade: -j must be a number from 1 to 64, not '0'\nusage: grade "},
             {"-k/nowhere", "grade: no kit (zen.h) is in /nowhere\nusage: grade "}}) {
        Grader grader(directory, {argument});
        const auto status = grader.wait_exit();
        CHECK_PROGRAM(grader, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 2);
        CHECK(grader.standard_error().rfind(reason, 0) == 0);
    }
    Grader unknown(directory, {"nothing"});
    const auto status = unknown.wait_exit();
    CHECK_PROGRAM(unknown, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 1);
    CHECK(unknown.standard_error() == "grade: no exercise, program or check is named nothing\n");
}
