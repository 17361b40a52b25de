#include "procfs.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace test {

namespace {

// A row of /proc/net/tcp or udp and their likes for IPv6.
struct Row {
    std::uint16_t local_port, remote_port;
    long unread; // bytes
    std::string inode;
};

std::vector<Row> rows(const char *protocol) {
    std::vector<Row> all;
    for (const char *version : {"", "6"}) {
        std::ifstream file(std::string("/proc/self/net/") + protocol + version);
        std::string line;
        std::getline(file, line); // the heading
        while (std::getline(file, line)) {
            std::istringstream fields(line);
            std::string number, local, remote, state, queues, timer, retransmits, uid, timeout,
                inode;
            fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
                timeout >> inode;
            const auto hexadecimal = [](const std::string &text) {
                return std::stoul(text.substr(text.rfind(':') + 1), nullptr, 16);
            };
            all.push_back({static_cast<std::uint16_t>(hexadecimal(local)),
                           static_cast<std::uint16_t>(hexadecimal(remote)),
                           static_cast<long>(hexadecimal(queues)), inode});
        }
    }
    return all;
}

std::size_t entries(const std::string &directory) {
    std::error_code error;
    std::size_t count = 0;
    for (std::filesystem::directory_iterator i(directory, error), end; !error && i != end;
         i.increment(error))
        ++count;
    return count;
}

} // namespace

bool eventually(const std::function<bool()> &condition, Milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(Milliseconds(1));
    }
    return true;
}

std::vector<pid_t> threads(pid_t pid) {
    std::vector<pid_t> all;
    std::error_code error;
    const std::string directory = "/proc/" + std::to_string(pid) + "/task";
    for (const auto &entry : std::filesystem::directory_iterator(directory, error))
        all.push_back(std::stoi(entry.path().filename()));
    return all;
}

std::size_t thread_count(pid_t pid) { return threads(pid).size(); }

std::size_t descriptor_count(pid_t pid) { return entries("/proc/" + std::to_string(pid) + "/fd"); }

// What follows "PID (NAME)" in /proc/PID/stat, or in that of a thread: the name may contain anything.
static std::string stat_fields(pid_t pid, const std::string &thread = {}) {
    std::ifstream file("/proc/" + std::to_string(pid) + thread + "/stat");
    std::string text;
    std::getline(file, text);
    return text.substr(text.rfind(')') + 1);
}

std::vector<pid_t> children(pid_t pid) {
    std::vector<pid_t> found;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", error)) {
        const int number = std::atoi(entry.path().filename().c_str());
        if (number == 0) continue;
        std::istringstream fields(stat_fields(number));
        std::string state;
        pid_t parent = 0;
        if (fields >> state >> parent && parent == pid) found.push_back(number);
    }
    return found;
}

static long status_number(pid_t pid, const std::string &name) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.rfind(name + ":", 0) == 0) return std::stol(line.substr(name.size() + 1));
    return 0;
}

long resident_memory(pid_t pid) { return status_number(pid, "RssAnon"); }
long peak_memory(pid_t pid) { return status_number(pid, "VmHWM"); }
long data_memory(pid_t pid) { return status_number(pid, "VmData"); }

static Milliseconds time_in(const std::string &stat) {
    std::istringstream fields(stat);
    std::string skipped;
    long user = 0, system = 0;
    for (int i = 0; i < 11; ++i) fields >> skipped; // state to cmajflt
    fields >> user >> system;
    return Milliseconds((user + system) * 1000 / sysconf(_SC_CLK_TCK));
}

Milliseconds processor_time(pid_t pid) { return time_in(stat_fields(pid)); }

std::chrono::microseconds processor_time_of_other_threads(pid_t pid) {
    const std::string first = "/task/" + std::to_string(pid);
    std::ifstream file("/proc/" + std::to_string(pid) + first + "/schedstat");
    clockid_t clock = 0;
    timespec all = {};
    long long used = 0; // nanoseconds
    if (file >> used && used > 0 && clock_getcpuclockid(pid, &clock) == 0 &&
        clock_gettime(clock, &all) == 0)
        return std::chrono::microseconds((all.tv_sec * 1'000'000'000LL + all.tv_nsec - used) /
                                         1000);
    const Milliseconds ticks = processor_time(pid) - time_in(stat_fields(pid, first));
    return std::max(ticks - Milliseconds(20), Milliseconds(0)); // a tick or two may be rounding
}

Milliseconds runnable_time(pid_t pid) {
    long long sum = 0; // nanoseconds
    for (const pid_t thread : threads(pid)) {
        std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(thread) +
                           "/schedstat");
        if (long long ran = 0, waited = 0; file >> ran >> waited) sum += ran + waited;
    }
    return Milliseconds(sum / 1'000'000);
}

long times_slept(pid_t pid) {
    long sum = 0;
    for (const pid_t thread : threads(pid)) {
        std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(thread) +
                           "/status");
        const std::string name = "voluntary_ctxt_switches:";
        for (std::string line; std::getline(file, line);)
            if (line.rfind(name, 0) == 0) sum += std::stol(line.substr(name.size()));
    }
    return sum;
}

void stop(pid_t pid) {
    kill(pid, SIGSTOP);
    eventually([&] { return stat_fields(pid).rfind(" T", 0) == 0; });
}

void stop_and_continue(pid_t pid) {
    stop(pid);
    kill(pid, SIGCONT);
}

std::uint16_t bound_port(pid_t pid) {
    std::set<std::string> inodes;
    std::error_code error;
    const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
    for (const auto &entry : std::filesystem::directory_iterator(directory, error)) {
        const std::string target = std::filesystem::read_symlink(entry, error);
        if (target.rfind("socket:[", 0) == 0) inodes.insert(target.substr(8, target.size() - 9));
    }
    for (const char *protocol : {"tcp", "udp"})
        for (const Row &row : rows(protocol))
            if (row.remote_port == 0 && inodes.count(row.inode)) return row.local_port;
    return 0;
}

long unread_datagrams(std::uint16_t port) {
    for (const Row &row : rows("udp"))
        if (row.local_port == port) return row.unread;
    return 0;
}

long sleeping_in(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/syscall");
    long number = -1;
    return file >> number ? number : -1;
}

const std::set<long> accept_calls = {
#ifdef SYS_accept
    SYS_accept,
#endif
    SYS_accept4};

const std::set<long> receive_calls = {
#ifdef SYS_recv
    SYS_recv,
#endif
    SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_read, SYS_readv};

const std::set<long> select_calls = {
#ifdef SYS_select
    SYS_select,
#endif
#ifdef SYS__newselect
    SYS__newselect,
#endif
#ifdef SYS_pselect6_time64
    SYS_pselect6_time64,
#endif
    SYS_pselect6};

const std::set<long> poll_calls = {
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_ppoll_time64
    SYS_ppoll_time64,
#endif
    SYS_ppoll};

const std::set<long> epoll_calls = {
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
    SYS_epoll_pwait};

const std::set<long> sleep_calls = {
#ifdef SYS_pause
    SYS_pause,
#endif
    SYS_nanosleep, SYS_clock_nanosleep};

// The peer of `connection`, as the kernel tells of it through its socket monitoring (sock_diag);
// nothing if it is gone. Reading /proc/net/tcp would take longer with every connection that is in
// TIME_WAIT.
static std::optional<inet_diag_msg> peer_of(const Connection &connection) {
    struct {
        nlmsghdr header = {};
        inet_diag_req_v2 body = {};
    } request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    sockaddr_storage own = {}, peer = {};
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    getsockname(connection.get(), reinterpret_cast<sockaddr *>(&own), &own_size);
    if (getpeername(connection.get(), reinterpret_cast<sockaddr *>(&peer), &peer_size) != 0)
        return {};
    inet_diag_sockid &id = request.body.id; // the peer's side: its source is our destination
    request.body.sdiag_family = static_cast<std::uint8_t>(own.ss_family);
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = ~0u;
    id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    const auto &own4 = reinterpret_cast<const sockaddr_in &>(own),
               &peer4 = reinterpret_cast<const sockaddr_in &>(peer);
    id.idiag_sport = peer4.sin_port;
    id.idiag_dport = own4.sin_port;
    id.idiag_src[0] = peer4.sin_addr.s_addr;
    id.idiag_dst[0] = own4.sin_addr.s_addr;

    const int monitor = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (monitor < 0) throw std::runtime_error("no socket monitoring");
    struct {
        nlmsghdr header;
        inet_diag_msg body;
        char attributes[4096];
    } reply;
    const bool asked = send(monitor, &request, sizeof request, 0) == sizeof request;
    const ssize_t size = asked ? recv(monitor, &reply, sizeof reply, 0) : -1;
    close(monitor);
    if (size < 0) throw std::runtime_error("no answer from socket monitoring");
    if (reply.header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return {};
    return reply.body;
}

long unread_by_peer(const Connection &connection) {
    const auto peer = peer_of(connection);
    return peer ? static_cast<long>(peer->idiag_rqueue) : -1;
}

long under_way_from_peer(const Connection &connection) {
    const auto peer = peer_of(connection);
    return peer ? static_cast<long>(peer->idiag_wqueue) : 0;
}

bool is_closed_by_peer(const Connection &connection) {
    const auto peer = peer_of(connection);
    return !peer || peer->idiag_inode == 0;
}

bool wait_until_read(const Connection &connection) {
    return eventually([&] { return unread_by_peer(connection) <= 0; });
}

void wait_until_read_or_stuck(const Connection &connection) {
    long unread = unread_by_peer(connection);
    for (long before = -1; unread > 0 && unread != before; unread = unread_by_peer(connection)) {
        before = unread;
        std::this_thread::sleep_for(Milliseconds(500));
    }
}

} // namespace test
