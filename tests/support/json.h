// A reader of JSON (RFC 8259), for tests of what others are to read.
#ifndef ZEN_TESTS_JSON_H
#define ZEN_TESTS_JSON_H

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace test {

struct Json {
    enum Kind { null, boolean, number, text, array, object } kind = null;
    bool truth = false;
    double value = 0;
    std::string string; ///< of a text; of a number, as it was written
    std::vector<Json> items;
    std::map<std::string, Json> members;

    /// Throws std::runtime_error for what is not JSON.
    static Json parse(std::string_view text);
    /// A member of an object; throws if there is none.
    const Json &operator[](const std::string &name) const;
    bool is_integer() const {
        return kind == number && string.find_first_not_of("-0123456789") == string.npos;
    }
};

} // namespace test

#endif
