// Bytes as they may be shown in a report, and how often a text has a part.
#ifndef ZEN_TESTS_TEXT_H
#define ZEN_TESTS_TEXT_H

#include <string>
#include <string_view>

namespace test {

/// `bytes` as they may be shown: in quotes, escaped, a long run cut in the middle.
std::string shown(std::string_view bytes);

/// How often `text` has `part`, which is not empty.
long count(const std::string &text, std::string_view part);

} // namespace test

#endif
