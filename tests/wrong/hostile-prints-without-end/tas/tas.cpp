// Prints without end, up to 4 GiB.

#include <string>

#include <unistd.h>

int main() {
    std::string lines;
    while (lines.size() < 1 << 20) lines += "TCP server started at 127.0.0.1:65432\n";
    for (int i = 0; i < 4096; ++i)
        if (write(STDOUT_FILENO, lines.data(), lines.size()) < 0) return 1;
}
