// What an instructor brings to the grader and takes away: downloads of Canvas and Moodle, rosters, a
// choice of exercises with weights, the pages, the pairs to look at, and Gradescope's scripts.
#include "grade/download.h"
#include "grade/page.h"
#include "grade/submission.h"
#include "support/graded.h"
#include "support/json.h"

#include <sys/wait.h>

using namespace test;
using grade::Grading, grade::Result, grade::Status, grade::Found;

namespace {

using Lines = std::vector<std::string>;

Grading graded(const std::string &student, int tas, int zens) {
    Grading grading;
    grading.student = student;
    grading.complete = true;
    for (const auto &[exercise, points, most] :
         {std::tuple("tas", tas, 4), std::tuple("zens", zens, 2)})
        for (int i = 0; i < most; ++i) {
            Result one;
            one.check.exercise = exercise;
            one.check.name = std::string(exercise) + ": does <" + std::to_string(i) + ">";
            one.check.points = 1;
            one.status = i < points ? Status::passed : Status::failed;
            one.report = i < points ? "" : "but:  it says \"" + std::string(exercise) + "\"";
            grading.results.push_back(one);
        }
    return grading;
}

Grading known_as(const std::string &student, const Lines &keys, int points) {
    Grading grading = graded(student, points, 0);
    grading.keys = keys;
    return grading;
}

// The places of the sources that are taken, each with the file that it is taken from.
Lines taken(const Directory &directory, const Found &found) {
    Lines all;
    for (const auto &[place, file] : found.sources)
        all.push_back(place + " from " + fs::relative(file, directory.path).string());
    return all;
}

bool has(const Lines &lines, const std::string &line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}

} // namespace

// ---- Downloads

TEST_CASE("grade: a submission is found in its directories, nested, or flat", "[grade]") {
    const Directory directory;
    const auto find = [&] { return grade::find_sources({{"", directory.path}}); };
    SECTION("in its directories") {
        for (const char *file : {"tas/tas.cpp", "tas/mine.h", "framing/abs.cpp", "zen.h",
                                 "tas/notes.txt", "__MACOSX/tas/tas.cpp", ".git/zens.cpp"})
            directory.write(file, "");
        CHECK(taken(directory, find()) ==
              Lines{"framing/abs.cpp from framing/abs.cpp", "tas/mine.h from tas/mine.h",
                    "tas/tas.cpp from tas/tas.cpp", "zen.h from zen.h"});
        CHECK(find().remarks.empty());
    }
    SECTION("nested") {
        for (const char *file : {"zenlab-main/tas/tas.cpp", "zenlab-main/ZENS/zens.cpp",
                                 "zenlab-main/old/tas/tas.cpp"})
            directory.write(file, "");
        CHECK(taken(directory, find()) == Lines{"tas/tas.cpp from zenlab-main/tas/tas.cpp",
                                                "zens/zens.cpp from zenlab-main/ZENS/zens.cpp"});
        CHECK(find().remarks ==
              Lines{"in zenlab-main/: tas/, zens/ are taken from there",
                    "left out, as no exercise is made of it: zenlab-main/old/tas/tas.cpp"});
    }
    SECTION("flat") {
        for (const char *file : {"tas.cpp", "tas-2.cpp", "tas-10.cpp", "Zens (1).cpp", "mine.h",
                                 "other.cpp", "rest.zip"})
            directory.write(file, "");
        CHECK(taken(directory, find()) ==
              Lines{"tas/mine.h from mine.h", "tas/tas.cpp from tas-10.cpp",
                    "zens/mine.h from mine.h", "zens/zens.cpp from Zens (1).cpp"});
        CHECK(find().remarks ==
              Lines{"rest.zip is left out: it is an archive, to be unpacked into a directory",
                    "Zens (1).cpp is taken for zens/zens.cpp",
                    "tas-10.cpp is taken for tas/tas.cpp",
                    "left out, as no exercise is made of it: other.cpp, tas-2.cpp, tas.cpp"});
    }
    SECTION("in the kit itself, where nobody has handed in what else is there") {
        directory.write("tas/tas.cpp", "");
        directory.write("server.cpp", "");
        grade::Settings settings;
        settings.from = directory.path;
        CHECK(grade::find_sources(settings).remarks.size() == 1);
        settings.kit = directory.path;
        CHECK(grade::find_sources(settings).remarks.empty());
    }
    SECTION("links are not followed") {
        directory.write("elsewhere/a/tas.cpp", "");
        fs::create_directory(directory.path / "ada");
        fs::create_directory_symlink(directory.path / "elsewhere/a", directory.path / "ada/tas");
        fs::create_symlink(directory.path / "elsewhere/a/tas.cpp", directory.path / "ada/zens.cpp");
        const Found found = grade::find_sources({{"", directory.path / "ada"}});
        CHECK(found.sources.empty());
        CHECK(found.remarks ==
              Lines{"tas is left out: it is a symbolic link, and none is followed",
                    "zens.cpp is left out: it is a symbolic link, and none is followed"});
    }
}

TEST_CASE("grade: the students of a download are named, and what is none is said", "[grade]") {
    const Directory directory;
    for (const char *file :
         {"bob/tas/tas.cpp", "Ada Lovelace_1234_assignsubmission_file/tas.cpp",
          "Ada Lovelace_1234_assignsubmission_file/zens.cpp",
          "Alan Turing_77_assignsubmission_file_tas.cpp", "hoppergrace_LATE_12345_678910_tas-1.cpp",
          "hoppergrace_12345_678911_mine.h", "twin_5_1_tas.cpp", "twin_6_2_tas.cpp",
          "__MACOSX/bob/tas.cpp", ".DS_Store", "grades.csv"})
        directory.write(file, "");
    fs::create_directory_symlink(directory.path / "bob", directory.path / "eve");
    Lines remarks, names;
    const std::vector<grade::Submitter> students = grade::students_in(directory.path, remarks);
    for (const grade::Submitter &student : students) names.push_back(student.name);
    REQUIRE(names ==
            Lines{"Ada Lovelace", "Alan Turing", "bob", "hoppergrace", "twin_5", "twin_6"});
    CHECK(students[0].keys == Lines{"Identifier=Participant 1234", "Ada Lovelace"});
    CHECK(students[2].keys == Lines{"bob"});
    CHECK(students[3].keys == Lines{"ID=12345", "hoppergrace"});
    CHECK(remarks == Lines{"eve is a symbolic link: it is not followed", "no student's: grades.csv",
                           "Ada Lovelace: Ada Lovelace_1234_assignsubmission_file",
                           "Alan Turing: Alan Turing_77_assignsubmission_file_tas.cpp",
                           "hoppergrace: hoppergrace_12345_678911_mine.h and so on",
                           "twin_5: twin_5_1_tas.cpp", "twin_6: twin_6_2_tas.cpp"});
    CHECK(taken(directory, grade::find_sources(students[3].submission)) ==
          Lines{"tas/mine.h from hoppergrace_12345_678911_mine.h",
                "tas/tas.cpp from hoppergrace_LATE_12345_678910_tas-1.cpp"});
    CHECK(grade::find_sources(students[0].submission).sources.size() == 2);
    CHECK(has(grade::find_sources(students[1].submission).remarks,
              "tas.cpp is taken for tas/tas.cpp"));
}

// ---- Rosters

TEST_CASE("grade: the column of a roster is found as Canvas and Moodle name it", "[grade]") {
    const std::vector<Grading> all = {known_as("ada", {}, 4)};
    Lines notes;
    CHECK(fill_roster("ID,Zen lab (5512)\nada,\n", "Zen lab", all, notes) ==
          "ID,Zen lab (5512)\nada,4\n");
    CHECK(fill_roster("ID,Assignment: Zen lab (Real)\nada,\n", "Zen lab", all, notes) ==
          "ID,Assignment: Zen lab (Real)\nada,4\n");
    CHECK(fill_roster("ID,Zen lab 2 (5512)\nada,\n", "Zen lab", all, notes) ==
          "ID,Zen lab 2 (5512),Zen lab\nada,,4\n");
    CHECK(fill_roster("ID,Zen lab (1),Zen lab\nada,,\n", "Zen lab", all, notes) ==
          "ID,Zen lab (1),Zen lab\nada,,4\n");
    CHECK_THROWS(fill_roster("ID,Zen lab (1),Zen lab (2)\nada,,\n", "Zen lab", all, notes));
    CHECK(notes.empty());
}

TEST_CASE("grade: who is in which row of a roster", "[grade]") {
    Lines notes;
    const auto filled = [&](const std::string &roster, const std::vector<Grading> &all) {
        notes.clear();
        return fill_roster(roster, "Lab", all, notes);
    };
    // Canvas: by its own number, or by the name that it squeezes.
    const std::vector<Grading> canvas = {known_as("lovelaceada", {"ID=12345", "lovelaceada"}, 3),
                                         known_as("hoppergrace", {"ID=9", "hoppergrace"}, 2)};
    CHECK(filled("Student,ID,SIS User ID,Lab (1)\n    Points Possible,,,\n\"L., A.\",12345,9,\n"
                 "\"Hopper, Grace\",8,12345,\n\"Student, Test\",1,,\n\"Turing, Alan\",2,,\n",
                 canvas) == "Student,ID,SIS User ID,Lab (1)\n    Points Possible,,,6\n"
                            "\"L., A.\",12345,9,3\n\"Hopper, Grace\",8,12345,2\n"
                            "\"Student, Test\",1,,\n\"Turing, Alan\",2,,\n");
    CHECK(notes == Lines{"Turing, Alan: no submission"});
    filled("Student,ID,Lab\n    Points Possible,,100\n\"L., A.\",12345,\n\"H., G.\",9,\n", canvas);
    CHECK(notes == Lines{"the column of the roster is worth 100 points, and the grading 6"});
    // Moodle: by the number of the participant, or by the first and the last name.
    const std::vector<Grading> moodle = {
        known_as("Ada Lovelace", {"Identifier=Participant 1234", "Ada Lovelace"}, 3)};
    CHECK(filled("Identifier,Full name,Lab\nParticipant 123,Ada Lovelace,\n"
                 "Participant 1234,Ada Lovelace,\n",
                 moodle) == "Identifier,Full name,Lab\nParticipant 123,Ada Lovelace,\n"
                            "Participant 1234,Ada Lovelace,3\n");
    CHECK(notes == Lines{"Participant 123: no submission"});
    CHECK(filled("First name,Last name,Username,Lab\nAda,Lovelace,al1,\n", moodle) ==
          "First name,Last name,Username,Lab\nAda,Lovelace,al1,3\n");
    CHECK(notes.empty());
    // Two submissions for a row: nobody knows which one counts.
    CHECK(filled("ID,Lab\n12345,\n", {canvas[0], canvas[0]}) == "ID,Lab\n12345,\n");
    CHECK(notes == Lines{"lovelaceada: in the same row of the roster as another"});
}

// ---- Weights

TEST_CASE("grade: exercises have weights, and all together are worth what is said", "[grade]") {
    Grading one = graded("ada", 3, 1);
    CHECK(grade::csv({one}) == "student,tas,zens,total,note\nPoints Possible,4,2,6,\nada,3,1,4,\n");
    one.scale.full = 100;
    CHECK(grade::csv({one}) ==
          "student,tas,zens,total,note\nPoints Possible,66.67,33.33,100,\nada,50,16.67,66.67,\n");
    one.scale.weights = {{"tas", 3}}; // zens is worth 1
    CHECK(grade::csv({one}) ==
          "student,tas,zens,total,note\nPoints Possible,75,25,100,\nada,56.25,12.5,68.75,\n");
    one.scale.full = 0;
    CHECK(grade::csv({one}) ==
          "student,tas,zens,total,note\nPoints Possible,3,1,4,\nada,2.25,0.5,2.75,\n");
    const Json json = Json::parse(gradescope(one));
    CHECK(json["score"].value == 2.75);
    double sum = 0;
    for (const Json &check : json["tests"].items) sum += check["max_score"].value;
    CHECK(sum == 4);
    CHECK(json["output"].string.find("\ntas: 2.25 of 3\nzens: 0.5 of 1") != std::string::npos);
    CHECK(text_report(one, false, false).find("by the scale 2.75 of 4\n") != std::string::npos);
}

// ---- Pages

TEST_CASE("grade: the pages have the reports, and nothing that is run or loaded", "[grade]") {
    grade::Class all;
    all.gradings = {graded("Ada <b>", 4, 1), graded("bob", 1, 1), graded("cy", 0, 0)};
    all.gradings[0].results[0].check.hidden = true;
    all.gradings[2].complete = false;
    all.gradings[2].note = "not graded yet";
    all.remarks = {"eve & co"};
    const std::string page = class_page(all), own = student_page(all.gradings[1], false);
    for (const std::string &one : {page, own})
        for (const char *other : {"<script", "src=", "http", "<b>", "<0>", "@import", "url("})
            CHECK(one.find(other) == std::string::npos);
    INFO(page);
    CHECK(page.find("2 of 3 students graded") != std::string::npos);
    CHECK(page.find("<a href=\"students/Ada%20%3Cb%3E/report.html\">Ada &lt;b&gt;</a>") !=
          std::string::npos);
    CHECK(page.find("<td>cy</td><td></td><td></td><td></td><td>not graded yet</td>") !=
          std::string::npos);
    CHECK(page.find("<li>eve &amp; co") != std::string::npos);
    const std::size_t most = page.find("zens: does &lt;1&gt;</summary>Ada &lt;b&gt;, bob"),
                      next = page.find("tas: does &lt;1&gt;</summary>bob");
    CHECK(most < next); // what most have lost comes first
    CHECK(next != std::string::npos);
    CHECK(page.find("width:50%", next) != std::string::npos);
    CHECK(own.find("tas: does &lt;3&gt;: 1 point lost") != std::string::npos);
    CHECK(own.find("it says &quot;tas&quot;") != std::string::npos);
    all.gradings[0].results[0].status = Status::failed;
    all.gradings[0].results[0].report = "secret";
    CHECK(student_page(all.gradings[0], false).find("secret") == std::string::npos);
    CHECK(student_page(all.gradings[0], true).find("secret") != std::string::npos);
}

// ---- Pairs

TEST_CASE("grade: lines are the same when names, numbers and spaces are not", "[grade]") {
    bool in_comment = false;
    const auto fold = [&](const char *line) { return grade::folded(line, in_comment); };
    CHECK(fold("  for (int i = 0; i < 10; ++i) // each") == fold("for(int next=1;next<20;++next)"));
    CHECK(fold("return first + 1;") != fold("return first - 1;"));
    CHECK(fold("a = 1; /* what") == "n=0;");
    CHECK(fold("b = 2; */ c") == "n");
}

TEST_CASE("grade: pairs have the same lines, but for those of the kit and of most", "[grade]") {
    std::string own, copied, kit;
    for (int i = 1; i <= 30; ++i) { // each line differs by its punctuation
        const std::string more(static_cast<std::size_t>(i), '!');
        own += "bool found = " + more + "first;\n";
        copied += "    bool there=" + more + "one; // mine\n\n";
        kit += "int left = " + more + "right(1);\n";
    }
    const std::string other = "puts(\"else\");\nint n[3];\nreturn n[0];\nn++;\n";
    const auto pairs = [&](const grade::Sources &sources) {
        return grade::pairs_of({{"tas/tas.cpp", sources}}, {kit});
    };
    const auto found = pairs({{"ada", kit + own}, {"bob", kit + other}, {"cy", copied + kit}});
    REQUIRE(found.size() == 1);
    CHECK(grade::csv(found) ==
          "program,student,other student,percent,same places,of,longest part in lines,from line,"
          "other from line\ntas/tas.cpp,ada,cy,93,28,30,30,31,1\n");
    grade::Sources most;
    for (const char *name : {"ada", "bob", "cy", "dan", "eve"}) most[name] = own;
    CHECK(pairs(most).empty());
    most.erase("ada");
    CHECK(pairs(most).size() == 6);
}

// ---- Gradescope

TEST_CASE("grade: Gradescope's script grades the choice that was made", "[grade]") {
    const Directory directory;
    const fs::path runner = fs::read_symlink("/proc/self/exe").parent_path();
    Process make({"/usr/bin/env", "MAKEFLAGS=", "make", "gradescope", "EXERCISES=zenc:3 zuc",
                  "SCALE=100", "AUTOGRADER=" + (directory.path / "source").string()});
    const auto made = make.wait_exit(6 * patience);
    CHECK_PROGRAM(make, made && WIFEXITED(*made) && WEXITSTATUS(*made) == 0);
    fs::copy(directory.path / "source/run_autograder", directory.path);
    fs::create_directory(directory.path / "results");
    directory.write("submission/zenc.cpp", "#include \"zen.h\"\nint main() { return 0; }\n");
    const auto grade = [&] {
        Process script({directory.path / "run_autograder"});
        CHECK_PROGRAM(script, script.wait_exit(12 * patience).has_value());
        return Json::parse(read(directory.path / "results/results.json"));
    };
    const Json unbuilt = grade();
    CHECK(unbuilt["score"].value == 0);
    CHECK(unbuilt["output"].string.find("could not be started") != std::string::npos);
    // setup.sh would build it there.
    fs::create_directories(directory.path / "source/kit/build/tests/grade");
    fs::create_directory_symlink(fs::absolute(runner / "grade/run"),
                                 directory.path / "source/kit/build/tests/grade/run");
    const Json json = grade();
    CHECK(json["output"].string.find("zenc.cpp is taken for zenc/zenc.cpp") != std::string::npos);
    CHECK(json["output"].string.find(" of 75\nzuc: 0 of 25") != std::string::npos);
    double worth = 0;
    for (const Json &one : json["tests"].items) {
        const std::string name = one["name"].string, exercise = name.substr(0, name.find(':'));
        worth += one["max_score"].value;
        CHECK(one["tags"].items[0].string == exercise);
        CHECK(one["number"].string.substr(0, 2) == (exercise == "zenc" ? "1." : "2."));
    }
    CHECK(std::abs(worth - 100) < 1); // each is rounded
}
