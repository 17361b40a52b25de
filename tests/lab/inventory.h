// The kit as the text speaks of it: its files, what they define, its programs and their options, the
// targets of its Makefile. All is read from the current directory.
#ifndef ZEN_LAB_INVENTORY_H
#define ZEN_LAB_INVENTORY_H

#include <map>
#include <set>
#include <string>

namespace lab {

class Kit {
  public:
    Kit();

    /// The programs by name, as "zens" or "abs": their paths, "framing/abs".
    const std::map<std::string, std::string> &programs() const { return programs_; }
    bool is_server(const std::string &program) const { return options(program).count("-q") > 0; }
    /// What -h says of the options of a program: by the option ("-t"), its line.
    const std::map<std::string, std::string> &options(const std::string &program) const {
        return options_.at(program);
    }

    /// "TCP" or "UDP"; for the programs of framing/ "framing"; "own" if they have a protocol or a
    /// command line of their own.
    std::string kind(const std::string &program) const;
    /// Whether the source of a program, or a header of the kit that it includes, has `text`.
    bool has_text(const std::string &program, const std::string &text) const;

    bool has_target(const std::string &name) const; // by a rule of its own, or by that of a pattern

    /// Whether a file of the kit has `text` outside its comments.
    bool has_text(const std::string &text) const;
    /// Whether `name`, which may be "Class::member", stands as a word in a file of the kit, outside
    /// its comments. With "zen::", it must be that of zen.h or program.h.
    bool has_name(const std::string &name) const;
    /// Whether `file` defines a function, a class or a constant of that name.
    bool defines(const std::string &file, const std::string &name) const;
    /// The number that the kit gives to a constant or a variable of that name; empty: none.
    std::string value(const std::string &name) const;

  private:
    std::map<std::string, std::string> code_; // by file, without comments
    std::map<std::string, std::string> programs_;
    std::map<std::string, std::map<std::string, std::string>> options_; // by program
    std::set<std::string> targets_;
};

/// What a command prints on standard output.
std::string output_of(const std::string &command);

} // namespace lab

#endif
