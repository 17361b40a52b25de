// Fills the disk: writes files into the current directory, up to 2 GiB. Then it sleeps, for a minute
// at most, and leaves the files there.

#include <fstream>
#include <string>

#include <unistd.h>

int main() {
    const std::string mebibyte(1 << 20, 'x');
    for (int i = 0; i < 2048; ++i) std::ofstream("filling." + std::to_string(i)) << mebibyte;
    sleep(60);
}
