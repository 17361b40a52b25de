// connections.h: what makes transports in Python's asyncio (its modules base_events, unix_events):
// servers and connections, over TCP, UDP, Unix sockets and pipes. Transports: transports.h.
//
// What differs from Python:
//  - What are methods of the loop there are functions here: co_await create_server(factory, host,
//    port). A factory, as it is more than a name, a literal or a call, is named in a statement of
//    its own before (see tasks.h).
//  - A server listens on the first address of its host that can be bound, where Python takes all.
//  - The loop waits while a name is resolved, where Python asks in a thread.
//  - Without free descriptors a server tries again after a second, as in Python, and also when one
//    of its clients has left.
#pragma once

#include "transports.h"

#include <sys/stat.h>
#include <sys/un.h>

namespace asyncio {
constexpr int backlog = 1024; ///< connections that the kernel keeps until they are accepted

// ---- Servers
/// Accepts the connections that wait, and calls serve(zen::Descriptor, name) for each; what that
/// throws is said, and ends this one. Returns whether descriptors or memory have run out, which is
/// said, too, unless they were `exhausted` before.
template <class F> bool accept_all(int listener, bool exhausted, F serve) {
    for (int i = 0; i < backlog; ++i) { // not for ever: other clients wait, too
        zen::Address peer;
        zen::Descriptor client(accept(listener, peer.get(), &peer.size));
        exhausted = !client && zen::exhausted(exhausted); // the client waits in the backlog
        if (!client) break;
        try {
            serve(std::move(client), name_of(peer));
        } catch (...) {
            zen::say("Connection with ", name_of(peer),
                     " closed: ", describe(std::current_exception()));
        }
    }
    return exhausted;
}
using ProtocolFactory = std::function<std::shared_ptr<Protocol>()>;
/// Accepts connections, and makes a transport and a protocol for each.
class Server final : public BaseServer, public std::enable_shared_from_this<Server> {
  public:
    Server(zen::Descriptor listener, ProtocolFactory factory, std::string path = "")
        : listener_(std::move(listener)), factory_(std::move(factory)), path_(std::move(path)) {
        fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
    }
    int socket() const { return listener_.get(); }                          ///< -1 if it is closed.
    std::string sockname() const { return name_of(socket(), getsockname); } ///< "127.0.0.1:65432"
    bool is_serving() const { return serving_; }
    void start_serving() {
        if (!std::exchange(serving_, true)) watch(true);
    }
    /// Serves until its task is cancelled or close() is called; throws CancelledError then, after
    /// it has closed the clients, and without waiting for those who do not read.
    Coroutine<void> serve_forever() {
        const auto self = shared_from_this();
        if (!listener_) throw RuntimeError("server is closed");
        if (forever_) throw RuntimeError("server is already being awaited on serve_forever()");
        start_serving();
        Waiter forever;
        forever_ = &forever;
        const Finally forget([self] { self->forever_ = nullptr; });
        try {
            co_await forever;
        } catch (const CancelledError &) { // no co_await can stand here
        }
        close();
        abort_clients();
        co_await wait_closed();
        throw CancelledError();
    }
    /// Listens no more. The connections go on.
    void close() {
        if (!listener_) return;
        if (serving_) watch(false);
        serving_ = false;
        listener_ = zen::Descriptor(-1);
        if (!path_.empty()) unlink(path_.c_str());
        if (forever_) forever_->cancel();
        wake_if_closed();
    }
    void close_clients() const {
        for_each_client([](BaseTransport &client) { client.close(); });
    }
    void abort_clients() const {
        for_each_client([](BaseTransport &client) { client.abort(); });
    }
    /// Waits until it is closed and its last connection has ended.
    Coroutine<void> wait_closed() {
        const auto self = shared_from_this();
        if (!listener_ && clients_ == 0) co_return;
        Waiter waiter;
        waiters_.push_back(&waiter);
        const Finally forget([self, &waiter] { std::erase(self->waiters_, &waiter); });
        co_await waiter;
    }
    void attach() override { ++clients_; }
    void detach() override {
        --clients_;
        wake_if_closed();
        if (exhausted_ && serving_) accept_clients(); // now there is a free descriptor
    }

  private:
    void watch(bool reading) {
        if (!reading) get_event_loop().remove_reader(socket());
        else
            get_event_loop().add_reader(socket(),
                                        [self = shared_from_this()] { self->accept_clients(); });
    }
    void accept_clients() {
        const bool before = exhausted_;
        exhausted_ = accept_all(socket(), before, [this](zen::Descriptor client, auto name) {
            const auto transport = std::make_shared<Transport>(std::move(client), factory_(), name,
                                                               shared_from_this());
            transport->start();
        });
        if (!serving_ || before == exhausted_) return;
        watch(!exhausted_); // the listener would wake the loop at once
        if (exhausted_) retry_later();
    }
    void retry_later() {
        get_event_loop().call_later(Seconds(1), [self = shared_from_this()] {
            if (!self->exhausted_ || !self->serving_) return;
            self->accept_clients();
            if (self->exhausted_) self->retry_later();
        });
    }
    template <class F> void for_each_client(F function) const {
        for (const auto &each : get_event_loop().transports) // whose ends come in later turns
            if (auto &client = static_cast<BaseTransport &>(*each); client.server() == this)
                function(client);
    }
    void wake_if_closed() const {
        if (listener_ || clients_ > 0) return;
        for (Waiter *waiter : waiters_) waiter->set_result();
    }

    zen::Descriptor listener_;
    ProtocolFactory factory_;
    std::string path_; // of a Unix socket
    bool serving_ = false, exhausted_ = false;
    std::size_t clients_ = 0;
    Waiter *forever_ = nullptr;
    std::vector<Waiter *> waiters_;
};

// ---- Sockets that listen, are bound, or are connected
struct HostPort {
    std::string host, port; ///< Without a port: none.
};
/// Listens on the first of the host's addresses that can be bound. Fails where the port is in use.
inline zen::Descriptor open_listener(const std::string &host, const std::string &port) {
    const zen::Addresses addresses = zen::resolve(host, port, SOCK_STREAM);
    int error = 0;
    for (auto *info = addresses.get(); info && error != EADDRINUSE; info = info->ai_next) {
        zen::Descriptor listener(socket(info->ai_family, SOCK_STREAM, 0));
        const int on = 1; // uses the port even where connections of an earlier run are in TIME_WAIT
        if (listener && setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            bind(listener.get(), info->ai_addr, info->ai_addrlen) == 0 &&
            listen(listener.get(), backlog) == 0 &&
            fcntl(listener.get(), F_SETFL, O_NONBLOCK) == 0) // whoever waits may go meanwhile
            return listener;
        error = zen::telling_error(error, errno);
    }
    throw OSError("cannot listen on " + zen::address_name(host, port), error);
}
/// Binds a socket for datagrams to `local`, or connects it to `remote`: to the first address of the
/// host with which that succeeds.
inline zen::Descriptor open_datagram_socket(const HostPort &local, const HostPort &remote = {}) {
    const bool binds = !local.port.empty();
    const HostPort &own = binds ? local : remote;
    const zen::Addresses addresses = zen::resolve(own.host, own.port, SOCK_DGRAM);
    int error = 0;
    for (auto *info = addresses.get(); info && error != EADDRINUSE; info = info->ai_next) {
        zen::Descriptor result(socket(info->ai_family, SOCK_DGRAM, 0));
        if (result && (binds ? bind : connect)(result.get(), info->ai_addr, info->ai_addrlen) == 0)
            return result;
        error = zen::telling_error(error, errno);
    }
    throw OSError((binds ? "cannot bind to " : "cannot connect to ") +
                      zen::address_name(own.host, own.port),
                  error);
}
/// Waits until a descriptor can be written to, for which nobody else may wait then.
inline Coroutine<void> writable(int descriptor) {
    Waiter waiter;
    get_running_loop().add_writer(descriptor, [&waiter] { waiter.set_result(); });
    const Finally forget([descriptor] { get_event_loop().remove_writer(descriptor); });
    co_await waiter;
}
/// Connects a socket that does not block. Returns 0, or the errno of what has failed.
inline Coroutine<int> connect_socket(int descriptor, zen::Address address) {
    if (connect(descriptor, address.get(), address.size) == 0) co_return 0;
    if (errno != EINPROGRESS && errno != EINTR) co_return errno;
    co_await writable(descriptor);
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    co_return error;
}
/// Connects to the first of the host's addresses that takes the connection.
inline Coroutine<zen::Descriptor> connect_to_host(std::string host, std::string port) {
    const zen::Addresses addresses = zen::resolve(host, port, SOCK_STREAM);
    int failed = 0;
    for (auto *info = addresses.get(); info; info = info->ai_next) {
        zen::Descriptor result(socket(info->ai_family, SOCK_STREAM, 0));
        int error = errno;
        if (result) {
            zen::Address address;
            std::memcpy(address.get(), info->ai_addr, address.size = info->ai_addrlen);
            fcntl(result.get(), F_SETFL, O_NONBLOCK);
            error = co_await connect_socket(result.get(), address);
            if (error == 0) co_return result;
        }
        failed = zen::telling_error(failed, error);
    }
    std::rethrow_exception(os_error("cannot connect to " + zen::address_name(host, port), failed));
}
/// The address of a Unix socket.
inline zen::Address unix_address(const std::string &path) {
    zen::Address result;
    auto &address = reinterpret_cast<sockaddr_un &>(result.storage);
    if (path.size() >= sizeof address.sun_path) throw OSError("cannot use " + path, ENAMETOOLONG);
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    result.size = sizeof address;
    return result;
}

// ---- What makes transports: methods of the loop in Python
template <class F> using ProtocolOf = std::invoke_result_t<F &>; ///< What the factory makes.
template <class T, class F> using Connection = std::pair<std::shared_ptr<T>, ProtocolOf<F>>;

/// Starts a transport and waits until connection_made has returned; gives it and its protocol.
template <class T, class P>
Coroutine<std::pair<std::shared_ptr<T>, P>> begin(std::shared_ptr<T> transport, P protocol) {
    Waiter waiter;
    transport->start(&waiter);
    const Finally forget([transport] { transport->forget_waiter(); });
    try {
        co_await waiter;
    } catch (const CancelledError &) {
        transport->close();
        throw;
    }
    transport->check_begun();
    co_return std::pair(transport, protocol);
}
template <class F> auto begin_connection(F factory, zen::Descriptor socket) {
    const auto protocol = factory();
    const auto name = name_of(socket.get(), getpeername);
    return begin(std::make_shared<Transport>(std::move(socket), protocol, name), protocol);
}
/// Connects to a host.
template <class F> Coroutine<Connection<Transport, F>>
create_connection(F factory, std::string host, std::string port) {
    zen::Descriptor socket = co_await connect_to_host(host, port);
    auto connection = begin_connection(std::move(factory), std::move(socket));
    co_return co_await connection;
}
template <class F>
Coroutine<Connection<Transport, F>> create_unix_connection(F factory, std::string path) {
    const zen::Address address = unix_address(path);
    zen::Descriptor connecting(socket(AF_UNIX, SOCK_STREAM, 0));
    fcntl(connecting.get(), F_SETFL, O_NONBLOCK);
    const int error = co_await connect_socket(connecting.get(), address);
    if (error != 0) std::rethrow_exception(os_error("cannot connect to " + path, error));
    auto connection = begin_connection(std::move(factory), std::move(connecting));
    co_return co_await connection;
}
/// Sends and receives datagrams: from the `local` address, or only with the `remote` one.
template <class F> Coroutine<Connection<DatagramTransport, F>>
create_datagram_endpoint(F factory, HostPort local, HostPort remote) {
    auto socket = open_datagram_socket(local, remote);
    const auto name = name_of(socket.get(), getpeername);
    const auto protocol = factory();
    const auto transport = std::make_shared<DatagramTransport>(std::move(socket), protocol, name);
    co_return co_await begin(transport, protocol);
}
/// The protocol gets what comes out of a pipe, a terminal or a socket, which it owns from then on.
template <class F>
Coroutine<Connection<Transport, F>> connect_read_pipe(F factory, zen::Descriptor pipe) {
    struct stat status = {};
    fstat(pipe.get(), &status);
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) // which epoll does not take
        throw ValueError("Pipe transport is for pipes/sockets only.");
    const auto protocol = factory();
    const auto transport =
        std::make_shared<Transport>(std::move(pipe), protocol, "", nullptr, Transport::Kind::pipe);
    co_return co_await begin(transport, protocol);
}
/// The transport writes into a pipe. That nobody reads it any more, it learns when it writes.
template <class F>
Coroutine<Connection<Transport, F>> connect_write_pipe(F factory, zen::Descriptor pipe) {
    fcntl(pipe.get(), F_SETFL, O_NONBLOCK);
    const auto protocol = factory();
    const auto transport =
        std::make_shared<Transport>(std::move(pipe), protocol, "", nullptr, Transport::Kind::pipe);
    transport->pause_reading();
    co_return co_await begin(transport, protocol);
}
/// A server, which serves already.
inline Coroutine<std::shared_ptr<Server>> create_server(ProtocolFactory factory, std::string host,
                                                        std::string port) {
    const auto server = std::make_shared<Server>(open_listener(host, port), std::move(factory));
    server->start_serving();
    co_return server;
}
/// The same at a path. A socket that an earlier run has left there is removed.
inline Coroutine<std::shared_ptr<Server>> create_unix_server(ProtocolFactory factory,
                                                             std::string path) {
    zen::Address address = unix_address(path);
    struct stat status = {};
    if (stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
    zen::Descriptor listener(socket(AF_UNIX, SOCK_STREAM, 0));
    if (!listener || bind(listener.get(), address.get(), address.size) != 0 ||
        listen(listener.get(), backlog) != 0)
        throw OSError("cannot listen on " + path);
    const auto server = std::make_shared<Server>(std::move(listener), std::move(factory), path);
    server->start_serving();
    co_return server;
}
} // namespace asyncio
