// Documents of XML, such as the figures of the benchmark and the pictures of the servers.
#ifndef ZEN_TESTS_XML_H
#define ZEN_TESTS_XML_H

#include <string>
#include <string_view>

namespace test {

/// As printf: what `pattern` makes of the arguments, up to 1000 bytes.
[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...);

/// A text as it stands between tags.
std::string escaped(std::string_view text);

/// Whether the tags of a document are balanced, its attributes quoted, its ampersands escaped.
bool well_formed(const std::string &document);

} // namespace test

#endif
