// The other side of a program under test: TCP and UDP peers on loopback whose every wait has a
// deadline.
#ifndef ZEN_TESTS_SOCKETS_H
#define ZEN_TESTS_SOCKETS_H

#include "process.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace test {

/// Host and port of a socket; the host is numeric.
struct Endpoint {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;

    /// "127.0.0.1:65432" or "[::1]:65432".
    std::string name() const;
    /// The reverse of name(); throws what is none.
    static Endpoint parse(std::string_view name);
};

class Socket {
  public:
    Socket(Socket &&other) noexcept;
    Socket &operator=(Socket &&other) noexcept;
    ~Socket();

    int get() const { return descriptor_; }
    Endpoint local() const;
    void close();

  protected:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    int descriptor_; // non-blocking
};

/// A TCP connection. What fails throws, but for what a peer may do at any time: a connection that
/// is closed or reset just ends what receive() returns.
class Connection : public Socket {
  public:
    explicit Connection(int descriptor) : Socket(descriptor) {}
    /// Connects to a server; `receive_buffer` and `segment`, the most that the server may send at
    /// once, in bytes, 0 = the system's default.
    explicit Connection(const Endpoint &server, int receive_buffer = 0, int segment = 0);

    /// Sends all of `bytes`. False if the peer has closed or does not read until the deadline.
    bool send(std::string_view bytes, Milliseconds limit = patience);
    /// As send, one byte in a segment.
    bool dribble(std::string_view bytes);
    /// Receives until `size` bytes have come, the end of file, a reset or the deadline.
    std::string receive(std::size_t size, Milliseconds limit = patience);
    /// Receives to the end of file; ended() tells whether it came.
    std::string receive_all(Milliseconds limit = patience);
    /// Sends and receives at the same time, then shuts down sending and receives to the end of
    /// file.
    std::string exchange(std::string_view bytes, Milliseconds limit = patience);
    /// After a receive: the peer has closed its side (end of file), or reset the connection.
    bool ended() const { return ended_; }
    bool was_reset() const { return reset_; }

    void shut_down_sending();
    void reset(); ///< Closes with a reset instead of an end of file.

  private:
    std::string receive_some(std::size_t size, Milliseconds limit, std::string_view to_send);
    bool ended_ = false, reset_ = false;
};

/// A listening TCP socket on that port, or on one of the system's choice.
class Listener : public Socket {
  public:
    explicit Listener(const std::string &host = "127.0.0.1", int backlog = 128,
                      std::uint16_t port = 0);
    /// The next connection; throws if none comes.
    Connection accept(Milliseconds limit = patience);
};

/// A UDP socket on that port, or on one of the system's choice.
class Datagrams : public Socket {
  public:
    explicit Datagrams(const std::string &host = "127.0.0.1", std::uint16_t port = 0);
    void send_to(const Endpoint &peer, std::string_view bytes);
    /// The next datagram and its sender; `arrived` false if none came until the deadline.
    struct Datagram {
        bool arrived = false;
        std::string bytes;
        Endpoint sender;
    };
    Datagram receive(Milliseconds limit = patience);
};

} // namespace test

#endif
