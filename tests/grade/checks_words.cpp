// words: counts as sort and uniq -c do, in processes of its own.
#include "checks_clients.h"
#include "place.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>

#include <sys/stat.h>

using namespace grade;

namespace {

constexpr auto words = only<"words">();

const std::string as_the_tools_do =
    "cat FILE | tr -s '[:space:]' '\\n' | LC_ALL=C sort | uniq -c | diff - out";

// A file for the program under test, which is removed at the end.
class File {
  public:
    explicit File(const std::string &text) {
        static int files = 0;
        path_ = place.scratch + "/file" + std::to_string(++files);
        std::ofstream(path_, std::ios::binary) << text;
        chmod(path_.c_str(), 0644);
    }
    ~File() { std::filesystem::remove(path_); }
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    const std::string &path() const { return path_; }

  private:
    std::string path_;
};

std::string some_text(std::size_t size) {
    std::string text;
    for (unsigned i = 1; text.size() < size; ++i) {
        text += "word" + std::to_string(i * 2654435761u % 5000);
        text += i % 10 == 0 ? "\r\n" : i % 7 == 0 ? "\t  " : " ";
    }
    return text;
}

// What sort and uniq -c make of these texts.
std::string counted(const std::vector<std::string> &texts) {
    std::map<std::string, int> counts;
    for (const std::string &text : texts) {
        std::string word;
        for (const char c : text + " ")
            if (!std::isspace(static_cast<unsigned char>(c))) word += c;
            else if (!word.empty()) ++counts[std::exchange(word, "")];
    }
    std::string lines;
    for (const auto &[word, count] : counts) {
        const std::string number = std::to_string(count);
        lines += std::string(number.size() < 7 ? 7 - number.size() : 0, ' ') + number + " " + word +
                 "\n";
    }
    return lines;
}

// The first line that is not as it should be.
[[noreturn]] void fail_at_difference(const std::string &expected, const std::string &found) {
    std::istringstream right(expected), other(found);
    std::string a, b;
    while (a == b && std::getline(right, a))
        if (!std::getline(other, b)) b = "(no more lines)";
    fail("the counts are wrong", a == b ? "no more lines" : test::shown(a), test::shown(b));
}

void expect_counts(Student &student, const std::string &expected, int status = 0) {
    const int found = student.exit_status(3 * patience);
    if (found != status)
        fail("it ended otherwise", "exit status " + std::to_string(status), student.status_text());
    if (const std::string out = student.standard_output(); out != expected)
        fail_at_difference(expected, out);
}

// The children of the program, once there are so many.
std::vector<pid_t> children_of(const Student &student, std::size_t count) {
    std::vector<pid_t> found;
    const auto are_there = [&] { return (found = test::children(student.pid())).size() == count; };
    if (!test::eventually(are_there))
        fail("the number of child processes is wrong", std::to_string(count),
             std::to_string(found.size()));
    return found;
}

} // namespace

CHECK_OF_EACH(words, "counts the words of a file", "[pts:2]") {
    trying("The words of a short file are counted: some come twice, one stands at the end without "
           "white space after it.",
           "Words are what is between white space. Count the last one, too.");
    by_hand("printf 'one two\\n\\none\\t two two end' > FILE; ./asyncio/words FILE > out",
            as_the_tools_do);
    const std::string text = "  one two\n\none\t\xc3\xa9 two two\\ end";
    const File file(text);
    Student student(program, {file.path()});
    expect_status(student, 0);
    std::istringstream out(student.standard_output());
    std::map<std::string, int> counts;
    std::string word;
    for (int number = 0; out >> number >> word;) counts[word] = number;
    const std::map<std::string, int> expected = {
        {"one", 2}, {"two", 2}, {"\xc3\xa9", 1}, {"two\\", 1}, {"end", 1}};
    if (counts != expected) fail_at_difference(counted({text}), student.standard_output());
}

CHECK_OF_EACH(words, "prints as sort and uniq do", "[pts:1][needs:counts the words of a file]") {
    trying(
        "The output is compared byte by byte.",
        "Sort by the bytes of the words; print the number with seven places, a blank, the word.");
    by_hand("./asyncio/words README.md > out", "FILE=README.md; " + as_the_tools_do);
    const std::string text = "b a B b \xc3\xa9 a~ a\n" + test::repeat("x ", 12'345);
    const File file(text);
    Student student(program, {file.path()});
    expect_counts(student, counted({text}));
}

CHECK_OF_EACH(words, "counts several files and empty ones",
              "[pts:1][needs:prints as sort and uniq do]") {
    trying("Two files with words are counted with an empty one and one of white space, and these "
           "two alone.",
           "Add up the counts of all files. A file without words adds nothing, and is no error.");
    by_hand("./asyncio/words LAB.md README.md /dev/null > out",
            "FILE='LAB.md README.md'; " + as_the_tools_do);
    const std::string one = "one two", two = "two three\n";
    const File first(one), empty(""), second(two), blank(" \n ");
    Student all(program, {first.path(), empty.path(), second.path(), blank.path()});
    expect_counts(all, counted({one, two}));
    Student none(program, {empty.path(), blank.path()});
    expect_counts(none, "");
}

CHECK_OF_EACH(words, "counts a large file in pieces", "[pts:2][needs:prints as sort and uniq do]") {
    trying("A file of 17 MB is counted with -j 1, -j 2 and -j 5, and one with a word of 9 MB.",
           "A piece begins and ends anywhere: a word belongs to the piece in which it begins, also "
           "where it ends in the next one.");
    by_hand("yes $(cat LAB.md) | head -c 17000000 > FILE; ./asyncio/words -j 2 FILE > out",
            as_the_tools_do);
    const std::string text = some_text(17'000'000), long_word(9'000'000, 'x');
    const File large(text), huge(long_word + " y");
    const std::string expected = counted({text});
    for (const char *number : {"1", "2", "5"}) {
        Student student(program, {"-j", number, large.path()});
        expect_counts(student, expected);
    }
    Student student(program, {huge.path()});
    require(student.exit_status(3 * patience) == 0, "a word of 9 MB is too long for it");
    const std::string out = student.standard_output();
    require(out.starts_with("      1 xxx") && out.ends_with("x\n      1 y\n"),
            "a word of 9 MB and a short one are counted wrong");
}

CHECK_OF_EACH(words, "counts in processes of its own",
              "[pts:2][mechanism][needs:counts the words of a file]") {
    trying("With -j 2, two pipes and a file are counted: while nothing comes out of the pipes, two "
           "child processes wait; then words come.",
           "run_in_executor with a ProcessPoolExecutor of N processes; the parent only adds up.");
    by_hand("mkfifo p q; ./asyncio/words -j 2 p q FILE", "ps --ppid PID");
    const File file("one two");
    Pipe first, second;
    Student student(program, {"-j", "2", first.path(), second.path(), file.path()});
    children_of(student, 2);
    first.write("one ");
    second.write("three");
    first.end();
    require(test::children(student.pid()).size() >= 1, "nobody waits for the second pipe");
    second.end();
    expect_counts(student, "      2 one\n      1 three\n      1 two\n");
}

CHECK_OF_EACH(words, "counts the rest when a file cannot be read",
              "[pts:2][needs:prints as sort and uniq do]") {
    trying("A file that is not there, one with words, and a directory are counted.",
           "For each file that cannot be read: one line on standard error. Count the rest; then "
           "the status is 1.");
    by_hand("./asyncio/words missing README.md asyncio | tail -n 2; echo ${PIPESTATUS[0]}     # 1",
            "(none)");
    const std::string text = "one two one";
    const File file(text);
    Student student(program, {place.scratch + "/missing", file.path(), "/"});
    expect_counts(student, counted({text}), 1);
    const std::string said = student.standard_error();
    if (said.find("missing") == said.npos || std::count(said.begin(), said.end(), '\n') != 2)
        fail("it did not say which files cannot be read", "a line for each of the two",
             test::shown(said));
}

CHECK_OF_EACH(words, "counts the rest when a process was killed",
              "[pts:2][needs:counts in processes of its own]") {
    trying("With -j 1, the process that waits for a pipe is killed; behind it is a file.",
           "A process that dies breaks its call: the future throws BrokenProcessPool. Say which "
           "piece is not counted, go on with the rest, and return 1.");
    by_hand("mkfifo p; ./asyncio/words -j 1 p FILE", "kill -KILL $(pgrep -P PID)");
    const std::string text = "one two one";
    const File file(text);
    const Pipe never;
    Student student(program, {"-j", "1", never.path(), file.path()});
    kill(children_of(student, 1).front(), SIGKILL);
    expect_counts(student, counted({text}), 1);
    if (const std::string said = student.standard_error(); said.find(never.path()) == said.npos)
        fail("it did not say what is not counted", never.path() + " and why", test::shown(said));
}

CHECK_OF_EACH(words, "shows its progress on a terminal only",
              "[pts:1][needs:counts the words of a file]") {
    trying("A file of 2 MB is counted with standard error in a pipe.",
           "Ask isatty before the progress is shown.");
    by_hand("./asyncio/words LAB.md 2>&1 >out | od -c", "(none)");
    const File file(some_text(2'000'000));
    Student student(program, {file.path()});
    expect_status(student, 0);
    if (const std::string said = student.standard_error(); !said.empty())
        fail("something was printed on standard error", "nothing", test::shown(said));
}

CHECK_OF_EACH(words, "ends with its processes on a signal",
              "[pts:1][needs:counts in processes of its own][fork]") {
    trying("SIGINT and SIGTERM come while two processes wait for pipes.",
           "Leave the pool as the program ends: it ends its processes. The status is 130.");
    by_hand("mkfifo p q; ./asyncio/words -j 2 p q", "kill -INT PID; pgrep words");
    for (const int signal : {SIGINT, SIGTERM}) {
        const Pipe first, second;
        Student student(program, {"-j", "2", first.path(), second.path()});
        const std::vector<pid_t> processes = children_of(student, 2);
        student.signal(signal);
        expect_status(student, 130);
        for (const pid_t each : processes) {
            const auto has_ended = [&] {
                reap_adopted(student.pid());
                return kill(each, 0) != 0;
            };
            require(test::eventually(has_ended), "a process of it is still there");
        }
    }
}

CHECK_OF_EACH(words, "reports a bad command line", "[pts:1]") {
    check_command_line(program, {{}, {"-Z", "x"}, {"-j", "0", "x"}, {"-j", "many", "x"}});
}
