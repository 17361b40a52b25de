// sockets.h: the calls of Python's asyncio on bare sockets (sock_recv and others, methods of its
// selector_events): accept, recv, send and connect, as coroutines.
//
// Each one does what its name says at once, if it can: then nobody else runs meanwhile. If it would
// have to wait, it asks the loop to be called when the socket is ready, waits, and tries again.
// That costs two system calls more each time (epoll_ctl). A transport does without: it is called
// whenever something comes, and puts it aside. Here, what is not received yet stays in the kernel.
//
// What differs from Python:
//  - What are methods of the loop there are functions here, of a descriptor, which must not block
//    (O_NONBLOCK), and for which only one may wait to read, and one to write.
#pragma once

#include "connections.h"

namespace asyncio {
/// Waits until a descriptor can be read from, for which nobody else may wait then.
inline Coroutine<void> readable(int descriptor) {
    Waiter waiter;
    get_running_loop().add_reader(descriptor, [&waiter] { waiter.set_result(); });
    const Finally forget([descriptor] { get_event_loop().remove_reader(descriptor); });
    co_await waiter;
}

/// The next client, whose socket does not block, and its address.
using Accepted = std::pair<zen::Descriptor, zen::Address>;
inline Coroutine<Accepted> sock_accept(int listener) {
    while (true) {
        zen::Address peer;
        zen::Descriptor client(accept(listener, peer.get(), &peer.size));
        if (!client && !zen::not_ready()) std::rethrow_exception(os_error("cannot accept"));
        if (client) {
            fcntl(client.get(), F_SETFL, O_NONBLOCK);
            co_return Accepted(std::move(client), peer);
        }
        co_await readable(listener);
    }
}

/// What recv gives; nothing if it would have to wait.
inline std::optional<std::string> try_recv(int socket, std::size_t size) {
    std::string bytes(size, '\0');
    const ssize_t received = recv(socket, bytes.data(), size, 0);
    if (received < 0 && zen::not_ready()) return {};
    if (received < 0) std::rethrow_exception(os_error("cannot receive"));
    bytes.resize(std::size_t(received));
    return bytes;
}
/// At most `size` bytes, as soon as there are some; none at the end of file.
inline Coroutine<std::string> sock_recv(int socket, std::size_t size) {
    while (true) {
        auto bytes = try_recv(socket, size);
        if (bytes) co_return std::move(*bytes);
        co_await readable(socket);
    }
}

/// Sends all, and waits where the kernel has no room for it.
inline Coroutine<void> sock_sendall(int socket, std::string bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const ssize_t size = send(socket, bytes.data() + sent, bytes.size() - sent, 0);
        if (size < 0 && !zen::not_ready()) std::rethrow_exception(os_error("cannot send"));
        if (size < 0) {
            co_await writable(socket);
        } else sent += std::size_t(size);
    }
}

/// Connects to an address.
inline Coroutine<void> sock_connect(int socket, zen::Address address) {
    const int error = co_await connect_socket(socket, address);
    if (error != 0)
        std::rethrow_exception(os_error("cannot connect to " + name_of(address), error));
}
} // namespace asyncio
