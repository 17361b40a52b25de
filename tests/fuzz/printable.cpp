// zen::printable: each byte as itself or as its escape, and nothing else. Input: the bytes.
#include "fuzz.h"

#include "../../program.h"

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    const std::string text = zen::printable(bytes);
    std::size_t place = 0;
    for (const char c : bytes) {
        char expected[8];
        const char *const names[] = {"\\t", "\\n", nullptr, nullptr, "\\r"};
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\\') std::snprintf(expected, sizeof expected, "\\\\");
        else if (byte >= 32 && byte < 127) std::snprintf(expected, sizeof expected, "%c", c);
        else if (byte >= 9 && byte <= 13 && names[byte - 9])
            std::snprintf(expected, sizeof expected, "%s", names[byte - 9]);
        else std::snprintf(expected, sizeof expected, "\\x%02x", byte);
        const std::string_view one = expected;
        fuzz::require(text.compare(place, one.size(), one) == 0, "each byte is shown");
        place += one.size();
    }
    fuzz::require(place == text.size(), "and nothing else");
    return 0;
}
