#include "sandbox.h"

#include "../support/process.h"
#include "../support/procfs.h"
#include "place.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>

#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace grade {

namespace {

constexpr uid_t first_user = 60'706, last_user = 61'183; // which systemd leaves to nobody

// Whether this process may take any user id: in a container, only some of them may exist.
bool user_exists(uid_t user) {
    std::ifstream map("/proc/self/uid_map");
    for (unsigned long inside, outside, count; map >> inside >> outside >> count;)
        if (user >= inside && user - inside < count) return true;
    return false;
}

// Takes the name of a socket that belongs to no file, and so is free again when this process ends.
bool take_name(const std::string &name) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path + 1); // after NUL: no file
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int held = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(held, reinterpret_cast<sockaddr *>(&address), size) == 0) return true;
    close(held);
    return false;
}

void limit(decltype(RLIMIT_CPU) resource, long value, long soft = 0) {
    rlimit current = {};
    getrlimit(resource, &current);
    const rlim_t most = std::min(static_cast<rlim_t>(value), current.rlim_max);
    const rlimit wanted = {soft > 0 ? std::min(static_cast<rlim_t>(soft), most) : most, most};
    setrlimit(resource, &wanted);
}

// The processes and threads of the own user: the limit on their number counts them all.
long own_processes() {
    long count = 0;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
        const int number = std::atoi(entry.path().filename().c_str());
        std::ifstream file(entry.path() / "status");
        long threads = 0;
        uid_t owner = 0;
        for (std::string line; number > 0 && std::getline(file, line);) {
            if (line.rfind("Uid:", 0) == 0) owner = static_cast<uid_t>(std::stoul(line.substr(4)));
            if (line.rfind("Threads:", 0) == 0) threads = std::stol(line.substr(8));
        }
        if (owner == geteuid()) count += threads;
    }
    return count;
}

void write_file(const char *path, const std::string &text) { std::ofstream(path) << text; }

} // namespace

// The program, copied to where any user may run it: its path.
static std::string copied(const std::string &program, const std::string &directory) {
    static int copies = 0;
    const std::string copy = directory + "/program-" + std::to_string(++copies);
    std::filesystem::copy_file(program, copy);
    std::filesystem::permissions(copy, std::filesystem::perms(0755));
    return copy;
}

// The command without a sandbox, see sandboxed().
static std::vector<std::string> limited(std::vector<std::string> command,
                                        const std::string &directory, const Limits &limits) {
    const Limits usual;
    std::vector<std::string> all = {"/usr/bin/env", "--chdir=" + directory, "prlimit"};
    const auto limit = [&](const std::string &name, long most, long soft) {
        all.push_back("--" + name + "=" + std::to_string(soft) + ":" + std::to_string(most));
    };
    const long descriptors = limits.descriptors, soft = limits.soft_descriptors;
    if (descriptors != usual.descriptors || soft != 0)
        limit("nofile", descriptors, soft != 0 ? soft : descriptors);
    if (limits.address_space != usual.address_space && limits.address_space != 0)
        limit("as", limits.address_space << 20, limits.address_space << 20);
    if (limits.processes != usual.processes) {
        const bool is_root = geteuid() == 0; // who may have any number
        const long most = limits.processes + (is_root ? 0 : own_processes());
        limit("nproc", most, most);
        static const uid_t user = take_user();
        if (is_root) all.insert(all.end(), {"setpriv", "--clear-groups", "--reuid"});
        if (is_root) all.push_back(std::to_string(user));
        if (is_root) command[0] = copied(command[0], directory);
    }
    if (all.back() == "prlimit") all.pop_back();
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

uid_t take_user() {
    if (geteuid() != 0 || !user_exists(last_user)) return geteuid();
    for (uid_t user = first_user; user <= last_user; ++user)
        if (take_name("zen-grade-user-" + std::to_string(user))) return user;
    throw std::runtime_error("no user id is free: too many graders run");
}

std::vector<std::string> sandboxed(const std::vector<std::string> &command,
                                   const std::string &directory, uid_t user, const Limits &limits) {
    if (!place.sandbox) return limited(command, directory, limits);
    std::vector<std::string> all = {launcher(), "--run", directory, std::to_string(user)};
    for (const long value : {limits.processor_seconds, limits.address_space, limits.file_size,
                             limits.descriptors, limits.processes, limits.soft_descriptors})
        all.push_back(std::to_string(value));
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

int run_in_sandbox(char **arguments) {
    const std::string directory = arguments[0];
    const auto user = static_cast<uid_t>(std::stoul(arguments[1]));
    const auto number = [&](int i) { return std::stol(arguments[2 + i]); };
    constexpr long mebibyte = 1 << 20;
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, number(0));
    if (number(1) > 0) limit(RLIMIT_AS, number(1) * mebibyte);
    limit(RLIMIT_FSIZE, number(2) * mebibyte);
    limit(RLIMIT_NOFILE, number(3), number(5));
    limit(RLIMIT_NPROC, number(4) + (user == geteuid() ? own_processes() : 0));
    if (user != geteuid() &&
        (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0)) {
        std::cerr << "the grader cannot become another user: " << strerror(errno) << '\n';
        return 127;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (chdir(directory.c_str()) != 0) {
        std::cerr << "the grader cannot use " << directory << ": " << strerror(errno) << '\n';
        return 127;
    }
    std::vector<std::pair<std::string, std::string>>
        kept; // a token of the grader's is not for them
    for (const char *name : {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
        if (const char *value = std::getenv(name)) kept.emplace_back(name, value);
    kept.insert(kept.end(), {{"LC_ALL", "C"}, {"HOME", directory}, {"TMPDIR", directory}});
    clearenv();
    for (const auto &[name, value] : kept) setenv(name.c_str(), value.c_str(), 1);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    char **command = arguments + 8;
    execvp(command[0], command);
    std::cerr << "cannot start " << command[0] << ": " << strerror(errno) << '\n';
    return 127;
}

void adopt_descendants() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!test::sanitized) prctl(PR_SET_DUMPABLE, 0); // LeakSanitizer looks into its own process
}

bool leave_network() {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (user == 0) {
        if (unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0) return false;
    } else {
        prctl(PR_SET_DUMPABLE, 1); // else its own files in /proc are closed to it
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) != 0) return false;
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1");
        write_file("/proc/self/gid_map",
                   std::to_string(group) + " " + std::to_string(group) + " 1");
    }
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback = {};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    const bool up = ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    close(any);
    if (!up) throw std::runtime_error("cannot bring up loopback");
    return true;
}

ProcessTree::ProcessTree() {
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
        const int number = std::atoi(entry.path().filename().c_str());
        if (number == 0) continue;
        std::ifstream file(entry.path() / "stat");
        std::string text;
        std::getline(file, text);
        std::istringstream fields(text.substr(text.rfind(')') + 1));
        std::string state;
        if (pid_t parent = 0; fields >> state >> parent) children_.emplace(parent, number);
    }
}

std::vector<pid_t> ProcessTree::below(pid_t pid) const {
    std::vector<pid_t> found = {pid};
    for (std::size_t i = 0; i < found.size(); ++i)
        for (auto [child, end] = children_.equal_range(found[i]); child != end; ++child)
            found.push_back(child->second);
    found.erase(found.begin());
    return found;
}

std::vector<pid_t> descendants(pid_t pid) { return ProcessTree().below(pid); }

int end_processes_of(char *user) {
    const auto number = static_cast<uid_t>(std::stoul(user));
    if (setgroups(0, nullptr) == 0 && setgid(number) == 0 && setuid(number) == 0)
        kill(-1, SIGKILL); // all at once, so that none can start another meanwhile
    return 0;
}

// Whether this process has a child, also one that has ended: the system knows, at once.
static bool has_children() {
    siginfo_t about = {};
    return waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

// The children of this process, but for `spared`, and theirs.
static std::vector<pid_t> others_than(const std::vector<pid_t> &spared) {
    if (!has_children()) return {};
    const ProcessTree tree;
    std::vector<pid_t> found = tree.below(getpid());
    for (const pid_t pid : spared) {
        std::vector<pid_t> family = tree.below(pid);
        family.push_back(pid);
        for (const pid_t member : family)
            found.erase(std::remove(found.begin(), found.end(), member), found.end());
    }
    return found;
}

void reap_adopted(pid_t own) {
    siginfo_t ended = {};
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0 &&
           ended.si_pid != own) {
        waitpid(ended.si_pid, nullptr, WNOHANG);
        ended = {};
    }
}

void end_descendants(uid_t user, const std::vector<pid_t> &spared) {
    std::vector<pid_t> left = others_than(spared);
    if (!left.empty() && user != geteuid()) // a user of nobody's else: all of his at once
        test::Process({launcher(), "--end", std::to_string(user)}).wait_exit();
    for (; !left.empty(); left = others_than(spared)) {
        for (const pid_t pid : left) kill(pid, SIGSTOP); // so that none starts another meanwhile
        for (const pid_t pid : left) kill(pid, SIGKILL);
        for (const pid_t pid : left) waitpid(pid, nullptr, WNOHANG);
    }
}

LookAs::LookAs(uid_t user)
    : own_user_(static_cast<uid_t>(setfsuid(user))),
      own_group_(static_cast<gid_t>(setfsgid(user == geteuid() ? getegid() : user))) {}

LookAs::~LookAs() {
    setfsuid(own_user_);
    setfsgid(own_group_);
}

} // namespace grade
