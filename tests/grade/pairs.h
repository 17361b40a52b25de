// Which sources of a class have much in common: pairs for a person to look at, and no verdict.
#ifndef ZEN_TESTS_GRADE_PAIRS_H
#define ZEN_TESTS_GRADE_PAIRS_H

#include <map>
#include <string>
#include <vector>

namespace grade {

/// The sources of a class for one program ("tas/tas.cpp"), by the name of the student.
using Sources = std::map<std::string, std::string>;

struct Pair {
    std::string program, one, other;
    std::size_t same = 0, of = 0; ///< places: those that both have, and those of the shorter one
    std::size_t line = 0, other_line = 0,
                lines = 0; ///< the longest part in common: where, how long
};

/// A line of a program without what is changed first when it is copied: its comments and spaces are
/// left out, each name is "n" (but for words of the language), each number "0".
std::string folded(const std::string &line, bool &in_comment);

/// The pairs that have at least a quarter of the shorter source in common, those with most first. A
/// place is three folded lines in a row. What stands in `skeleton` too does not count, nor does what more
/// than half of the class has, and more than four.
std::vector<Pair> pairs_of(const std::map<std::string, Sources> &programs,
                           const std::vector<std::string> &skeleton);

/// A table: a row for each pair, those with the largest share first.
std::string csv(const std::vector<Pair> &pairs);

} // namespace grade

#endif
