// The programs of asyncio/ that are no servers and no clients: tour and delays, and what is exact of
// words. What words does is in grade/checks_words.cpp.
#include "support/kit.h"
#include "support/procfs.h"
#include "support/redirected.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;

namespace {

// They have no rows in the table of the programs, as they share no behaviour with those.
constexpr Program tour = {"tour", "[asyncio][tour]", "asyncio/tour", Kind::tcp_client, "fl"};
constexpr Program words = {"words", "[asyncio][words]", "asyncio/words", Kind::tcp_client, "j"};
constexpr Program delays = {"delays", "[asyncio][delays]", "asyncio/delays", Kind::tcp_client, ""};
constexpr std::array tools = {tour, words, delays};

std::string output_of(std::vector<std::string> arguments, int expected = 0) {
    Process process(std::move(arguments));
    const auto status = process.wait_exit(Milliseconds(60'000));
    CHECK_PROGRAM(process, status && WIFEXITED(*status) && WEXITSTATUS(*status) == expected);
    return process.standard_output();
}
std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
        lines.push_back(text.substr(begin, end - begin));
    return lines;
}

// A directory with files for words.
class Files {
  public:
    Files() : path_(std::filesystem::temp_directory_path() / "zen-words-XXXXXX") {
        std::string name = path_;
        REQUIRE(mkdtemp(name.data()));
        path_ = name;
    }
    ~Files() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Files(const Files &) = delete;
    Files &operator=(const Files &) = delete;
    std::string path(const std::string &name) const { return path_ / name; }
    std::string write(const std::string &name, const std::string &text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        return path(name);
    }

  private:
    std::filesystem::path path_;
};
std::string some_text(std::size_t size) {
    std::string text;
    for (unsigned i = 1; text.size() < size; ++i) {
        text += "word" + std::to_string(i * 2654435761u % 5000);
        text += i % 10 == 0 ? "\r\n" : i % 7 == 0 ? "\t  " : " ";
    }
    return text;
}
std::string sorted_and_counted(const std::string &files) {
    return output_of(
        {"/bin/sh", "-c",
         "export LC_ALL=C; cat " + files + " | tr -s '[:space:]' '\\n' | grep . | sort | uniq -c"});
}

} // namespace

// ---- All of them

TEST_OF_EACH(tools, "-h tells its options, and a wrong command line is said", "[usage]") {
    const std::string name(program.name), usage = "usage: " + name + " [-h]";
    CHECK(output_of(command(program, {"-h"})).rfind(usage, 0) == 0);
    for (const auto &arguments :
         {command(program, {"-x"}), command(program, {"-j", "0", "x"}),
          program.name == "words" ? command(program, {}) : command(program, {"x", "y"})}) {
        Process process(arguments);
        check_exit(process, 2);
        const auto lines = lines_of(process.standard_error());
        CHECK_PROGRAM(process, lines.size() == 2 && lines[0].rfind(name + ": ", 0) == 0 &&
                                   lines[1].rfind(usage, 0) == 0);
        CHECK(process.standard_output().empty());
    }
}

TEST_CASE("tour, words: say that their standard output fails",
          "[asyncio][tour][words][output][faults]") {
    Files files;
    const std::string file = files.write("file", "a b");
    for (const Program &program : {tour, words}) {
        Redirected process(program, {program.name == "tour" ? "hello" : file}, ">/dev/full");
        check_exit(process, 1);
        CHECK_PROGRAM(process, process.standard_error() ==
                                   program.file() + ": cannot print: No space left on device\n");
    }
}

// ---- tour

TEST_CASE("tour: -l lists the examples with a line each; each one runs, and alone prints the same",
          "[asyncio][tour]") {
    const auto listed = lines_of(output_of(command(tour, {"-l"})));
    REQUIRE(listed.size() >= 26);
    std::vector<std::string> one_by_one;
    for (const std::string &line : listed) {
        const std::string name = line.substr(0, line.find(' '));
        const std::string purpose = line.substr(line.find_first_not_of(' ', name.size()));
        one_by_one.push_back("== " + name + ": " + purpose);
        const auto printed = lines_of(output_of(command(tour, {"-f", name})));
        CHECK(!printed.empty());
        one_by_one.insert(one_by_one.end(), printed.begin(), printed.end());
    }
    CHECK(lines_of(output_of(command(tour, {"-f"}))) == one_by_one);
}

TEST_CASE("tour: what some examples print", "[asyncio][tour]") {
    CHECK(output_of(command(tour, {"hello"})) == "Hello ...\n... World!\n");
    CHECK(output_of(command(tour, {"-f", "concurrent"})) ==
          "at the same time:\nworld, after the shorter one\nhello, after the longer delay\n"
          "finished\n");
    CHECK(output_of(command(tour, {"-f", "cancel"})) ==
          "cancel_me: before the sleep\ncancel_me: cancelled in its sleep\ncancel_me: finally\n"
          "main: cancel_me is cancelled now\n");
    CHECK(output_of(command(tour, {"-f", "shared"})) ==
          "the shared counter: 4000\na variable of the parent: 0\n");
    const auto waits = lines_of(output_of(command(tour, {"-f", "wait"}))); // all four
    CHECK(std::count(waits.begin(), waits.end(), "done: 2, pending: 1") == 2);
}

TEST_CASE("tour: an example that is not there is said", "[asyncio][tour]") {
    Process process(command(tour, {"dance"}));
    check_exit(process, 2);
    CHECK_PROGRAM(process,
                  process.standard_error().rfind("tour: no example is called 'dance'", 0) == 0);
}

TEST_CASE("tour: a signal stops it, also while a thread computes or a process runs",
          "[asyncio][tour][signals]") {
    for (const int signal : {SIGINT, SIGTERM}) {
        Process process(command(tour, {"thread"}));
        REQUIRE(process.wait_for("computes"));
        process.signal(signal);
        const auto status = process.wait_exit(stop_limit);
        CHECK_PROGRAM(process, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 130);
        CHECK(process.standard_output() == "the thread computes\n");
    }
}

// ---- words

TEST_CASE("words: counts as sort and uniq do, whatever starts it", "[asyncio][words]") {
    Files files;
    const std::string small = files.write("small", "  one two\n\none\xc3\xa9 two two\\ end");
    const std::string expected = sorted_and_counted(small);
    CHECK(output_of(command(words, {small})) == expected);
    CHECK(output_of(
              {"/bin/sh", "-c", "echo b a b | " + kit_directory() + "/asyncio/words /dev/stdin"}) ==
          "      1 a\n      2 b\n");
    CHECK(output_of({"/bin/sh", "-c", // who starts it has nobody wait for children
                     "trap '' CHLD; exec " + kit_directory() + "/asyncio/words " + small}) ==
          expected);
}

TEST_CASE("words: says in one line what cannot be read", "[asyncio][words][errors]") {
    Files files;
    const std::string small = files.write("small", "one two one"), missing = files.path("missing");
    const std::string directory = files.path("directory");
    std::filesystem::create_directory(directory);
    Process process(command(words, {missing, small, directory}));
    check_exit(process, 1);
    CHECK_PROGRAM(process, process.standard_output() == "      2 one\n      1 two\n");
    CHECK_PROGRAM(process, process.standard_error() ==
                               "words: cannot read " + missing + ": No such file or directory\n" +
                                   "words: cannot read " + directory + ": Is a directory\n");
}

TEST_CASE("words: shows on a terminal how far it is", "[asyncio][words]") {
    Files files;
    const std::string file = files.write("file", some_text(1'000'000));
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE((terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0));
    const int kept = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    Redirected process(words, {file}, std::string("2>") + ptsname(terminal));
    check_exit(process, 0);
    char shown[4096];
    const ssize_t size = read(terminal, shown, sizeof shown);
    const std::string text(shown, size > 0 ? std::size_t(size) : 0);
    CHECK(text.find("% of 0 MiB") != text.npos);
    CHECK(text.ends_with("\r\x1b[K"));
    close(kept);
    close(terminal);
}

// ---- delays

TEST_CASE("delays: each line starts a delay, and the shorter ones end first", "[asyncio][delays]") {
    const auto output = [](const std::string &input) {
        return output_of(
            {"/bin/sh", "-c", "printf '" + input + "' | " + kit_directory() + "/asyncio/delays"});
    };
    CHECK(output("1.5\\n 0 \\nx\\n0.5\\n") ==
          "Begun: 1.5 s\nBegun:  0  s\nNot a number of seconds: x\nBegun: 0.5 s\n"
          "Finished:  0  s\nFinished: 0.5 s\nFinished: 1.5 s\n");
    CHECK(output("0.5") == "Begun: 0.5 s\nFinished: 0.5 s\n"); // a last line without its end
}

TEST_CASE("delays: takes the next line while a delay lasts, and stops on a signal",
          "[asyncio][delays][signals]") {
    const Fifo input;
    Redirected process(delays, {}, "<" + input.path());
    for (const std::string line : {"100", "200", "0"}) {
        REQUIRE(write(input.end(), (line + "\n").data(), line.size() + 1) > 0);
        CHECK_PROGRAM(process, process.wait_for("Begun: " + line + " s\n"));
    }
    CHECK_PROGRAM(process, process.wait_for("Finished: 0 s\n"));
    check_sleeps(process, Milliseconds(300), Milliseconds(100));
    process.signal(SIGTERM);
    const auto status = process.wait_exit(stop_limit);
    CHECK_PROGRAM(process, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 130);
}

TEST_CASE("delays: reads a file, nothing, what is no number, and a line without end",
          "[asyncio][delays][hostile]") {
    Files files;
    const auto run = [&](const std::string &redirection) {
        Redirected process(delays, {}, redirection);
        check_exit(process, 0);
        return process.standard_output();
    };
    CHECK(run("</dev/null").empty());
    CHECK(run("<" + files.write("zero", "0\n")) == "Begun: 0 s\nFinished: 0 s\n");
    for (const std::string line : {"-1", "nan", "inf", "1e9", "1x", "", "\x1b[2J"})
        CHECK(run("<" + files.write("wrong", line + "\n")).rfind("Not a number of seconds: ", 0) ==
              0);
    CHECK(run("<" + files.write("long", std::string(100'000, '1') + "\n0\n")).find("too long") !=
          std::string::npos);
}
