// The names in the text, between ` and `: each is that of something that exists.
#ifndef ZEN_LAB_NAMES_H
#define ZEN_LAB_NAMES_H

#include "document.h"
#include "inventory.h"

#include <set>
#include <string>
#include <vector>

namespace lab {

bool begins_with(const std::string &text, const std::string &begin);

/// All that the blocks of the documents show: what they print, and the words of their commands.
struct Shown {
    std::string text;
    std::set<std::string> words;
};
Shown shown_in(const std::vector<Document> &documents);

class Names {
  public:
    /// Both must live as long.
    Names(const Kit &kit, const Shown &shown) : kit_(kit), shown_(shown) {}

    /// Whether a name, or a command, stands for something: a file, a function, an option, a target.
    bool known(const std::string &span) const;

    /// Whether a server prints such a line; without `program`, any. "Connected by CLIENT": what stands
    /// before the client stands in a source, or in that of one program. Of "Received message: Hello",
    /// only what stands up to the colon, of "TCP server started at 127.0.0.1:65432" what stands before
    /// the address.
    bool known_log_line(const std::string &line, const std::string &program = {}) const;

    /// The name of the program that a word of a command starts; empty: none.
    std::string program_of(const std::string &word) const;

  private:
    bool known_targets(const std::vector<std::string> &parts) const;
    bool known_options(const std::string &program, const std::vector<std::string> &parts) const;
    bool known_command(const std::vector<std::string> &parts) const;
    bool known_option(const std::string &option) const;

    const Kit &kit_;
    const Shown &shown_;
};

/// A line for each name in the documents that is not known.
std::string check_names(const std::vector<Document> &documents, const Names &names);

} // namespace lab

#endif
