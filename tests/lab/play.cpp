#include "play.h"
#include "patterns.h"
#include "terminal.h"

#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <stdexcept>

#include <poll.h>
#include <unistd.h>

namespace lab {

namespace {

using Clock = std::chrono::steady_clock;
constexpr Milliseconds patience{20'000};       // for a line that is to come
constexpr Milliseconds long_patience{300'000}; // for the end of a command: some compile much
constexpr Milliseconds calm_limit{1'500};      // some experiments keep the processor busy for ever
constexpr Milliseconds calm_look{15};

struct Differs : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Stage {
  public:
    Stage(const Document &document, const Section &section, const std::string &directory)
        : document_(document), section_(section), directory_(directory) {}

    void play() {
        for (const Block &block : section_.blocks) {
            if (!block.file.empty() && !block.has_commands()) save(block);
            if (block.has_commands()) enter(block);
            if (block.language == "console") play_transcript(block);
            if (block.language == "sh") play_commands(block);
        }
        wait_until_calm();
        for (const auto &[number, terminal] : terminals_) {
            line_ = section_.blocks.back().line + 1;
            current_ = number;
            if (!at_prompt(patience)) fail("when the section is over, there should be the prompt");
        }
    }

  private:
    [[noreturn]] void fail(const std::string &what) {
        std::string text = document_.at(line_) + what + "\n";
        for (const auto &[number, terminal] : terminals_)
            text += "  Terminal " + std::to_string(number) + (number == current_ ? " (here)" : "") +
                    " shows at last:\n" + indented(terminal->last_lines());
        throw Differs(text);
    }

    static std::string indented(const std::string &text) {
        return "    " + std::regex_replace(text, std::regex("\n"), "\n    ") + "\n";
    }

    void save(const Block &listing) {
        std::ofstream file(directory_ + "/" + listing.file);
        for (const std::string &line : listing.lines) file << line << "\n";
    }

    Terminal &here() { return *terminals_.at(current_); }

    void enter(const Block &block) {
        line_ = block.line;
        current_ = block.terminal;
        if (current_ == 0) fail("no terminal is named before this block");
        const bool known = terminals_.count(current_) > 0;
        if (block.again && !known) fail("\"again\", but the section has not used this terminal");
        if (!known) {
            terminals_[current_] = std::make_unique<Terminal>(directory_);
            sessions_ += std::to_string(here().session()) + " ";
            if (!at_prompt(patience)) fail("bash does not start");
        }
        if (!block.again && !at_prompt(patience))
            fail("a new experiment begins, but this terminal is still busy: \"again\" is missing");
    }

    // ---- What is in the blocks
    void play_commands(const Block &block) {
        for (const std::string &line : block.lines) {
            ++line_;
            run_command(line);
            await([&] { return here().rest().find(Terminal::prompt_mark) != std::string::npos; },
                  long_patience);
            here().take(std::min(here().rest().find(Terminal::prompt_mark), here().rest().size()));
            if (!at_prompt(Milliseconds(0))) fail("this command does not end: " + line);
            const int status = exit_status();
            const bool differs = line.rfind("diff ", 0) == 0 && status == 1;
            if (status != 0 && !differs)
                fail("exit status " + std::to_string(status) + " of: " + line);
        }
    }

    void play_transcript(const Block &block) {
        for (const std::string &line : block.lines) {
            ++line_;
            last_ = &line == &block.lines.back();
            if (line.rfind("$ ", 0) == 0) {
                if (!at_prompt(long_patience))
                    fail("instead of the prompt, there is more, or no end");
                run_command(line.substr(2));
            } else {
                play_line(line);
            }
        }
        wait_until_calm();
    }

    void play_line(const std::string &line) {
        static const std::regex typed("((?:Ugly\\.|Implicit\\.|Complex\\.)*)(.*)<Return>");
        std::smatch match;
        if (std::regex_match(line, match, typed)) return type_line(match[1], match[2]);
        const std::size_t key = line.find('^');
        if (key != line.npos && key + 1 < line.size() &&
            std::string("CDZ").find(line[key + 1]) != std::string::npos) {
            expect_beginning(line.substr(0, key));
            wait_until_calm();
            here().type(std::string(1, static_cast<char>(line[key + 1] - '@')));
            if (line[key + 1] != 'D') expect_line(line.substr(key));
        } else {
            expect_line(line);
        }
    }

    void type_line(const std::string &before, const std::string &line) {
        expect_beginning(before);
        wait_until_calm();
        here().type(line + "\n");
        expect_line(line);
    }

    // ---- What is done and seen in the terminal
    void run_command(const std::string &command) {
        const std::string rest = here().rest();
        here().take(rest.find("$ ", rest.find(Terminal::status_end)) + 2);
        const std::string typed = numbers_.typed(command);
        static const std::regex table("(sudo )?(ps|lsof|sleep [0-9.]+; ps|pgrep)\\b.*");
        table_[current_] = std::regex_match(command, table);
        wait_until_calm();
        here().type(typed + "\n");
        if (!await([&] { return here().rest().rfind(typed + "\n", 0) == 0; }, patience))
            fail("the terminal does not show the command: " + typed);
        here().take(typed.size() + 1);
    }

    void expect_line(const std::string &line) {
        const auto end = [&] {
            const std::string rest = here().rest();
            return rest.find_first_of(std::string("\n") + Terminal::prompt_mark);
        };
        const auto has_come = [&] {
            return end() != std::string::npos || (last_ && here().rest() == line);
        };
        if (!await(has_come, patience)) fail("this line does not come: " + line);
        if (end() == std::string::npos) wait_until_calm(); // an answer has no newline
        if (end() == std::string::npos) return here().take(line.size());
        const std::string shown = here().rest().substr(0, end());
        if (!numbers_.match(line, shown, table_[current_]))
            fail("printed: " + line + "\n  but the terminal shows: " +
                 (shown.empty() && here().rest()[0] == Terminal::prompt_mark ? "(the prompt)"
                                                                             : shown));
        here().take(shown.size());
        if (here().rest()[0] == '\n') here().take(1);
    }

    void expect_beginning(const std::string &text) {
        if (!await([&] { return here().rest().size() >= text.size(); }, patience) ||
            here().rest().rfind(text, 0) != 0)
            fail("this does not come: " + text);
        here().take(text.size());
    }

    bool at_prompt(Milliseconds limit) {
        await([&] { return !here().rest().empty(); }, limit);
        if (here().rest().empty() || here().rest()[0] != Terminal::prompt_mark) return false;
        return await([&] { return here().rest().find("$ ") != std::string::npos; }, patience);
    }

    int exit_status() { return std::stoi(here().rest().substr(1)); }

    // Reads all screens until `condition` holds. False: it does not, within the limit.
    template <class Condition> bool await(Condition condition, Milliseconds limit) {
        const auto end = Clock::now() + limit;
        do {
            read_screens(Milliseconds(0));
            if (condition()) return true;
            const auto left = std::chrono::ceil<Milliseconds>(end - Clock::now());
            read_screens(std::max(left, Milliseconds(0)));
        } while (Clock::now() < end);
        read_screens(Milliseconds(0));
        return condition();
    }

    // Waits until some screen shows something new, but not longer than the limit.
    void read_screens(Milliseconds limit) {
        std::vector<pollfd> sources;
        for (const auto &[number, terminal] : terminals_)
            sources.push_back({terminal->descriptor(), POLLIN, 0});
        poll(sources.data(), sources.size(), static_cast<int>(limit.count()));
        for (const auto &[number, terminal] : terminals_) terminal->read_screen();
    }

    // A student sees what happens before doing the next thing: so waits until nothing does. What
    // never becomes calm has a limit in processor time, or in looks at which it had run: the clock would
    // say on a busy machine that it is over when it has hardly begun.
    void wait_until_calm() {
        Calm calm;
        const auto end = Clock::now() + patience;
        while (!calm.look(sessions_) && calm.used() < calm_limit &&
               calm.restless() < calm_limit / calm_look && Clock::now() < end) {
            const auto next = Clock::now() + calm_look;
            while (Clock::now() < next)
                read_screens(std::chrono::ceil<Milliseconds>(next - Clock::now()));
        }
        read_screens(Milliseconds(0));
    }

    const Document &document_;
    const Section &section_;
    std::string directory_;
    std::map<int, std::unique_ptr<Terminal>> terminals_;
    std::string sessions_ = " ";
    Numbers numbers_;
    int line_ = 0, current_ = 0;
    bool last_ = false;         // the line is the last one of its block
    std::map<int, bool> table_; // terminals whose last command prints a table of processes
};

} // namespace

std::string play(const Document &document, const Section &section, const std::string &directory) {
    try {
        Stage(document, section, directory).play();
        return {};
    } catch (const std::exception &error) {
        return error.what();
    }
}

} // namespace lab
