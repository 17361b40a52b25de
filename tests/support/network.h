// A network in which a host has the addresses that a test needs, and datagrams that no socket sends.
// For both, the tests need to be root.
#ifndef ZEN_TESTS_NETWORK_H
#define ZEN_TESTS_NETWORK_H

#include "sockets.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// While it lives, this thread and the programs that it starts have a network of their own, with
/// nothing but the loopback interface. There, two_addresses is a host that has ::1 and 127.0.0.1.
/// Throws if the system does not allow that.
class OwnNetwork {
  public:
    enum Versions { ipv4_only, ipv4_and_ipv6 };
    explicit OwnNetwork(Versions versions);

  private:
    // What this thread had before; the destructor goes back to it.
    struct Before {
        Before();
        ~Before();
        Before(const Before &) = delete;
        Before &operator=(const Before &) = delete;
        int network, mounts, root, directory;
    } before_;
};

inline const std::string two_addresses = "two.test";

/// The addresses of a host, in the order in which a program of the kit tries them.
std::vector<std::string> addresses_of(const std::string &host);

/// Sends a UDP datagram as the kernel would send it from `source`, port 0 included. At most 64
/// bytes. False if that fails.
bool send_forged(const Endpoint &source, const Endpoint &server, std::string_view bytes);

} // namespace test

#endif
