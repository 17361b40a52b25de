// Kills the process group of its parent: whoever tests it, unless they keep it in a group and a
// session of its own, and themselves out of its reach. Groups 0 and 1 would be all processes.

#include <csignal>

#include <unistd.h>

int main() {
    const pid_t group = getpgid(getppid());
    if (group > 1) kill(-group, SIGKILL);
    sleep(10);
}
