// Forks without end. So that it can hurt no machine: 2000 times at most, and no process lives longer
// than 20 seconds.

#include <cstdio>

#include <unistd.h>

int main() {
    alarm(20);
    std::puts("TCP server started at 127.0.0.1:65432");
    std::fflush(stdout);
    for (int i = 0; i < 2000; ++i) {
        if (fork() == 0) {
            sleep(20);
            _exit(0);
        }
    }
    pause();
}
