// Bytes as they may be shown in a report.
#ifndef ZEN_TESTS_TEXT_H
#define ZEN_TESTS_TEXT_H

#include <string>
#include <string_view>

namespace test {

/// `bytes` as they may be shown: in quotes, escaped, a long run cut in the middle.
std::string shown(std::string_view bytes);

} // namespace test

#endif
