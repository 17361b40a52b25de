// What students read, LAB.md, README.md and make help, made of the kit's own.
#ifndef ZEN_TESTS_HANDOUT_TEXTS_H
#define ZEN_TESTS_HANDOUT_TEXTS_H

#include "kit.h"

namespace handout {

/// A text for readers without the paragraphs, and the points of lists, that are for instructors.
std::string for_students(const std::string &text);

/// A Makefile whose list for `make help` lacks what is for instructors, and without the programs that are
/// left out.
std::string makefile_for_students(const std::string &text, std::set<std::string> left_out);

/// The hunts that a handout has: by the number of a hunt, the program that it is in.
using Hunts = std::map<int, std::string>;

/// LAB.md with a chapter on what is to be written; "Write it" only where something is, and then before
/// "Run it"; and the hunts that there are. Throws std::runtime_error if it lacks a sentence or heading that
/// this needs.
std::string lab_for_students(const std::string &lab, const Plan &plan,
                             const std::map<std::string, std::vector<Task>> &tasks, bool asyncio,
                             const Hunts &hunts);

} // namespace handout

#endif
