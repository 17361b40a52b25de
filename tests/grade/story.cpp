#include "story.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <utility>
#include <vector>

namespace grade {

Story story;

namespace {

constexpr std::size_t shown_lines = 8, shown_columns = 160; // of a program's output
constexpr std::size_t all_lines = 60, all_columns = 400;    // where all of it is to be seen

// The bytes as an argument of printf in the shell.
std::string printf_argument(std::string_view bytes) {
    std::string text = "'";
    for (const char c : bytes) {
        char octal[8];
        std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned char>(c));
        if (c == '\n') text += "\\n";
        else if (c == '%') text += "%%";
        else if (c == '\\') text += "\\\\";
        else if (c == '\'' || c < ' ' || c > '~') text += octal;
        else text += c;
    }
    return text + "'";
}

// The last lines of what a program has printed, each marked and shown as printable ASCII.
std::string last_lines(const std::string &output, std::size_t count = shown_lines,
                       std::size_t columns = shown_columns) {
    std::vector<std::string> lines;
    std::istringstream text(
        output.substr(output.size() - std::min<std::size_t>(output.size(), 20'000)));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    std::string shown;
    for (std::size_t i = lines.size() - std::min(lines.size(), count); i < lines.size(); ++i) {
        const std::string quoted = test::shown(lines[i].substr(0, columns));
        shown += "\n    | " + quoted.substr(1, quoted.size() - 2);
        if (lines[i].size() > columns) shown += " ...";
    }
    return shown;
}

// A line of a report: what it is, and the content, broken between words where it is prose.
void add_line(std::string &text, std::string heading, std::string content, bool prose = false) {
    if (content.empty()) return;
    constexpr std::size_t indent = 12, width = 84;
    heading.resize(indent, ' ');
    while (prose && content.size() > width) {
        const std::size_t space = content.rfind(' ', width);
        if (space == content.npos) break;
        text += heading + content.substr(0, space) + "\n";
        heading = std::string(indent, ' ');
        content.erase(0, space + 1);
    }
    text += heading + content + "\n";
}

std::string default_chapter(const Program &program) {
    static const std::vector<std::pair<std::string_view, std::string_view>> chapters = {
        {"zens", "TCP: zens and zenc"},
        {"zenc", "TCP: zens and zenc"},
        {"zus", "UDP: zus and zuc"},
        {"zuc", "UDP: zus and zuc"},
        {"mzts", "TCP in a pool of threads: mzts"},
        {"mzus", "UDP in a pool of threads: mzus"},
        {"ss", "A framework: sszt and sszu"},
        {"tacb", "The loop turned inside out: tacb"},
        {"uacb", "The loop turned inside out: tacb"},
        {"asyn", "Protocol and Transport: asynpro, asyndg"},
        {"tacn", "Numbered connections and three clients"},
        {"tacl", "Numbered connections and three clients"},
        {"chat", "A chat"},
        {"game", "The last lab: from threads to asyncio"},
        {"words", "Beside the loop: threads and processes"},
        {"hget", "Beside the loop: threads and processes"},
        {"tac", "Coroutines: tacr"},
        {"ta", "One thread, many clients: tas, tap, tae"},
        {"ua", "UDP with select, poll and epoll: uas, uap, uae"},
        {"a", "Message framing: abs/abc, ads/adc, afs/afc"}};
    for (const auto &[beginning, title] : chapters)
        if (program.name.rfind(beginning, 0) == 0) return std::string(title);
    return "";
}

// Whether the server has ended that was to serve. It is given a moment, as what ends it may have
// closed the connection before.
bool server_has_ended() {
    return story.server_serves && story.student && story.student->wait_exit(Milliseconds(200));
}

const char *const end_of_server = "Your server has ended: why? Its status stands above, with all "
                                  "that it printed on standard error.";

// What may hold what a program has printed, so that it can be shown on a terminal.
std::string printable(const std::string &text) {
    constexpr std::size_t most = 16'384;
    std::string shown;
    for (const char c : text.substr(0, most))
        if (c == '\n' || (c >= ' ' && c <= '~')) shown += c;
        else {
            const std::string escaped = test::shown({&c, 1});
            shown += escaped.substr(1, escaped.size() - 2);
        }
    return shown;
}

} // namespace

std::string about(Student &student, bool has_ended) {
    std::string text;
    const std::string out = last_lines(student.standard_output()),
                      err = has_ended ? last_lines(student.standard_error(), all_lines, all_columns)
                                      : last_lines(student.standard_error());
    add_line(text, "program:", student.command() + " (" + student.status_text() + ")");
    if (!out.empty()) text += "  its last lines:" + out + "\n";
    if (!err.empty())
        text += (has_ended ? "  all that it printed on standard error:"
                           : "  its last lines on standard error:") +
                err + "\n";
    return text;
}

std::string printf_command(std::string_view bytes) { return "printf " + printf_argument(bytes); }

std::string compose(const std::string &what, const std::string &expected,
                    const std::string &received) {
    std::string text;
    add_line(text, "tried:", story.tried, true);
    add_line(text, "but:", what, true);
    if (story.talked) add_line(text, "sent:", story.sent.empty() ? "nothing" : story.sent);
    add_line(text, "expected:", expected);
    add_line(text, story.talked ? "received:" : "found:", received);
    const bool has_ended = server_has_ended();
    text += story.student ? about(*story.student, has_ended) : story.last_words;
    if (has_ended) add_line(text, "hint:", end_of_server, true);
    add_line(text, has_ended ? "" : "hint:", story.mistake, true);
    add_line(text, "", "(LAB.md, \"" + story.chapter + "\")");
    const bool is_client = test::is_client(*story.program);
    if (story.first_terminal.empty() && !is_client)
        story.first_terminal = "make " + story.program->file() + " && ./" +
                               std::string(story.program->path) + story.options;
    add_line(text, "by hand:", "terminal 1:  " + story.first_terminal);
    if (!story.second_terminal.empty()) add_line(text, "", "terminal 2:  " + story.second_terminal);
    if (story.second_terminal.find("PID") != std::string::npos)
        add_line(text, "", "(PID: the number that ss -tulnp shows behind pid=)");
    return printable(text);
}

void begin_story(const Program &program) {
    story = {};
    story.program = &program;
    story.chapter = default_chapter(program);
}

void trying(std::string sentence, std::string likely_mistake) {
    story.tried = std::move(sentence);
    story.mistake = std::move(likely_mistake);
}

void chapter(std::string title) { story.chapter = std::move(title); }

void by_hand(std::string first_terminal, std::string second_terminal) {
    story.first_terminal = std::move(first_terminal);
    story.second_terminal = std::move(second_terminal);
    story.has_recipe = true;
}

void fail(const std::string &what, const std::string &expected, const std::string &found) {
    throw Failed(compose(what, expected.empty() ? story.expected : expected,
                         found.empty() ? story.received : found));
}

void undetermined(const std::string &why) { throw Undetermined(why); }

} // namespace grade
