// What the fuzz targets share. A target is a function of any bytes, which must hold what it says. It
// is built twice: with libFuzzer, which looks for bytes that break it (make fuzz), and with
// replay.cpp, which gives it the cases of tests/corpus (make test).
#ifndef ZEN_TESTS_FUZZ_H
#define ZEN_TESTS_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace fuzz {

/// Ends the process, so that the input is kept, if `condition` does not hold.
inline void require(bool condition, const char *what) {
    if (condition) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

/// The input, taken apart from its front. Where it is at its end, it gives zeros.
class Input {
  public:
    Input(const std::uint8_t *data, std::size_t size)
        : left_(reinterpret_cast<const char *>(data), size) {}
    explicit Input(std::string_view bytes) : left_(bytes) {}
    bool empty() const { return left_.empty(); }
    unsigned byte() { return static_cast<unsigned char>(empty() ? '\0' : bytes(1)[0]); }
    std::string_view bytes(std::size_t size) {
        const std::string_view taken = left_.substr(0, size);
        left_.remove_prefix(taken.size());
        return taken;
    }

  private:
    std::string_view left_;
};

} // namespace fuzz

#endif
