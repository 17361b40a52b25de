// The grader, when it grades a class: its tables while students are not graded yet, a grading that is
// broken off and goes on, and one student who is graded again.
#include "grade/results.h"
#include "support/graded.h"
#include "support/procfs.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;
using grade::Grading, grade::Result, grade::Status;

namespace {

// It earns the points of the first check. In the second, it does `what` instead of printing its help.
std::string client_that(const std::string &what) {
    return R"(#include <unistd.h>
#define main right_main
#include "right.h"
#undef main
int main(int count, char **arguments) {
    if (count > 1 && arguments[1][0] == '-' && arguments[1][1] == 'h') )" +
           what + R"(;
    return right_main(count, arguments);
}
)";
}
const std::string wrong_client = client_that("return 1"), hanging_client = client_that("pause()");
// A class is graded, with builds, also while others use the machine.
const Milliseconds long_time = 30 * patience;
const std::string head = "student,zenc,total,note\nPoints Possible,3,3,\n";

// ada is right, bob hangs or is wrong, cy has handed in nothing.
class Class : public Directory {
  public:
    Class() {
        write("class/ada/zenc/zenc.cpp", read("zenc/zenc.cpp"));
        write("class/bob/zenc/right.h", read("zenc/zenc.cpp"));
        write("class/bob/zenc/zenc.cpp", wrong_client);
        fs::create_directory(path / "class/cy");
        write("exported.csv", "Student,Login ID,Zen lab\nA,ada,\nB,bob,1\nC,cy,\nD,dan,1\n");
    }
    std::string table() const { return read(path / "out/grades.csv"); }
    std::string roster() const { return read(path / "out/roster.csv"); }
    fs::path results(const std::string &student) const {
        return path / "out/students" / student / "results.json";
    }
};

class ClassGrader : public Grader {
  public:
    ClassGrader(const Class &one, std::vector<std::string> arguments = {})
        : Grader(one, command(one, std::move(arguments))) {}

    // The whole grading; what it has printed.
    std::string output() {
        const auto status = wait_exit(long_time);
        CHECK_PROGRAM(*this, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
        return standard_output();
    }

  private:
    static std::vector<std::string> command(const Class &one, std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"-c", one.path / "class", "-R",
                                             one.path / "exported.csv", "-j", "1", "-p", "1"});
        for (const char *check :
             {"zenc: asks the three questions", "zenc: reports a bad command line"})
            arguments.push_back(check);
        return arguments;
    }
};

} // namespace

TEST_CASE("grade: before a grading is complete, its cells in the tables are blank", "[grade]") {
    Result passed;
    passed.check.name = "tas: serves one client";
    passed.check.exercise = "tas";
    passed.check.points = 2;
    passed.status = Status::passed;
    Grading ada, bob;
    ada.student = "ada";
    bob.student = "bob";
    ada.results = bob.results = {passed};
    ada.complete = true;
    bob.note = "broken off";
    CHECK(grade::csv({ada, bob}) ==
          "student,tas,total,note\nPoints Possible,2,2,\nada,2,2,\nbob,,,broken off\n");
    std::vector<std::string> notes;
    CHECK(grade::fill_roster("ID,Lab\nada,\nbob,1\ncy,1\n", "Lab", {ada, bob}, notes) ==
          "ID,Lab\nada,2\nbob,\ncy,1\n");
    CHECK(grade::fill_roster("ID\nada\nbob\n", "Lab", {ada, bob}, notes) ==
          "ID,Lab\nada,2\nbob,\n");
}

TEST_CASE("grade: results are taken only where they are complete and of the same", "[grade]") {
    Grading graded;
    for (const char *name : {"tas: answers", "tas: closes"}) {
        Result one;
        one.check.name = name;
        one.check.exercise = "tas";
        one.check.points = 2;
        graded.results.push_back(one);
    }
    Grading planned = graded;
    planned.sources["tas"] = graded.sources["tas"] = "12ab";
    graded.results[0].status = Status::undetermined;
    graded.results[1].status = Status::failed;
    graded.results[1].report = "two\nlines";
    graded.notes["tas"] = "a note";
    graded.scale.full = 100; // points are kept beside those of the scale
    CHECK_FALSE(take_results(planned, gradescope(graded)));
    graded.complete = true;
    const std::string json = gradescope(graded);
    CHECK_FALSE(take_results(planned, ""));
    CHECK_FALSE(take_results(planned, json.substr(0, json.size() / 2)));
    Grading other = planned;
    other.sources["tas"] = "34cd";
    CHECK_FALSE(take_results(other, json));
    other = planned;
    other.results[1].check.name = "tas: is new";
    CHECK_FALSE(take_results(other, json));
    other = planned;
    other.results[1].check.points = 1;
    CHECK_FALSE(take_results(other, json));
    CHECK(other.earned() == 0);
    CHECK_FALSE(other.complete);
    REQUIRE(take_results(planned, json));
    CHECK(planned.complete);
    CHECK(planned.earned() == 2);
    CHECK(planned.results[0].status == Status::undetermined);
    CHECK(planned.results[1].report == "two\nlines");
    CHECK(planned.notes == graded.notes);
}

TEST_CASE("grade: a class whose grading is broken off is graded to its end", "[grade]") {
    const Class one;
    ClassGrader(one).output();
    const std::string table = one.table(), roster = one.roster();
    CHECK(table == head + "ada,3,3,\nbob,2,2,\ncy,0,0,\n");
    CHECK(roster == "Student,Login ID,Zen lab\nA,ada,3\nB,bob,2\nC,cy,0\nD,dan,1\n");
    for (const int signal : {SIGTERM, SIGKILL}) {
        fs::remove_all(one.path / "out");
        one.write("class/bob/zenc/zenc.cpp", hanging_client);
        {
            ClassGrader grader(one);
            CHECK(eventually(
                [&] { return read(one.results("bob")).find("\"score\": 2") != std::string::npos; },
                long_time));
            grader.signal(signal);
            REQUIRE(grader.wait_exit(long_time));
            // The process that has graded bob may live a little longer than one that is killed.
            const int held = open(one.results("bob").parent_path().c_str(), O_RDONLY | O_CLOEXEC);
            CHECK(eventually([&] { return flock(held, LOCK_EX | LOCK_NB) == 0; }));
            close(held);
        }
        const std::string note = signal == SIGTERM ? "broken off" : "broken off or under way";
        CHECK(one.table() == head + "ada,3,3,\nbob,,," + note + "\ncy,,,not graded yet\n");
        CHECK(one.roster() == "Student,Login ID,Zen lab\nA,ada,3\nB,bob,\nC,cy,\nD,dan,1\n");
        // Neither the place of the results nor their time tells whether they are complete.
        fs::rename(one.path / "out", one.path / "moved");
        fs::copy(one.path / "moved", one.path / "out", fs::copy_options::recursive);
        fs::remove_all(one.path / "moved");
        const auto time = fs::last_write_time(one.results("ada"));
        one.write("class/bob/zenc/zenc.cpp", wrong_client); // it need not hang again
        const std::string out = ClassGrader(one).output();
        INFO(out);
        CHECK(out.find("ada: 3 of 3 (graded before)\n2 to be graded, 1 at a time: about ") == 0);
        CHECK(out.find("\nbob: 2 of 3 (") != std::string::npos);
        CHECK(out.find("\n1 left: about ") != std::string::npos);
        CHECK(out.find("(graded before)", 20) == std::string::npos);
        CHECK(fs::last_write_time(one.results("ada")) == time);
        CHECK(one.table() == table);
        CHECK(one.roster() == roster);
    }
}

TEST_CASE(
    "grade: of a class, a student is graded again if asked for, or if he has changed something",
    "[grade]") {
    const Class one;
    ClassGrader(one).output();
    const std::string table = one.table();
    const auto time = fs::last_write_time(one.results("ada"));
    const std::string again = ClassGrader(one, {"-s", "ada"}).output();
    CHECK(again.find("bob: 2 of 3 (graded before)\ncy: 0 of 3 (graded before)\n1 to be graded") ==
          0);
    CHECK(again.find("\nada: 3 of 3 (") != std::string::npos);
    CHECK(fs::last_write_time(one.results("ada")) != time);
    CHECK(one.table() == table);

    one.write("class/cy/zenc/zenc.cpp", read("zenc/zenc.cpp"));
    ClassGrader(one, {"-s", "bob"}).output(); // no other one is
    CHECK(one.table() == head + "ada,3,3,\nbob,2,2,\ncy,,,to be graded again\n");
    const std::string changed = ClassGrader(one).output();
    CHECK(changed.find(
              "ada: 3 of 3 (graded before)\nbob: 2 of 3 (graded before)\n1 to be graded") == 0);
    CHECK(changed.find("\ncy: 3 of 3 (") != std::string::npos);
    CHECK(one.table() == head + "ada,3,3,\nbob,2,2,\ncy,3,3,\n");

    ClassGrader nobody(one, {"-s", "dan"});
    const auto status = nobody.wait_exit();
    CHECK_PROGRAM(nobody, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 1);
    CHECK(nobody.standard_error() == "grade: no student is named dan\n");
    CHECK(one.table() == head + "ada,3,3,\nbob,2,2,\ncy,3,3,\n");
}

TEST_CASE("grade: tables and pages are written of the results that are there", "[grade]") {
    const Class one;
    ClassGrader(one, {"-p", "2"}).output();
    CHECK(one.table() == head + "ada,3,3,\nbob,2,2,\ncy,0,0,\n");
    const auto time = fs::last_write_time(one.results("ada"));
    one.write("class/cy/zenc/zenc.cpp", wrong_client);
    one.write("exported.csv", "ID,Zen lab (5512)\nada,\nbob,\ncy,\n");
    const std::string out = ClassGrader(one, {"-n", "-P", "100"}).output();
    CHECK(out == "ada: 100 of 100 (graded before)\nbob: 66.67 of 100 (graded before)\n");
    CHECK(one.table() == "student,zenc,total,note\nPoints Possible,100,100,\nada,100,100,\n"
                         "bob,66.67,66.67,\ncy,,,to be graded again\n");
    CHECK(one.roster() == "ID,Zen lab (5512)\nada,100\nbob,66.67\ncy,\n");
    CHECK(fs::last_write_time(one.results("ada")) == time);
    CHECK(read(one.path / "out/index.html").find("2 of 3 students graded") != std::string::npos);
    const std::string page = read(one.results("bob").parent_path() / "report.html");
    CHECK(page.find("66.67 of 100") != std::string::npos);
    CHECK(page.find("zenc: reports a bad command line: 1 point lost") != std::string::npos);

    const int held = open((one.path / "out").c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(flock(held, LOCK_EX | LOCK_NB) == 0);
    ClassGrader second(one);
    CHECK_PROGRAM(second, second.wait_exit().has_value());
    CHECK(second.standard_error().find("another grading of a class writes to") !=
          std::string::npos);
    close(held);
}
