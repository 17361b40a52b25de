#include "meter.h"

#include "../support/procfs.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace bench {

static double own_seconds(pid_t pid) {
    clockid_t clock = {};
    timespec used = {};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
    return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

// Of the children that the process has waited for: the fields cutime and cstime.
static double seconds_of_ended_children(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text, skipped;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    for (int i = 0; i < 13; ++i) fields >> skipped;
    long user = 0, system = 0;
    fields >> user >> system;
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double processor_seconds(pid_t pid, bool with_children) {
    double seconds = own_seconds(pid);
    if (!with_children) return seconds;
    for (const pid_t child : test::children(pid)) seconds += own_seconds(child);
    return seconds + seconds_of_ended_children(pid);
}

Holding holding(pid_t pid, bool with_children) {
    Holding all = {test::resident_memory(pid), test::thread_count(pid), 0};
    if (!with_children) return all;
    for (const pid_t child : test::children(pid)) {
        all.memory += test::resident_memory(child);
        ++all.children;
    }
    return all;
}

// What /sys tells of the place of a processor: two that share a core have the same.
static std::string core_of(int processor) {
    std::string text;
    for (const char *name : {"physical_package_id", "core_id"}) {
        std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(processor) +
                           "/topology/" + name);
        std::string number;
        file >> number;
        text += number + ' ';
    }
    return text;
}

Cores choose_cores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    std::vector<int> processors;
    for (int i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &allowed)) processors.push_back(i);
    if (processors.empty()) return {0, 0};
    const int server = processors.back(); // the first one often has more interrupts to serve
    for (const int processor : processors)
        if (core_of(processor) != core_of(server)) return {server, processor};
    return {server, processors.front()};
}

double busy_seconds(const Cores &cores) {
    std::ifstream file("/proc/stat");
    double ticks = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string name;
        fields >> name;
        if (name != "cpu" + std::to_string(cores.server) &&
            name != "cpu" + std::to_string(cores.generator))
            continue;
        double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0;
        fields >> user >> nice >> system >> idle >> waiting >> interrupts >> soft;
        ticks += user + nice + system + interrupts + soft;
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double used_seconds() {
    double seconds = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage used = {};
        getrusage(who, &used);
        for (const timeval &part : {used.ru_utime, used.ru_stime})
            seconds += static_cast<double>(part.tv_sec) + 1e-6 * static_cast<double>(part.tv_usec);
    }
    return seconds;
}

OnCore::OnCore(int core) {
    CPU_ZERO(&before_);
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    sched_setaffinity(0, sizeof one, &one);
}

OnCore::~OnCore() { sched_setaffinity(0, sizeof before_, &before_); }

std::size_t raise_descriptor_limit() {
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return std::min<std::size_t>(limit.rlim_cur, 1 << 30);
}

} // namespace bench
