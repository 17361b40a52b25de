#include "network.h"
#include "procfs.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace test {

namespace {

[[noreturn]] void fail(const std::string &what) {
    throw std::runtime_error(what + ": " + strerror(errno));
}

// Programs read this file instead of the system's one: it is mounted on it, and has no name.
void mount_hosts(const std::string &text) {
    std::string name = std::filesystem::temp_directory_path() / "zen-hosts-XXXXXX";
    const int descriptor = mkstemp(name.data());
    if (descriptor < 0) fail("cannot make " + name);
    close(descriptor);
    std::filesystem::permissions(name, std::filesystem::perms(0644));
    std::ofstream(name) << text;
    const int failed = mount(name.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr);
    const int error = errno;
    std::filesystem::remove(name);
    errno = error;
    if (failed) fail("cannot mount a file on /etc/hosts");
}

void switch_loopback_on() {
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback = {};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    const int failed = ioctl(any, SIOCSIFFLAGS, &loopback);
    close(any);
    if (failed) fail("cannot switch the loopback interface on");
}

} // namespace

OwnNetwork::Before::Before()
    : network(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)),
      mounts(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC)),
      root(open("/", O_RDONLY | O_CLOEXEC)), directory(open(".", O_RDONLY | O_CLOEXEC)) {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) fail("no network of its own");
}

OwnNetwork::Before::~Before() {
    // Only a thread that is alone may go back, and one that has been joined may not be quite gone.
    const bool back = setns(network, CLONE_NEWNET) == 0 &&
                      eventually([&] { return setns(mounts, CLONE_NEWNS) == 0; }) &&
                      fchdir(root) == 0 && chroot(".") == 0 && // setns went to the system's root
                      fchdir(directory) == 0;
    for (const int descriptor : {network, mounts, root, directory}) close(descriptor);
    if (!back) std::abort(); // all tests that follow would be elsewhere
}

OwnNetwork::OwnNetwork(Versions versions) {
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("mount");
    mount_hosts("127.0.0.1 localhost\n::1 localhost\n::1 " + two_addresses + "\n127.0.0.1 " +
                two_addresses + "\n");
    if (versions == ipv4_only) {
        std::ofstream switches("/proc/sys/net/ipv6/conf/all/disable_ipv6");
        if (!(switches << "1" << std::flush)) fail("cannot switch IPv6 off");
    }
    switch_loopback_on();
}

std::vector<std::string> addresses_of(const std::string &host) {
    addrinfo hints = {}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), "1", &hints, &list) != 0)
        throw std::runtime_error("cannot resolve " + host);
    std::vector<std::string> all;
    for (const addrinfo *one = list; one; one = one->ai_next) {
        char name[NI_MAXHOST] = "?";
        getnameinfo(one->ai_addr, one->ai_addrlen, name, sizeof name, nullptr, 0, NI_NUMERICHOST);
        all.emplace_back(name);
    }
    freeaddrinfo(list);
    return all;
}

bool send_forged(const Endpoint &source, const Endpoint &server, std::string_view bytes) {
    struct {
        iphdr ip = {};
        udphdr udp = {};
        char bytes[64] = {};
    } packet;
    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.ttl = 64;
    packet.ip.protocol = IPPROTO_UDP;
    packet.ip.saddr = inet_addr(source.host.c_str());
    packet.ip.daddr = inet_addr(server.host.c_str());
    packet.udp.source = htons(source.port);
    packet.udp.dest = htons(server.port);
    packet.udp.len = htons(static_cast<std::uint16_t>(sizeof packet.udp + bytes.size()));
    bytes.copy(packet.bytes, sizeof packet.bytes); // the checksums: IP's by the kernel, no other
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = packet.ip.daddr;
    const std::size_t size = sizeof packet.ip + sizeof packet.udp + bytes.size();
    const int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    const ssize_t sent =
        sendto(raw, &packet, size, 0, reinterpret_cast<sockaddr *>(&to), sizeof to);
    close(raw);
    return sent == static_cast<ssize_t>(size);
}

} // namespace test
