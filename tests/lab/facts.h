// What the text says, besides what its transcripts show: each thing that it names exists.
#ifndef ZEN_LAB_FACTS_H
#define ZEN_LAB_FACTS_H

#include "document.h"

#include <string>
#include <vector>

namespace lab {

struct Fact {
    std::string name;
    std::string errors; // a line for each, with its place; empty: it holds
};

std::vector<Fact> check_facts(const std::vector<Document> &documents);

} // namespace lab

#endif
