// Does not end at any signal that can be ignored. It ends by itself after five minutes.

#include <csignal>
#include <cstdio>

#include <unistd.h>

int main() {
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
    std::puts("TCP server started at 127.0.0.1:65432");
    std::fflush(stdout);
    sleep(300);
}
