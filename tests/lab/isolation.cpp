#include "isolation.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lab {

namespace fs = std::filesystem;

namespace {

bool is_program(const fs::path &file) {
    return (fs::status(file).permissions() & fs::perms::owner_exec) != fs::perms::none;
}

// The programs are linked, which is fast; sources are copied, as an experiment may change them.
void copy_one(const fs::path &from, const fs::path &to) {
    const bool program = is_program(from);
    std::error_code failed;
    if (program) fs::create_hard_link(from, to, failed);
    if (program && !failed) return;
    fs::copy_file(from, to);
    fs::last_write_time(to, fs::last_write_time(from)); // make finds nothing to do
}

void copy_directory(const fs::path &from, const fs::path &to, bool with_programs) {
    fs::create_directories(to);
    for (const auto &entry : fs::directory_iterator(from))
        if (entry.is_regular_file() && (with_programs || !is_program(entry.path())))
            copy_one(entry.path(), to / entry.path().filename());
}

void write_to(const std::string &file, const std::string &text) { std::ofstream(file) << text; }

// Takes a network of its own, and the right to number processes anew from the next one on.
bool leave_the_others() {
    const int own = CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS;
    const std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
    if (geteuid() == 0) return unshare(own) == 0;
    if (unshare(own | CLONE_NEWUSER) != 0) return false;
    write_to("/proc/self/setgroups", "deny");
    write_to("/proc/self/uid_map", "0 " + user + " 1");
    write_to("/proc/self/gid_map", "0 " + group + " 1");
    return true;
}

// In the first process there: a /proc that shows the new processes, and loopback switched on.
bool settle_in() {
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
        return false;
    const int any = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq loopback = {};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    const bool up = ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    close(any);
    return up;
}

int status_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// What a section has left behind, and its end has killed, is not to be seen by the next one.
void reap_orphans() {
    for (int i = 0; i < 200; ++i) {
        const pid_t ended = waitpid(-1, nullptr, WNOHANG);
        if (ended < 0) return; // there is none
        if (ended == 0) usleep(10'000);
    }
}

} // namespace

void copy_kit(const std::string &directory, bool with_programs) {
    fs::remove_all(directory);
    copy_directory(".", directory, with_programs);
    for (const auto &entry : fs::directory_iterator(".")) {
        const std::string name = entry.path().filename();
        const bool built = name == "build" && !with_programs;
        if (entry.is_directory() && name[0] != '.' && name != "tests" && !built)
            copy_directory(entry.path(), directory + "/" + name, with_programs);
    }
}

pid_t start(bool isolated, const std::function<int()> &body) {
    const pid_t child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!isolated) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const int status = body();
        reap_orphans();
        _exit(status);
    }
    if (!leave_the_others()) _exit(1);
    const pid_t first = fork();
    if (first != 0) _exit(status_of(first));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(settle_in() ? body() : 1);
}

bool can_isolate() {
    return status_of(start(true, [] { return 0; })) == 0;
}

std::string taken_port(const std::vector<int> &ports) {
    for (const int port : ports) {
        for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
            const int probe = socket(AF_INET, type, 0);
            const int on = 1;
            if (type == SOCK_STREAM) setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            sockaddr_in address = {};
            address.sin_family = AF_INET;
            address.sin_port = htons(static_cast<in_port_t>(port));
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            const bool free =
                bind(probe, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0 &&
                (type == SOCK_DGRAM || listen(probe, 1) == 0);
            const std::string why = std::strerror(errno);
            close(probe);
            if (!free)
                return std::string(type == SOCK_STREAM ? "TCP" : "UDP") + " port " +
                       std::to_string(port) + " of 127.0.0.1 cannot be used: " + why +
                       ". Another program has it: stop that one, and try again.";
        }
    }
    return {};
}

} // namespace lab
