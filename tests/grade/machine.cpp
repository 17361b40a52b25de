// What this machine has, and what its system tells of a process: functions of check.h.
#include "check.h"

#include "place.h"

#include <fstream>
#include <set>
#include <stdexcept>

#include <sys/resource.h>
#include <unistd.h>

namespace grade {

static std::string host_in(int network) {
    const pid_t pid = getpid(); // below 2^22
    return "127." + std::to_string(network + (pid >> 16)) + "." + std::to_string(pid >> 8 & 255) +
           "." + std::to_string(pid & 255);
}

std::string host_of_our_own() { return host_in(64); }
std::string host_of_nobody() { return host_in(128); }

void needs_ipv6() {
    try {
        test::Listener("::1");
    } catch (const std::exception &) {
        undetermined("this machine has no IPv6");
    }
}

void needs_descriptors(long count) {
    rlimit current = {};
    getrlimit(RLIMIT_NOFILE, &current);
    current.rlim_cur = current.rlim_max;
    setrlimit(RLIMIT_NOFILE, &current);
    if (current.rlim_max < static_cast<rlim_t>(count))
        undetermined("a process may have " + std::to_string(current.rlim_max) +
                     " descriptors here; this needs " + std::to_string(count));
}

static bool is_visible(pid_t pid) {
    const LookAs as_it(place.user);
    std::ifstream file("/proc/" + std::to_string(pid) + "/syscall");
    std::string text;
    return static_cast<bool>(file >> text);
}

bool machine_lets_look() {
    static const bool lets = [] {
        test::Process control(sandboxed({"sleep", "60"}, place.scratch, place.user, {}));
        return test::eventually([&] { return is_visible(control.pid()); }, Milliseconds(3000));
    }();
    return lets;
}

bool can_look(pid_t pid) {
    if (is_visible(pid)) return true;
    if (!machine_lets_look()) return false;
    if (!test::eventually([&] { return is_visible(pid); }, Milliseconds(500)) && kill(pid, 0) == 0)
        fail("the program does not let itself be looked at (PR_SET_DUMPABLE)");
    return true;
}

std::vector<long> calls_slept_in(pid_t pid, int looks) {
    const LookAs as_it(place.user);
    std::vector<long> calls;
    for (int i = 0; i < looks; ++i) {
        if (const long call = test::sleeping_in(pid); call >= 0) calls.push_back(call);
        usleep(200);
    }
    return calls;
}

std::string call_name(long number) {
    const std::pair<const std::set<long> &, const char *> kinds[] = {
        {test::accept_calls, "accept"},    {test::receive_calls, "a receive call"},
        {test::select_calls, "select"},    {test::poll_calls, "poll"},
        {test::epoll_calls, "epoll_wait"}, {test::sleep_calls, "nanosleep"}};
    for (const auto &[calls, name] : kinds)
        if (calls.count(number)) return name;
    return "system call " + std::to_string(number);
}

} // namespace grade
