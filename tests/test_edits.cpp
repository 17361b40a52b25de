// The edits that make wrong programs of the kit's own: tests/grade/edits.h has their rules.
#include "grade/edits.h"

#include "catch.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace grade;
namespace fs = std::filesystem;

namespace {

const std::string header = "Mistake: It is late.\nLoses: zus: is early\nIn: zus/zus.cpp\n\n";

// `program` after the edits of a file of tests/wrong whose header is `header`.
std::string made(const std::string &program, const std::string &edits) {
    return edited(program, read_changed_program(header + edits).edits);
}

std::string contents(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

// ---- The code of a line

TEST_CASE("edits: the code of a line is without its comment and the white space around it",
          "[edits]") {
    CHECK(code_of("\t  int a = 1;  \r\n") == "int a = 1;");
    CHECK(code_of("int a = 1; // one") == "int a = 1;");
    CHECK(code_of("  // a comment // in a comment").empty());
    CHECK(code_of("").empty());
    CHECK(code_of(" \n").empty());
    CHECK(code_of("a / b; // a/b") == "a / b;");
}

TEST_CASE("edits: no comment begins in a literal, and none is missed after one", "[edits]") {
    CHECK(code_of(R"(open("http://host"); // it)") == R"(open("http://host");)");
    CHECK(code_of(R"(print("a \" // b"); // it)") == R"(print("a \" // b");)");
    CHECK(code_of(R"(print("a\\"); // "it")") == R"(print("a\\");)");
    CHECK(code_of(R"(if (c == '"') go(); // it)") == R"(if (c == '"') go();)");
    CHECK(code_of(R"(if (c == '\'') go(); // it's)") == R"(if (c == '\'') go();)");
    CHECK(code_of("usleep(100'000); // it's") == "usleep(100'000);");
    CHECK(code_of("f(0xff'ff, u8'\"', 1); // \"") == "f(0xff'ff, u8'\"', 1);");
    CHECK(code_of("an unfinished \"literal // ") == "an unfinished \"literal //");
    CHECK(code_of("its last character is \"\\") == "its last character is \"\\");
}

// ---- Reading

TEST_CASE("edits: a file tells the mistake, the checks, the program and the edits", "[edits]") {
    const ChangedProgram program = read_changed_program("Mistake: It is late.\n"
                                                        "Loses: zus: is early\n"
                                                        "Loses: zus: is there\n"
                                                        "In: zus/zus.cpp\n"
                                                        "\n"
                                                        "@@ -3,4 +3,4 @@ void serve()\n"
                                                        "     kept(); // as it is\n"
                                                        "-    removed();  \n"
                                                        "+    put(\"in\"); // so\n"
                                                        "+\n"
                                                        "\n"
                                                        " // no code\n"
                                                        "@@\n"
                                                        "-last();");
    CHECK(program.mistake == "It is late.");
    CHECK(program.loses == std::vector<std::string>{"zus: is early", "zus: is there"});
    CHECK(program.file == "zus/zus.cpp");
    REQUIRE(program.edits.size() == 2);
    const std::vector<Edit::Line> &lines = program.edits[0].lines;
    REQUIRE(lines.size() == 4);
    CHECK((lines[0].kind == ' ' && lines[0].text == "kept();"));
    CHECK((lines[1].kind == '-' && lines[1].text == "removed();"));
    CHECK((lines[2].kind == '+' && lines[2].text == "    put(\"in\"); // so"));
    CHECK((lines[3].kind == '+' && lines[3].text.empty()));
    REQUIRE(program.edits[1].lines.size() == 1);
    CHECK(program.edits[1].lines[0].text == "last();");
}

TEST_CASE("edits: what is no file of edits is refused, and why", "[edits]") {
    const auto check_refused = [](const std::string &text, const std::string &why) {
        INFO(text);
        CHECK_THROWS_WITH(read_changed_program(text), why);
    };
    const std::string edit = "@@\n-a();\n";
    const std::string neither = "it has no line \"Mistake: \" or \"Style: \", or both";
    check_refused("", neither);
    check_refused("Loses: a\nIn: b\n" + edit, neither);
    check_refused("Mistake: a\nStyle: b\nIn: c\n" + edit, neither);
    check_refused("Style: a\nLoses: b\nIn: c\n" + edit, "a right program loses nothing");
    check_refused("Mistake: a\nIn: b\n" + edit, "it has no line \"Loses: \"");
    check_refused("Mistake: a\nLoses: b\n" + edit, "it has no line \"In: \"");
    check_refused(header, "it has no edit, no line \"@@\"");
    check_refused(header + "In: tas/tas.cpp\n" + edit, "line 5: a second line \"In: \"");
    check_refused(header + "--- a/zus/zus.cpp\n" + edit,
                  "line 5: neither \"Mistake: \", \"Style: \", \"Loses: \", \"In: \" nor \"@@\"");
    check_refused(header + edit + "b();\n",
                  "line 7: a line of an edit begins with '-', ' ' or '+'");
    check_refused(header + edit + "\\ No newline at end of file\n",
                  "line 7: a line of an edit begins with '-', ' ' or '+'");
    check_refused(header + edit + "@@\n+b();\n",
                  "edit 2 has no old line: nothing tells where it belongs");
    check_refused(header + "@@\n // b\n+b();\n",
                  "edit 1 has no old line: nothing tells where it belongs");
    check_refused(header + edit + "@@\n", "edit 2 has no old line: nothing tells where it belongs");
    check_refused(header + "@@\n b();\n", "edit 1 changes nothing");
}

// ---- Editing

TEST_CASE("edits: lines are removed, kept and put in, and all else stays byte for byte",
          "[edits]") {
    CHECK(made("a();\r\n\tb();  // b\nc();\n\nd();", "@@\n-c();\n+x();\n+  y(); // y\n") ==
          "a();\r\n\tb();  // b\nx();\n  y(); // y\n\nd();");
    CHECK(made("a();\n\tb();  // b\nc();\n", "@@\n b();\n+x();\n-c();\n") ==
          "a();\n\tb();  // b\nx();\n");
    CHECK(made("a();\nb();\n", "@@\n+x();\n a();\n") == "x();\na();\nb();\n");
    CHECK(made("a();\nb();\n", "@@\n-a();\n-b();\n").empty());
    CHECK(made("a();\nb();", "@@\n b();\n+x();\n") == "a();\nb();\nx();\n");
    CHECK(made("a();\nb();", "@@\n-b();\n+x();\n") == "a();\nx();\n");
}

TEST_CASE("edits: comments, blank lines and white space around lines do not count", "[edits]") {
    const std::string edit = "@@\n     first(); // as it was\n"
                             "-    // gone\n"
                             "-second(\"//\");\n"
                             "+    other();\n";
    const std::string programs[] = {
        "first();\nsecond(\"//\");\n",
        "\t first();\t\r\n   second(\"//\");// new words\n",
        "// above\nfirst(); // 1\n\n    // between\n\nsecond(\"//\"); // 2\n// below\n",
    };
    const std::string expected[] = {
        "first();\n    other();\n",
        "\t first();\t\r\n    other();\n",
        "// above\nfirst(); // 1\n\n    // between\n\n    other();\n// below\n",
    };
    for (std::size_t i = 0; i < std::size(programs); ++i)
        CHECK(made(programs[i], edit) == expected[i]);
    // Between removed lines, what has no code stays.
    CHECK(made("a();\n// b\n\nb(); // c\nc();\n", "@@\n-a();\n-b();\n") == "// b\n\nc();\n");
    // The code itself counts.
    CHECK_THROWS(made("first();\nsecond(\"// \");\n", edit));
    CHECK_THROWS(made("first();\nsecond( \"//\");\n", edit));
    CHECK_THROWS(made("// first();\nsecond(\"//\");\n", edit));
}

TEST_CASE("edits: all are looked for in the program as it was, in any order", "[edits]") {
    const std::string program = "a();\nb();\nc();\n";
    CHECK(made(program, "@@\n-a();\n+c();\n@@\n-c();\n+a();\n") == "c();\nb();\na();\n");
    CHECK(made(program, "@@\n-c();\n+a();\n@@\n-a();\n+c();\n") == "c();\nb();\na();\n");
    CHECK_THROWS_WITH(made(program, "@@\n-a();\n+d();\n@@\n-d();\n"),
                      "edit 2 (d();): its old lines are not in the program");
}

TEST_CASE("edits: those without a place of their own are named, each with the reason", "[edits]") {
    const std::string program = "a();\nb();\na();\na();\nb();\nc();\n";
    const auto check_refused = [&](const std::string &edits, const std::string &why) {
        INFO(edits);
        CHECK_THROWS_WITH(made(program, edits), why);
    };
    check_refused("@@\n-d();\n", "edit 1 (d();): its old lines are not in the program");
    check_refused("@@\n-c();\n-a();\n", "edit 1 (c();): its old lines are not in the program");
    check_refused("@@\n-c();\n@@\n-a();\n-b();\n",
                  "edit 2 (a();): its old lines are in 2 places of the program");
    check_refused("@@\n+x();\n a();\n",
                  "edit 1 (a();): its old lines are in 3 places of the program");
    check_refused("@@\n b();\n-c();\n@@\n-b();\n+x();\n c();\n",
                  "edit 2 (b();): another edit has the same lines");
    check_refused("@@\n-d();\n@@\n-c();\n@@\n-a();\n",
                  "edit 1 (d();): its old lines are not in the program\n"
                  "edit 3 (a();): its old lines are in 3 places of the program");
    // Places may overlap.
    CHECK_THROWS_WITH(made("a();\na();\na();\n", "@@\n-a();\n-a();\n"),
                      "edit 1 (a();): its old lines are in 2 places of the program");
    CHECK(made(program, "@@\n-a();\n a();\n") == "a();\nb();\na();\nb();\nc();\n");
}

// ---- The changed programs

TEST_CASE("edits: each changed program can be made of the kit's, and is another one", "[edits]") {
    std::vector<fs::path> files;
    for (const char *directory : {"tests/wrong", "tests/right"})
        for (const auto &entry : fs::directory_iterator(directory))
            if (entry.is_regular_file()) files.push_back(entry.path());
    for (const fs::path &path : files) {
        const std::string name = path.filename();
        INFO(name);
        CHECK(path.extension() == ".edit");
        try {
            const ChangedProgram changed = read_changed_program(contents(path));
            CHECK(changed.loses.empty() == (path.parent_path().filename() == "right"));
            const fs::path file = changed.file;
            const std::string directory = file.parent_path();
            const bool of_several = directory == "framing" || directory == "asyncio";
            const std::string prefix = (of_several ? directory + "-" : "") + file.stem().string();
            CHECK(name.rfind(prefix + "-", 0) == 0); // by which it is graded
            const std::string program = contents(file);
            CHECK(edited(program, changed.edits) != program);
        } catch (const std::runtime_error &error) {
            FAIL_CHECK(error.what());
        }
    }
    CHECK(files.size() > 100);
}
