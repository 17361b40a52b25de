// The main function of a fuzz target without libFuzzer: gives it each file of a directory, and says
// how many there were. A case that breaks the target ends the process.
#include "fuzz.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char *argv[]) {
    if (argc != 2) return 2;
    int cases = 0;
    for (const auto &entry : std::filesystem::directory_iterator(argv[1])) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        std::fprintf(stderr, "%s\n", entry.path().c_str());
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size());
        ++cases;
    }
    std::printf("%d cases\n", cases);
    return cases > 0 ? 0 : 1;
}
