// socketserver.h: Python's module socketserver in C++: whoever knows one can read the other, as
// classes, methods and attributes have the same names and parts. What differs from Python:
//  - A handler class is passed as handler<MyHandler>. Its `request`, `client_address` and `server`
//    are pointers, set before setup(). A request has the `socket` to answer through, or `data`.
//  - The socket is bound by the first serve_forever(), handle_request() or server_address(), with
//    the attributes as they are then. Addresses are reused for TCP unless told otherwise.
//  - shutdown_request() waits a second for the client's end of file, so that no answer is lost.
//  - Signals (zen::stop_on_signals) end serve_forever(), and server_close() ends the requests that
//    are still being served, where Python waits for them. SIGPIPE is to be ignored, as Python does.
#pragma once

#include "program.h"

#include <algorithm>
#include <array>
#include <list>
#include <mutex>
#include <thread>

#include <sys/un.h>
#include <sys/wait.h>

namespace socketserver {
/// What a client wants: a connection of its own, or a datagram on the server's socket.
struct Request {
    zen::Descriptor connection; // none for a datagram
    int socket = -1;            // to answer through
    zen::Address client_address;
    std::string data; // of a datagram
};
using RequestPointer = std::shared_ptr<Request>;
/// Serves one request. To be derived from; what it throws goes to the server's handle_error().
struct BaseRequestHandler {
    virtual ~BaseRequestHandler() = default;
    virtual void setup() {}
    virtual void handle() {}
    virtual void finish() {} ///< Comes after handle() also when that throws.
    Request *request = nullptr;
    zen::Address *client_address = nullptr;
    class BaseServer *server = nullptr;
};
using HandlerClass = std::unique_ptr<BaseRequestHandler> (*)();
template <class Handler> std::unique_ptr<BaseRequestHandler> handler() {
    return std::make_unique<Handler>();
}
/// Sends all of `bytes`, as Python's method of sockets does. Throws if that fails.
inline void sendall(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), 0);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send");
    }
}

/// The loop, and the steps of a request; those that are virtual can be overridden.
class BaseServer {
  public:
    int timeout = -1; ///< seconds that handle_request() waits, -1 = for ever
    explicit BaseServer(HandlerClass handler_class) : handler_class_(handler_class) {}
    virtual ~BaseServer() = default;
    /// Serves requests until shutdown(), seen within poll_interval milliseconds, or a signal.
    void serve_forever(int poll_interval = 500) {
        open();
        serving_thread_ = std::this_thread::get_id();
        for (serving_ = true; !shutdown_requested_ && !zen::stopping; service_actions())
            if (wait(poll_interval)) handle_request_noblock();
        serving_ = shutdown_requested_ = false;
    }
    /// Makes serve_forever() return, and waits until it has (unless the serving thread calls it).
    void shutdown() {
        shutdown_requested_ = true;
        while (serving_ && std::this_thread::get_id() != serving_thread_) zen::pause_shortly();
    }
    /// Handles one request; calls handle_timeout() if none comes within `timeout`.
    void handle_request() {
        open();
        if (wait(timeout < 0 ? -1 : timeout * 1000)) handle_request_noblock();
        else if (!zen::stopping) handle_timeout();
    }
    /// Where the server can be reached; after port 0, the one that the system has chosen.
    zen::Address server_address() {
        open();
        zen::Address address;
        getsockname(fileno(), address.get(), &address.size);
        return address;
    }
    int fileno() const { return socket_.get(); }
    virtual void server_bind() = 0;
    virtual void server_activate() {}
    virtual void server_close() { socket_ = zen::Descriptor(-1); }
    virtual RequestPointer get_request() = 0; ///< Null: there is none after all.
    virtual bool verify_request(const Request &) { return true; }
    virtual void process_request(const RequestPointer &request) { serve(*request); }
    virtual void finish_request(Request &request) {
        const auto handler = handler_class_();
        handler->request = &request;
        handler->client_address = &request.client_address;
        handler->server = this;
        handler->setup();
        try {
            handler->handle();
        } catch (...) {
            handler->finish();
            throw;
        }
        handler->finish();
    }
    virtual void shutdown_request(Request &request) { close_request(request); }
    virtual void close_request(Request &request) { request.connection = zen::Descriptor(-1); }
    virtual void handle_error(const Request &request, const std::exception &error) {
        zen::log("Error with ", request.client_address, ": ", error.what());
    }
    virtual void handle_timeout() {}
    virtual void service_actions() {}
    virtual bool has_room() { return true; }

  protected:
    void serve(Request &request) {
        try {
            finish_request(request);
        } catch (const std::exception &error) {
            handle_error(request, error);
        }
        shutdown_request(request);
    }
    zen::Descriptor socket_{-1};
    void open() {
        if (socket_) return;
        server_bind();
        server_activate();
    }
    bool wait(int milliseconds) {
        pollfd source = {fileno(), POLLIN, 0};
        return poll(&source, 1, milliseconds) > 0;
    }
    void handle_request_noblock() try {
        for (; !has_room(); service_actions()) // the clients wait in the backlog
            if (poll(nullptr, 0, 10); shutdown_requested_ || zen::stopping) return;
        const RequestPointer request = get_request();
        if (request && verify_request(*request)) process_request(request);
        else if (request) shutdown_request(*request);
    } catch (const std::exception &error) { // this request is dropped, and the server goes on
        zen::say("Cannot serve a request: ", error.what());
        zen::pause_shortly(); // a datagram may still be there, and fail again at once
    }
    HandlerClass handler_class_;
    std::atomic<bool> shutdown_requested_ = false, serving_ = false;
    std::atomic<std::thread::id> serving_thread_{};
};
/// A server of connections. If the address family is AF_UNIX, the host is the path of a file.
class TCPServer : public BaseServer {
  public:
    int address_family = AF_UNSPEC, socket_type = SOCK_STREAM, request_queue_size = 1024;
    bool allow_reuse_address = true;
    TCPServer(const std::string &host, const std::string &port, HandlerClass handler_class)
        : BaseServer(handler_class), host_(host), port_(port) {}
    void server_bind() override {
        if (address_family == AF_UNIX) {
            sockaddr_un address = {};
            address.sun_family = AF_UNIX;
            if (host_.size() >= sizeof address.sun_path) fail(ENAMETOOLONG);
            host_.copy(address.sun_path, sizeof address.sun_path - 1);
            try_address(AF_UNIX, reinterpret_cast<sockaddr *>(&address), sizeof address);
        } else {
            const zen::Addresses list = zen::resolve(host_, port_, socket_type);
            for (auto *info = list.get(); info && error_ != EADDRINUSE; info = info->ai_next)
                if (!socket_ && (address_family == AF_UNSPEC || address_family == info->ai_family))
                    try_address(info->ai_family, info->ai_addr, info->ai_addrlen);
        }
        if (!socket_) fail(error_ != 0 ? error_ : EAFNOSUPPORT); // none of that family
    }
    void server_activate() override {
        if (listen(fileno(), request_queue_size) != 0) fail(errno);
        // A client may be gone between poll and accept: accept must not wait for another client.
        fcntl(fileno(), F_SETFL, O_NONBLOCK);
    }
    RequestPointer get_request() override {
        zen::Address address;
        zen::Descriptor connection(accept(fileno(), address.get(), &address.size));
        exhausted_ = !connection && zen::exhausted(exhausted_);
        if (exhausted_) zen::pause_shortly();
        if (!connection) return nullptr;
        const int socket = connection.get();
        fcntl(socket, F_SETFL, 0); // some systems let it inherit that the listener does not block
        return RequestPointer(new Request{std::move(connection), socket, address, ""});
    }
    /// As hang_up() of zens: a close with bytes unread could destroy the last answers.
    void shutdown_request(Request &request) override {
        if (!request.connection) return;
        ::shutdown(request.socket, SHUT_WR);
        const timeval second = {1, 0};
        setsockopt(request.socket, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
        const auto end = zen::Clock::now() + std::chrono::seconds(1);
        char unread[4096];
        for (ssize_t ignored = 0; ignored < 262'144 && zen::Clock::now() < end;) {
            const ssize_t size = recv(request.socket, unread, sizeof unread, 0);
            if (size == 0 || (size < 0 && !zen::interrupted())) break;
            ignored += std::max<ssize_t>(size, 0);
        }
        close_request(request);
    }

  private:
    void try_address(int family, const sockaddr *address, socklen_t size) {
        zen::Descriptor candidate(socket(family, socket_type, 0));
        const int on = allow_reuse_address;
        if (candidate) setsockopt(candidate.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (candidate && bind(candidate.get(), address, size) == 0) socket_ = std::move(candidate);
        else error_ = zen::telling_error(error_, errno);
    }
    [[noreturn]] void fail(int error) {
        const char *what = socket_type == SOCK_STREAM ? "cannot listen on " : "cannot bind to ";
        zen::fail(what + (port_.empty() ? host_ : zen::address_name(host_, port_)), error);
    }
    std::string host_, port_;
    int error_ = 0; // of the addresses that could not be bound
    bool exhausted_ = false;
};
/// A server of datagrams.
class UDPServer : public TCPServer {
  public:
    std::size_t max_packet_size = 8192; ///< bytes; the rest of a longer datagram is lost
    UDPServer(const std::string &host, const std::string &port, HandlerClass handler_class)
        : TCPServer(host, port, handler_class) {
        socket_type = SOCK_DGRAM;
        allow_reuse_address = false; // for datagrams, it would let two servers share the port
    }
    void server_activate() override {}
    RequestPointer get_request() override {
        zen::Address client;
        std::string data(max_packet_size, '\0');
        const ssize_t size =
            recvfrom(fileno(), data.data(), data.size(), MSG_DONTWAIT, client.get(), &client.size);
        if (size < 0) return nullptr;
        data.resize(static_cast<std::size_t>(size));
        return RequestPointer(new Request{zen::Descriptor(-1), fileno(), client, data});
    }
};
/// The same for sockets in the file system.
template <class Server> struct UnixServer : Server {
    UnixServer(const std::string &path, HandlerClass handler) : Server(path, "", handler) {
        Server::address_family = AF_UNIX;
    }
};
using UnixStreamServer = UnixServer<TCPServer>;
using UnixDatagramServer = UnixServer<UDPServer>;
/// Serves each request in a thread of its own: ThreadingMixIn<TCPServer>. A class derived from it
/// calls server_close() in its destructor, as the threads use its methods.
template <class Server> class ThreadingMixIn : public Server {
  public:
    using Server::Server;
    ~ThreadingMixIn() override { ThreadingMixIn::server_close(); }
    void process_request(const RequestPointer &request) override {
        service_actions();
        const std::lock_guard lock(mutex_);
        Task &task = tasks_.emplace_back();
        try {
            task.request = request;
            task.thread = std::thread([this, &task] {
                this->serve(*task.request);
                task.finished = true;
            });
        } catch (const std::exception &error) {
            zen::say("Cannot start a thread for ", request->client_address, ": ", error.what());
            tasks_.pop_back();
            Server::close_request(*request);
        }
    }
    void close_request(Request &request) override {
        const std::lock_guard lock(mutex_); // server_close() shuts down open connections only
        Server::close_request(request);
    }
    /// Datagrams are served at once, unless nobody reads the log: then a flood must not fill memory.
    bool has_room() override { return this->socket_type != SOCK_DGRAM || tasks_.size() < 1000; }
    void service_actions() override {
        const std::lock_guard lock(mutex_);
        tasks_.remove_if([](const Task &task) { return task.finished.load(); });
    }
    /// Ends the connections that are still open, and joins all threads.
    void server_close() override {
        std::unique_lock lock(mutex_);
        for (Task &task : tasks_)
            if (task.request->connection) ::shutdown(task.request->socket, SHUT_RDWR);
        lock.unlock();
        tasks_.clear(); // joins the threads
        Server::server_close();
    }

  private:
    struct Task {
        RequestPointer request = {};
        std::thread thread = {};
        std::atomic<bool> finished = false;
        ~Task() {
            if (thread.joinable()) thread.join();
        }
    };
    std::mutex mutex_;
    std::list<Task> tasks_;
};

/// Serves each request in a process of its own: ForkingMixIn<TCPServer>.
template <class Server> class ForkingMixIn : public Server {
  public:
    using Server::Server;
    static constexpr int max_children = 40;
    ~ForkingMixIn() override { ForkingMixIn::server_close(); }
    void process_request(const RequestPointer &request) override {
        zen::at_last = [] { signal_children(SIGKILL); };
        const pid_t pid = fork();
        if (pid == 0) {
            zen::at_last = nullptr;
            // If the child kept the listening socket, the port would outlive the parent.
            if (request->connection) this->socket_ = zen::Descriptor(-1);
            this->serve(*request);
            _exit(0); // no destructors: they are the parent's affair
        }
        const char *why = std::strerror(errno);
        if (pid > 0) *std::find(children_.begin(), children_.end(), 0) = pid;
        else zen::say("Cannot start a process for ", request->client_address, ": ", why);
        this->close_request(*request); // the parent's copy
    }
    bool has_room() override { return std::count(children_.begin(), children_.end(), 0) > 0; }
    void service_actions() override {
        for (auto &pid : children_)
            if (pid != 0 && waitpid(pid, nullptr, WNOHANG) != 0) pid = 0;
    }
    /// Ends the children that are still serving, in half a second, and waits for them.
    void server_close() override {
        signal_children(SIGTERM);
        for (int i = 0; i < 50 && signal_children(0); ++i, service_actions()) poll(nullptr, 0, 10);
        while (signal_children(SIGKILL)) service_actions();
        Server::server_close();
    }

  private:
    static bool signal_children(int signal) {
        return std::count_if(children_.begin(), children_.end(), [=](const auto &pid) {
                   return pid != 0 && kill(pid, signal) == 0;
               }) > 0;
    }
    // 0 = no child. Static, for the signal handler: a process has one server of a forking class.
    static inline std::array<std::atomic<pid_t>, max_children> children_{};
};
} // namespace socketserver
