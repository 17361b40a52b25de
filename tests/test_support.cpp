// Tests of what the tests themselves stand on: what they know of a program's output and end.
#include "catch.h"
#include "support/process.h"

#include <string>

using test::Milliseconds;
using test::Output;
using test::patience;
using test::Process;

namespace {

// A line that is as long as all the others: "line 0000042".
std::string numbered(int number) {
    const std::string digits = std::to_string(number);
    return "line " + std::string(7 - digits.size(), '0') + digits;
}

Process shell(const std::string &script) { return Process({"/bin/sh", "-c", script}); }

bool ends_with(const std::string &text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

} // namespace

TEST_CASE("output that is short enough is kept whole", "[support]") {
    Output output(1300);
    std::string all;
    for (int i = 0; i < 100; ++i) {
        output.append(numbered(i) + "\n");
        all += numbered(i) + "\n";
    }
    CHECK(output.text() == all);
    CHECK(output.size() == all.size());
    CHECK(output.find(numbered(42)) == 42 * 13);
    CHECK(output.find(numbered(42), 43 * 13) == std::string::npos);
    CHECK(output.find(numbered(99) + "\nl") == std::string::npos);
}

TEST_CASE("of output that is too long, the beginning and the end are kept, in whole lines",
          "[support]") {
    constexpr int lines = 100'000;
    for (const std::size_t piece : {1u, 13u, 1000u, 70'000u}) {
        Output output(13'000);
        std::string waiting;
        std::size_t largest = 0;
        for (int i = 0; i < lines; ++i) {
            waiting += numbered(i) + "\n";
            if (waiting.size() < piece && i + 1 < lines) continue;
            for (std::size_t at = 0; at < waiting.size(); at += piece)
                output.append(std::string_view(waiting).substr(at, piece));
            waiting.clear();
            largest = std::max(largest, output.text().size());
        }
        INFO("in pieces of " << piece << " bytes");
        CHECK(largest < 13'000 + 40);
        CHECK(output.size() == lines * 13);
        const std::string text = output.text();
        CHECK(text.rfind(numbered(0) + "\n" + numbered(1) + "\n", 0) == 0);
        CHECK(text.find("\n" + numbered(490) + "\n") != text.npos);
        CHECK(text.find("\n" + numbered(50'000) + "\n") == text.npos);
        CHECK(text.find("\n" + numbered(lines - 240) + "\n") != text.npos);
        CHECK(ends_with(text, "\n" + numbered(lines - 1) + "\n"));

        const std::size_t last = (lines - 1) * 13;
        CHECK(output.find(numbered(lines - 1)) == last);
        CHECK(output.find(numbered(lines - 1), last) == last);
        CHECK(output.find(numbered(lines - 1), last + 1) == std::string::npos);

        std::size_t position = 0;
        int count = 0, before = -1;
        while (const auto line = output.line(position)) {
            const int number = std::stoi(line->substr(5));
            if (*line != numbered(number) || number <= before) FAIL("not a line: " << *line);
            before = number;
            ++count;
        }
        CHECK(before == lines - 1);
        CHECK(position == output.size());
        CHECK(count >= 740);
    }
}

TEST_CASE("a line longer than all that is kept leaves its beginning and its end", "[support]") {
    Output output(1000);
    for (int i = 0; i < 100; ++i) output.append(std::string(100, 'x'));
    output.append("end");
    const std::string text = output.text();
    CHECK(text.size() < 1040);
    CHECK(text.find("x[") == 499);
    CHECK(ends_with(text, "xxend"));
    CHECK(output.find("end") == 10'000);
}

TEST_CASE("the last line of a program is there, however much it has written", "[support]") {
    Process program =
        shell("echo first; yes 'and another one' | head -c 20000000; echo; echo last");
    CHECK(program.wait_for("\nlast\n"));
    REQUIRE(program.wait_exit());
    const std::string out = program.standard_output();
    CHECK(out.rfind("first\n", 0) == 0);
    CHECK(ends_with(out, "\nlast\n"));
    CHECK(out.size() < 9'000'000);
    CHECK(ends_with(program.description(), "\nlast\n"));
}

TEST_CASE("all that a program wrote is known as soon as it has ended", "[support]") {
    for (int i = 0; i < 100; ++i) {
        Process program = shell("echo out; yes more | head -n 10000 >&2; echo last >&2");
        REQUIRE(program.wait_exit(patience, false));
        const std::string error = program.standard_error();
        if (error.size() != 50'005) FAIL_CHECK(error.size() << " bytes on standard error");
        CHECK(program.standard_output() == "out\n");
    }
    for (int i = 0; i < 100; ++i) {
        Process program = shell("yes more | head -n 10000 >&2; echo last >&2");
        REQUIRE(program.wait_exit(patience, false));
        if (!ends_with(program.description(), "more\nlast\n")) FAIL_CHECK(program.description());
    }
}

TEST_CASE("a child that goes on does not hold up what its parent wrote", "[support]") {
    const auto begin = std::chrono::steady_clock::now();
    Process program = shell("sleep 1000 & echo last >&2");
    REQUIRE(program.wait_exit(patience, false));
    CHECK(ends_with(program.description(),
                    "exit status 0)\nits last lines on standard error:\nlast\n"));
    CHECK(std::chrono::steady_clock::now() - begin < patience);
}

TEST_CASE("a program that never stops writing does not hold up who looks at it", "[support]") {
    Process program = shell("yes");
    CHECK(program.wait_for("y\ny\n"));
    for (int i = 0; i < 3; ++i) CHECK(program.standard_output().rfind("y\n", 0) == 0);
    CHECK(program.status_text() == "still running");
}
