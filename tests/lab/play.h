// Does what a section of the handout says, in its terminals and in its order.
#ifndef ZEN_LAB_PLAY_H
#define ZEN_LAB_PLAY_H

#include "document.h"

#include <string>

namespace lab {

/// Plays a section in `directory`, a copy of the kit. Returns what differs from what is printed,
/// with the place in the document; empty: nothing. At the end, each terminal is at its prompt.
std::string play(const Document &document, const Section &section, const std::string &directory);

} // namespace lab

#endif
