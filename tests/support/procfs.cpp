#include "procfs.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/syscall.h>

namespace test {

namespace {

// A row of /proc/net/tcp or udp and their likes for IPv6.
struct Row {
    std::uint16_t local_port, remote_port;
    unsigned long receive_queue;
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
                           static_cast<std::uint16_t>(hexadecimal(remote)), hexadecimal(queues),
                           inode});
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

std::size_t thread_count(pid_t pid) { return entries("/proc/" + std::to_string(pid) + "/task"); }

std::size_t descriptor_count(pid_t pid) { return entries("/proc/" + std::to_string(pid) + "/fd"); }

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
    SYS_recvfrom, SYS_recvmsg, SYS_read};

bool wait_until_read(const Connection &connection) {
    const std::uint16_t port = connection.local().port;
    return eventually([&] {
        for (const Row &row : rows("tcp"))
            if (row.remote_port == port) return row.receive_queue == 0;
        return true; // the peer has closed it
    });
}

} // namespace test
