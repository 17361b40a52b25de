// Wrong programs, and right ones in another style, written as changes to those of the kit: the files
// tests/wrong/*.edit and tests/right/*.edit. They are made so that they still apply when comments and
// white space of the kit's program have been changed.
//
//     Mistake: The answers are sent without their full stop.
//     Loses: zus: answers word for word
//     In: zus/zus.cpp
//     @@
//     -        send_back(server, client, answer);
//     +        send_back(server, client, answer.substr(0, answer.size() - 1));
//
// A line "Mistake: ", one or more lines "Loses: " and a line "In: " tell what is wrong, which checks
// it loses, and which program is changed. A right program has a line "Style: " instead, and loses
// none. After them comes at least one edit. A line that begins with
// "@@" begins an edit; what else stands on it means nothing. Of the other lines of an edit, the first
// character tells what they are: '-' a line to remove, ' ' one to keep, '+' one to put in. A blank line
// means nothing. So the hunks of "git diff" are edits.
//
// The lines to remove and to keep are the old lines. They are found by their code alone: white space
// at both ends of a line, a comment that begins with "//", and lines without code do not count, neither
// in the edit nor in the program. In the whole program there must be exactly one place with the old
// lines, so an edit has as many lines to keep as that takes. An edit that removes nothing needs one too,
// because nothing else tells where it belongs.
#ifndef ZEN_TESTS_GRADE_EDITS_H
#define ZEN_TESTS_GRADE_EDITS_H

#include <string>
#include <string_view>
#include <vector>

namespace grade {

struct Edit {
    struct Line {
        char kind = ' ';  ///< '-', ' ' or '+'
        std::string text; ///< without newline; of an old line, the code alone
    };
    std::vector<Line> lines; ///< at least one old line
};

struct ChangedProgram {
    std::string mistake, style;     ///< one of them, for readers
    std::vector<std::string> loses; ///< names of checks, at least one; of a right program, none
    std::string file;               ///< the program, from the directory of the kit: "zus/zus.cpp"
    std::vector<Edit> edits;        ///< at least one
};

/// The code of a line: without its comment, and without white space at both ends. It knows string and
/// character literals and the separators of 100'000, but no raw strings, and no comments "/* */":
/// the programs of the kit have none.
std::string_view code_of(std::string_view line);

/// Reads such a file. Throws std::runtime_error for what is not in the form that is described
/// above; where a line or an edit is to blame, with its number from 1.
ChangedProgram read_changed_program(std::string_view text);

/// The text of a program after all `edits`. Each of them is looked for in `program` as it was before
/// them, so their order does not matter. A removed line takes the comment behind it along. Lines of
/// the program without code stay where they are, also between removed lines, and all that is kept
/// stays byte for byte. Throws std::runtime_error if edits are found nowhere, in several places, or
/// where another edit has been found: a line for each, with its number from 1 and its first old line.
std::string edited(std::string_view program, const std::vector<Edit> &edits);

} // namespace grade

#endif
