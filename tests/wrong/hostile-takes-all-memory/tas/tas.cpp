// Takes memory and uses it, up to 8 GiB, and keeps it for a minute at most.

#include <list>
#include <string>

#include <unistd.h>

int main() {
    std::list<std::string> all;
    for (int i = 0; i < 8192; ++i) all.emplace_back(1 << 20, 'x');
    sleep(60);
}
