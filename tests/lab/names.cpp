#include "names.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

namespace lab {

namespace {

// Names of the world outside the kit that the text uses, and that no command in it shows.
const std::set<std::string> world = {
    "telnet", "telnet 127.0.0.1 65432", "catch2", "abort", "kqueue", "kevent", "ppoll",
    "epoll_pwait", "signalfd", "Content-Length", "valgrind", "not run", "clone", "clone3", "wait4",
    "futex", "chmod 700",
    // Files that the benchmark, the pictures and the grader write, and a column of one.
    "build/bench.csv", "build/bench.svg", "bytes_per_idle", "build/grades/grades.csv",
    "build/grades/roster.csv", "build/pictures/zens.svg", "build/gradescope/", "build/handout/",
    "build/hunt/",
    // Python, beside which the names of asyncio/ are put.
    "async def f(x)", "await", "asyncio.run(main())", "loop.create_server",
    "loop.create_connection", "loop.sock_recv", "loop.sock_sendall", "loop.call_soon(f, x)",
    "reader, writer = await ...", "b''", "asyncio.wait_for(f(), None)", "asyncio.timeout",
    "async with lock", "try ... finally", "except Exception",
    // What is written in a way of its own.
    "PROGRAM [options] [HOST [PORT]]", "\\x1b", "$'...'", "[sszt] <defunct>"};

struct Span {
    int line;
    std::string text;
};

// What stands between ` and `, on one line or over several, outside the blocks.
std::vector<Span> code_spans(const Document &document) {
    std::vector<Span> spans;
    std::string open;
    bool inside = false;
    int begin = 0;
    for (std::size_t i = 0; i < document.lines.size(); ++i) {
        if (document.in_block[i] || document.lines[i].empty()) {
            inside = false;
            open.clear();
            continue;
        }
        const std::size_t begin_of_text = document.lines[i].find_first_not_of(' ');
        if (begin_of_text == std::string::npos) continue;
        const std::string line = document.lines[i].substr(begin_of_text) + " ";
        for (const char c : line) {
            if (c != '`') {
                if (inside) open += c;
                continue;
            }
            if (inside) spans.push_back({begin, open});
            inside = !inside;
            begin = static_cast<int>(i) + 1;
            open.clear();
        }
    }
    return spans;
}

std::vector<std::string> split(const std::string &text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

// Its -h has a line for each; the grader itself need not be built.
bool is_option_of_grader(const std::string &option) {
    static const std::string source = output_of("cat tests/grade/options.cpp");
    return source.find("\"  " + option + " ") != source.npos;
}

bool is_file(const std::string &span) {
    static const std::regex file("[\\w./-]*(/|\\.(cpp|h|md|py|sh))[\\w./-]*|Makefile");
    return std::regex_match(span, file);
}

bool known_file(const std::string &file) {
    if (file.find("NAME") != file.npos || begins_with(file, "/")) return true;
    const std::string path = begins_with(file, "./") ? file.substr(2) : file;
    for (const char *end : {"", ".cpp"})
        if (std::filesystem::exists(path + end)) return true;
    return false;
}

// What the pages of tests/ name besides: the last part of a path, or what a variable of make is called,
// stands somewhere in the tests.
bool is_of_tests(const std::string &span) {
    static const std::regex around("=.*|.*/|'");
    const std::string name = std::regex_replace(span, around, "");
    return !name.empty() && !output_of("grep -rlwFe '" + name +
                                       "' --include='*.h' --include='*.cpp' --include='*.mk' tests")
                                 .empty();
}

} // namespace

bool begins_with(const std::string &text, const std::string &begin) {
    return text.compare(0, begin.size(), begin) == 0;
}

Shown shown_in(const std::vector<Document> &documents) {
    Shown shown;
    for (const Document &document : documents) {
        for (const Section &section : document.sections) {
            for (const Block &block : section.blocks)
                for (const std::string &line : block.lines) shown.text += line + "\n";
            for (const std::string &command : section.commands())
                for (const std::string &word : split(std::regex_replace(
                         command, std::regex("[^A-Za-z0-9_./~{}=-]|=(?=/)"), " ")))
                    shown.words.insert(word);
        }
    }
    return shown;
}

bool Names::known(const std::string &span) const {
    if (span.find(" && ") != span.npos) {
        const std::size_t place = span.find(" && ");
        return known(span.substr(0, place)) && known(span.substr(place + 4));
    }
    const std::vector<std::string> parts =
        split(std::regex_replace(span, std::regex("\"[^\"]*\""), "..."));
    if (parts.empty()) return true;
    if (parts[0] == "make" && parts.size() > 1) return known_targets(parts);
    if (const std::string program = program_of(parts[0]); !program.empty())
        return known_options(program, parts);
    if (parts[0] == "build/tests/grade/run/grade")
        return std::all_of(parts.begin() + 1, parts.end(), [](const std::string &part) {
            return part[0] != '-' || is_option_of_grader(part);
        });
    if (span[0] == '-' && span.size() > 1 && span[1] != '1') return known_option(parts[0]);
    if (world.count(span) || shown_.words.count(span)) return true;
    if (shown_.text.find(span) != shown_.text.npos) return true;
    if (is_file(span)) return known_file(span);
    static const std::regex name("(~?\\w+)(::~?\\w+)*(\\(\\))?"), page("man [2-7] (\\w+)");
    if (std::smatch match; std::regex_match(span, match, page)) return kit_.has_name(match[1]);
    if (std::regex_match(span, name))
        return kit_.has_name(std::regex_replace(span, std::regex("[()~]"), ""));
    return known_command(parts) || kit_.has_text(span) || known_log_line(span);
}

bool Names::known_log_line(const std::string &line, const std::string &program) const {
    const auto has_text = [&](const std::string &text) {
        return program.empty() ? kit_.has_text(text) : kit_.has_text(program, text);
    };
    static const std::regex changing("CLIENT.*|(?:127\\.0\\.0\\.1|\\[::1\\]):\\d+.*");
    const std::string begin = std::regex_replace(line, changing, "");
    if (begin.size() < 5) return false;
    if (has_text("\"" + begin)) return true;
    const std::size_t colon = begin.find(": ");
    return colon != begin.npos && has_text("\"" + begin.substr(0, colon + 2));
}

std::string Names::program_of(const std::string &word) const {
    for (const auto &[name, path] : kit_.programs())
        if (word == name || word == "./" + path) return name;
    return {};
}

bool Names::known_targets(const std::vector<std::string> &parts) const {
    for (std::size_t i = 1; i < parts.size(); ++i)
        if (parts[i].find('=') == std::string::npos && parts[i] != "NAME" && parts[i] != "-j2" &&
            !kit_.has_target(parts[i]))
            return false;
    return true;
}

bool Names::known_options(const std::string &program, const std::vector<std::string> &parts) const {
    for (const std::string &part : parts) {
        if (part == "|" || part == "&") break;
        if (part[0] == '-' && !kit_.options(program).count(part)) return false;
    }
    return true;
}

// A command of a tool that some block uses as well: the files and programs in it exist.
bool Names::known_command(const std::vector<std::string> &parts) const {
    if (parts.size() < 2 || !shown_.words.count(parts[0])) return false;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const bool program = begins_with(parts[i], "./");
        if (program && program_of(parts[i]).empty() && !shown_.words.count(parts[i])) return false;
        if (!program && is_file(parts[i]) && !known_file(parts[i]) && !shown_.words.count(parts[i]))
            return false;
    }
    return true;
}

// An option by itself is one of a program of the kit, or of a tool in some command.
bool Names::known_option(const std::string &option) const {
    for (const auto &[name, path] : kit_.programs())
        if (kit_.options(name).count(option)) return true;
    return shown_.words.count(option) > 0 || is_option_of_grader(option);
}

std::string check_names(const std::vector<Document> &documents, const Names &names) {
    std::string errors;
    for (const Document &document : documents)
        for (const Span &span : code_spans(document))
            if (!names.known(span.text) &&
                !(begins_with(document.name, "tests/") && is_of_tests(span.text)))
                errors += document.at(span.line) + "the kit has no `" + span.text + "`\n";
    return errors;
}

} // namespace lab
