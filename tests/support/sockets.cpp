#include "sockets.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

namespace test {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string &what) {
    throw std::runtime_error(what + ": " + strerror(errno));
}

struct Raw {
    sockaddr_storage storage = {};
    socklen_t size = sizeof storage;
    sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
    int family() const { return storage.ss_family; }
};

Raw to_raw(const Endpoint &endpoint) {
    Raw raw;
    if (auto *v4 = reinterpret_cast<sockaddr_in *>(&raw.storage);
        inet_pton(AF_INET, endpoint.host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(endpoint.port);
        raw.size = sizeof *v4;
    } else if (auto *v6 = reinterpret_cast<sockaddr_in6 *>(&raw.storage);
               inet_pton(AF_INET6, endpoint.host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(endpoint.port);
        raw.size = sizeof *v6;
    } else throw std::runtime_error("not a numeric address: " + endpoint.host);
    return raw;
}

Endpoint to_endpoint(const Raw &raw) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (raw.family() == AF_INET6) {
        const auto &v6 = reinterpret_cast<const sockaddr_in6 &>(raw.storage);
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        return {host, ntohs(v6.sin6_port)};
    }
    const auto &v4 = reinterpret_cast<const sockaddr_in &>(raw.storage);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return {host, ntohs(v4.sin_port)};
}

int new_socket(int family, int type) {
    const int descriptor = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) fail("socket");
    return descriptor;
}

// Waits until `events` are there, an error among them, or the deadline is over: then 0.
short wait_for_events(int descriptor, short events, Clock::time_point deadline) {
    while (true) {
        const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now()).count();
        pollfd source = {descriptor, events, 0};
        const int count = poll(&source, 1, left > 0 ? static_cast<int>(left) : 0);
        if (count > 0) return source.revents;
        if (count == 0) return 0;
        if (errno != EINTR) fail("poll");
    }
}

} // namespace

std::string Endpoint::name() const {
    return (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Endpoint Endpoint::parse(std::string_view name) {
    const std::size_t colon = name.rfind(':');
    Endpoint endpoint;
    const std::string_view digits = colon == name.npos ? "" : name.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (error != std::errc() || end != digits.data() + digits.size())
        throw std::runtime_error("no address: " + std::string(name));
    std::string_view host = name.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    endpoint.host = host;
    return endpoint;
}

Socket::Socket(Socket &&other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket &Socket::operator=(Socket &&other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

Socket::~Socket() { close(); }

void Socket::close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Endpoint Socket::local() const {
    Raw raw;
    if (getsockname(descriptor_, raw.get(), &raw.size) != 0) fail("getsockname");
    return to_endpoint(raw);
}

Connection::Connection(const Endpoint &server, int receive_buffer, int segment) : Socket(-1) {
    Raw raw = to_raw(server);
    descriptor_ = new_socket(raw.family(), SOCK_STREAM);
    if (receive_buffer > 0)
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (segment > 0) setsockopt(descriptor_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    const int on = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(descriptor_, raw.get(), raw.size) != 0) {
        int error = errno;
        if (error == EINPROGRESS) {
            socklen_t size = sizeof error;
            if (wait_for_events(descriptor_, POLLOUT, Clock::now() + patience) == 0)
                error = ETIMEDOUT;
            else getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
        }
        if (error != 0) {
            close();
            errno = error;
            fail("cannot connect to " + server.name());
        }
    }
}

bool Connection::send(std::string_view bytes, Milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (errno == EAGAIN) {
            if (wait_for_events(descriptor_, POLLOUT, deadline) == 0) return false;
        } else if (errno != EINTR) return false;
    }
    return true;
}

bool Connection::dribble(std::string_view bytes) {
    for (const char byte : bytes)
        if (!send({&byte, 1})) return false;
    return true;
}

// Receives up to `size` bytes, while it sends `to_send` and then shuts down sending, if there is
// any.
std::string Connection::receive_some(std::size_t size, Milliseconds limit,
                                     std::string_view to_send) {
    const auto deadline = Clock::now() + limit;
    std::string received;
    char buffer[65536];
    while (received.size() < size && !ended_ && !reset_) {
        const bool sending = !to_send.empty();
        const short wanted = static_cast<short>(POLLIN | (sending ? POLLOUT : 0));
        const short events = wait_for_events(descriptor_, wanted, deadline);
        if (events == 0) break;
        if (sending && (events & POLLOUT)) {
            const ssize_t sent = ::send(descriptor_, to_send.data(), to_send.size(), MSG_NOSIGNAL);
            if (sent >= 0) to_send.remove_prefix(static_cast<std::size_t>(sent));
            else if (errno != EAGAIN && errno != EINTR) to_send = {};
            if (to_send.empty()) shut_down_sending();
        }
        if (events & (POLLIN | POLLHUP | POLLERR)) {
            const std::size_t space = std::min(sizeof buffer, size - received.size());
            const ssize_t count = recv(descriptor_, buffer, space, 0);
            if (count > 0) received.append(buffer, static_cast<std::size_t>(count));
            else if (count == 0) ended_ = true;
            else if (errno != EAGAIN && errno != EINTR) reset_ = true;
        }
    }
    return received;
}

std::string Connection::receive(std::size_t size, Milliseconds limit) {
    return receive_some(size, limit, {});
}

std::string Connection::receive_all(Milliseconds limit) {
    return receive_some(static_cast<std::size_t>(-1), limit, {});
}

std::string Connection::exchange(std::string_view bytes, Milliseconds limit) {
    if (bytes.empty()) shut_down_sending();
    return receive_some(static_cast<std::size_t>(-1), limit, bytes);
}

void Connection::shut_down_sending() { shutdown(descriptor_, SHUT_WR); }

void Connection::reset() {
    const linger at_once = {1, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

Listener::Listener(const std::string &host, int backlog, std::uint16_t port) : Socket(-1) {
    Raw raw = to_raw({host, port});
    descriptor_ = new_socket(raw.family(), SOCK_STREAM);
    if (bind(descriptor_, raw.get(), raw.size) != 0) fail("bind");
    if (listen(descriptor_, backlog) != 0) fail("listen");
}

Connection Listener::accept(Milliseconds limit) {
    if (wait_for_events(descriptor_, POLLIN, Clock::now() + limit) == 0)
        throw std::runtime_error("no connection came to " + local().name());
    const int descriptor = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) fail("accept");
    return Connection(descriptor);
}

Datagrams::Datagrams(const std::string &host, std::uint16_t port) : Socket(-1) {
    Raw raw = to_raw({host, port});
    descriptor_ = new_socket(raw.family(), SOCK_DGRAM);
    if (bind(descriptor_, raw.get(), raw.size) != 0) fail("bind");
}

void Datagrams::send_to(const Endpoint &peer, std::string_view bytes) {
    Raw raw = to_raw(peer);
    if (sendto(descriptor_, bytes.data(), bytes.size(), 0, raw.get(), raw.size) < 0) fail("sendto");
}

Datagrams::Datagram Datagrams::receive(Milliseconds limit) {
    if (wait_for_events(descriptor_, POLLIN, Clock::now() + limit) == 0) return {};
    char buffer[65536];
    Raw raw;
    const ssize_t size = recvfrom(descriptor_, buffer, sizeof buffer, 0, raw.get(), &raw.size);
    if (size < 0) return {};
    return {true, {buffer, static_cast<std::size_t>(size)}, to_endpoint(raw)};
}

} // namespace test
