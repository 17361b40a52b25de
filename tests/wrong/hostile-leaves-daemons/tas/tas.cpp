// Leaves processes behind that are in no group or session of its own and hold its output open. They
// end by themselves after a minute.

#include <cstdio>

#include <unistd.h>

int main() {
    for (int i = 0; i < 5; ++i) {
        if (fork() != 0) continue;
        setsid();
        if (fork() == 0) sleep(60);
        _exit(0);
    }
    std::puts("TCP server started at 127.0.0.1:65432");
    std::fflush(stdout);
    sleep(60);
}
