// make check-lab: does what LAB.md and the README.md files say, section by section, in terminals of its own,
// and compares what these show with what is printed there. And checks what the text says: that what
// it names exists. Ends with one line, "N passed, N failed"; status 1 if something failed.
//
//     check [-1n] [-s TEXT] [DOCUMENT ...]
//
// -1: one section after the other, without a network of its own for each.
// -n: as a newcomer does it: one section after the other, all in one copy of the kit in which
//     nothing has been built before.
// -s: only the sections whose chapter or title contains TEXT.
#include "document.h"
#include "facts.h"
#include "isolation.h"
#include "play.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

using namespace lab;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t at_once = 6; // sections; most of them wait most of the time
constexpr int not_run = 77;        // exit status of a section for which something is missing
const std::string scratch = "build/lab/";

struct Run {
    const Document *document;
    Section section;
    std::string directory;
    Clock::time_point begin = {};

    std::string name() const {
        const bool own = section.chapter.empty() || section.chapter == section.title;
        return document->name + ": " + (own ? "" : section.chapter + ": ") + section.title;
    }
};

struct Count {
    int passed = 0, failed = 0;
    std::vector<std::string> left_out = {};
};

// Whether a tool is installed, and may do here what it is for.
bool is_there(const std::string &tool) {
    static const std::map<std::string, std::string> trials = {
        {"strace", "strace -o /dev/null true"},
        {"tcpdump", "tcpdump -i lo -d"},
        {"gdb", "sleep 9 & gdb -nx -batch -p $! -ex detach | grep detached && kill $!"}};
    const auto trial = trials.find(tool);
    const std::string installed = "command -v " + tool + " >/dev/null 2>&1";
    if (std::system(installed.c_str()) != 0) return false;
    return trial == trials.end() ||
           std::system(("(" + trial->second + ") >/dev/null 2>&1").c_str()) == 0;
}

// The words of the commands of a section.
std::set<std::string> words(const Section &section) {
    std::set<std::string> words;
    for (const std::string &command : section.commands()) {
        std::istringstream text(std::regex_replace(command, std::regex("[^A-Za-z0-9_.-]"), " "));
        for (std::string word; text >> word;) words.insert(word);
    }
    return words;
}

// Whether something in the source of a program is still to be written, as in a handout.
bool is_written(const std::string &program) {
    const std::string framing = "framing/" + program + ".cpp";
    for (const std::string &file :
         {program + "/" + program + ".cpp", framing, "asyncio/" + program + ".cpp",
          std::string(std::filesystem::exists(framing) ? "framing/frames.h" : "")}) {
        std::ifstream source(file); // one that is not there has no lines
        for (std::string line; std::getline(source, line);)
            if (line.find("    not_written(\"") != line.npos ||
                line.find("    unwritten(\"") != line.npos)
                return false;
    }
    return true;
}

// What a section needs that is not there; empty: nothing.
std::string missing(const Section &section) {
    static const std::vector<std::string> tools = {
        "nc", "strace", "tcpdump", "telnet", "ss", "lsof", "gdb", "xxd", "ps", "python3"};
    const std::set<std::string> used = words(section);
    if (used.count("apt-get")) return "a machine to install packages on: .ci/run does that";
    for (const std::string &word : used)
        if (!is_written(word)) return word + ", which is still to be written";
    if (used.count("asyncio") && !std::filesystem::exists("asyncio"))
        return "asyncio/, which a later handout has";
    if (used.count("dnf") || used.count("docker")) return "another system: try it there";
    static const std::regex slow("make (.* )?(test|bench|soak|fuzz|lint|check-lab)\\b.*");
    for (const std::string &command : section.commands())
        if (std::regex_match(command, slow)) return "more time than this check has: " + command;
    std::string missing;
    for (const std::string &tool : tools)
        if (used.count(tool) && !is_there(tool)) missing += (missing.empty() ? "" : ", ") + tool;
    if (used.count("sudo") && geteuid() != 0 && !can_isolate()) missing += " root";
    return missing;
}

// Without a place of its own, a section sees the processes of others as well.
std::string strangers(const Section &section) {
    const std::set<std::string> used = words(section);
    if (!used.count("ps") && !used.count("pgrep") && !used.count("lsof")) return {};
    for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "comm");
        std::string name;
        if (std::getline(file, name) && std::filesystem::exists(name + "/" + name + ".cpp") &&
            used.count(name))
            return "that no other " + name + " runs: there is " + entry.path().string();
    }
    return {};
}

// The ports that the handout uses, as far as the section has to do with them.
std::vector<int> ports(const Section &section) {
    std::string text;
    for (const Block &block : section.blocks)
        for (const std::string &line : block.lines) text += line + "\n";
    std::vector<int> ports;
    for (const int port : {65432, 8000, 8888, 8889, 8890, 9999, 12345})
        if (text.find(std::to_string(port)) != text.npos) ports.push_back(port);
    return ports;
}

// Plays a section in a process of its own; what it prints goes to a file.
int play_in_process(const Run &run, bool isolated) {
    std::ofstream log(run.directory + ".log");
    std::string need = missing(run.section);
    if (need.empty() && !isolated) need = strangers(run.section);
    if (!need.empty()) {
        log << "needs " << need << "\n";
        return not_run;
    }
    std::string error = isolated ? "" : taken_port(ports(run.section));
    if (error.empty()) error = play(*run.document, run.section, run.directory);
    log << error << "\n";
    return error.empty() ? 0 : 1;
}

void report(const Run &run, int status, Count &count) {
    std::ifstream file(run.directory + ".log");
    std::stringstream log;
    log << file.rdbuf();
    const std::chrono::duration<double> seconds = Clock::now() - run.begin;
    const bool left_out = WIFEXITED(status) && WEXITSTATUS(status) == not_run;
    const bool passed = status == 0;
    std::printf("%s %s (%.1f s)\n",
                left_out ? "not run:"
                : passed ? "passed: "
                         : "FAILED: ",
                run.name().c_str(), seconds.count());
    if (left_out) count.left_out.push_back(run.name() + ": " + log.str());
    else ++(passed ? count.passed : count.failed);
    if (!passed) std::printf("%s", log.str().c_str());
    std::fflush(stdout);
}

// How the sections are played: each with a network of its own; as a newcomer does.
struct Manner {
    bool isolated, newcomer;
};

// Plays the sections, several at a time where they do not disturb each other.
void play_all(std::vector<Run> waiting, Manner manner, Count &count) {
    const std::size_t limit = manner.isolated && !manner.newcomer ? at_once : 1;
    std::map<pid_t, Run> running;
    std::reverse(waiting.begin(), waiting.end());
    while (!waiting.empty() || !running.empty()) {
        while (!waiting.empty() && running.size() < limit) {
            Run run = waiting.back();
            waiting.pop_back();
            if (!manner.newcomer) copy_kit(run.directory, true);
            run.begin = Clock::now();
            const pid_t pid = start(manner.isolated, [&] {
                alarm(240); // whatever happens
                return play_in_process(run, manner.isolated);
            });
            running.emplace(pid, run);
        }
        int status = 0;
        const pid_t ended = waitpid(-1, &status, 0);
        if (const auto place = running.find(ended); place != running.end()) {
            report(place->second, status, count);
            if (status == 0 && !manner.newcomer)
                std::filesystem::remove_all(place->second.directory);
            running.erase(place);
        }
    }
}

// What takes long begins first.
long weight(const Run &run) {
    long seconds = 0;
    static const std::regex pause("(?:sleep|timeout|-t|-w) ([0-9]+)|(g\\+\\+)");
    for (const std::string &command : run.section.commands())
        for (std::sregex_iterator i(command.begin(), command.end(), pause), end; i != end; ++i)
            seconds += (*i)[1].matched ? std::stol((*i)[1]) : 5;
    return seconds;
}

int check(const std::vector<std::string> &names, const std::string &only, Manner manner) {
    std::vector<Document> documents;
    for (const std::string &name : names) documents.push_back(read_document(name));
    std::vector<Run> runs;
    for (const Document &document : documents)
        for (const Section &section : document.sections)
            if (section.has_commands() &&
                (section.chapter + ": " + section.title).find(only) != std::string::npos) {
                runs.push_back({&document, section, scratch});
                for (const auto &variant : section.variants)
                    runs.push_back({&document, section.varied(variant), scratch});
            }
    for (std::size_t i = 0; i < runs.size(); ++i)
        runs[i].directory += manner.newcomer ? "newcomer" : std::to_string(i);
    if (manner.newcomer) copy_kit(scratch + "newcomer", false);
    else if (manner.isolated)
        std::stable_sort(runs.begin(), runs.end(),
                         [](const Run &a, const Run &b) { return weight(a) > weight(b); });
    Count count;
    std::filesystem::create_directories(scratch);
    if (!manner.isolated)
        std::printf("One section after the other: no network of their own for them.\n");
    // Of a handout, in which programs are still to be written, they do not hold.
    const bool is_handout = std::filesystem::exists("tests/handout/exercises");
    for (const Fact &fact : is_handout ? std::vector<Fact>() : check_facts(documents)) {
        std::printf("%s %s\n%s", fact.errors.empty() ? "passed: " : "FAILED: ", fact.name.c_str(),
                    fact.errors.c_str());
        ++(fact.errors.empty() ? count.passed : count.failed);
    }
    std::fflush(stdout);
    play_all(runs, manner, count);
    for (const std::string &name : count.left_out) std::printf("not run: %s", name.c_str());
    std::printf("%d passed, %d failed\n", count.passed, count.failed);
    return count.failed == 0 && (count.passed > 0 || is_handout) ? 0 : 1;
}

} // namespace

int main(int argc, char *argv[]) {
    Manner manner = {true, false};
    std::string only;
    for (int letter; (letter = getopt(argc, argv, "1ns:")) != -1;) {
        if (letter == '1') manner.isolated = false;
        else if (letter == 'n') manner.newcomer = true;
        else if (letter == 's') only = optarg;
        else return 2;
    }
    std::vector<std::string> names(argv + optind, argv + argc);
    if (names.empty()) {
        names = {"LAB.md", "README.md", "tests/README.md"};
        std::erase_if(names, [](const auto &name) { return !std::filesystem::exists(name); });
    }
    try {
        manner.isolated = manner.isolated && can_isolate();
        return check(names, only, manner);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "check-lab: %s\n", error.what());
        std::printf("0 passed, 1 failed\n");
        return 1;
    }
}
