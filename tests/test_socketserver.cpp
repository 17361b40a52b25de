// socketserver.h on its own: its classes, used as a student would. No process is forked here:
// ForkingMixIn is tested by "sszt -f" and "sszu -f".
#include "../socketserver.h"
#include "catch.h"
#include "support/procfs.h"

#include <condition_variable>
#include <filesystem>

using namespace socketserver;
using test::Connection;
using test::Datagrams;
using test::Endpoint;

namespace {

// What happened, in order: handlers and servers write it, tests wait for it.
class Record {
  public:
    void add(const std::string &step) {
        const std::lock_guard lock(mutex_);
        steps_ += steps_.empty() ? step : " " + step;
        changed_.notify_all();
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        steps_.clear();
    }
    // All steps, once they end with `last`.
    std::string wait_for(std::string_view last) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, test::patience,
                          [&] { return std::string_view(steps_).ends_with(last); });
        return steps_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string steps_;
} record;

struct Upper : BaseRequestHandler {
    void setup() override { record.add("setup"); }
    void handle() override {
        record.add("handle");
        char buffer[1024];
        const ssize_t size = recv(request->socket, buffer, sizeof buffer, 0);
        std::string bytes(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        for (char &c : bytes) c = static_cast<char>(std::toupper(c));
        sendall(request->socket, bytes);
    }
    void finish() override { record.add("finish"); }
};

struct Failing : BaseRequestHandler {
    void handle() override { throw std::runtime_error("no"); }
    void finish() override { record.add("finish"); }
};

struct EchoDatagram : BaseRequestHandler {
    void handle() override {
        sendto(request->socket, request->data.data(), request->data.size(), 0,
               client_address->get(), client_address->size);
    }
};

struct StopsServer : BaseRequestHandler {
    void handle() override { server->shutdown(); }
};

// A server that records its steps.
template <class Server> struct Recording : Server {
    using Server::Server;
    ~Recording() override { this->server_close(); } // while the threads can still call its methods
    bool verify = true;
    RequestPointer get_request() override {
        record.add("get_request");
        return Server::get_request();
    }
    bool verify_request(const Request &) override {
        record.add("verify_request");
        return verify;
    }
    void process_request(const RequestPointer &request) override {
        record.add("process_request");
        Server::process_request(request);
    }
    void finish_request(Request &request) override {
        record.add("finish_request");
        Server::finish_request(request);
    }
    void shutdown_request(Request &request) override {
        record.add("shutdown_request");
        Server::shutdown_request(request);
    }
    void handle_error(const Request &, const std::exception &error) override {
        record.add(std::string("handle_error:") + error.what());
    }
    void handle_timeout() override { record.add("handle_timeout"); }
};

Endpoint endpoint(BaseServer &server) {
    return Endpoint::parse(zen::printable(server.server_address()));
}

// Serves in a thread, until it goes.
class Serving {
  public:
    explicit Serving(BaseServer &server) : server_(server) {
        server.server_address(); // binds the socket, in this thread
        thread_ = std::thread([&server] { server.serve_forever(20); });
    }
    ~Serving() {
        server_.shutdown();
        thread_.join();
    }

  private:
    BaseServer &server_;
    std::thread thread_;
};

// A path for a socket, free now, removed in the end.
struct SocketPath {
    std::string path =
        std::filesystem::temp_directory_path() / ("zen-test-" + std::to_string(getpid()));
    SocketPath() { std::filesystem::remove(path); }
    ~SocketPath() { std::filesystem::remove(path); }
};

int connect_to(const std::string &path, int type) {
    sockaddr_un address = {AF_UNIX, {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(connect(descriptor, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0);
    return descriptor;
}

const char *const all_steps = "get_request verify_request process_request finish_request "
                              "setup handle finish shutdown_request";

} // namespace

TEMPLATE_TEST_CASE("a request goes through the steps of Python's module, in its order",
                   "[socketserver]", TCPServer, ThreadingMixIn<TCPServer>) {
    record.clear();
    Recording<TestType> server("127.0.0.1", "0", handler<Upper>);
    {
        Serving serving(server);
        Connection client(endpoint(server));
        CHECK(client.exchange("zen") == "ZEN");
        CHECK(client.ended());
        CHECK(record.wait_for("shutdown_request") == all_steps);
    }
    server.server_close();
    CHECK(server.fileno() == -1);
}

TEMPLATE_TEST_CASE("finish() runs when handle() throws, the error is handled, the next is served",
                   "[socketserver]", TCPServer, ThreadingMixIn<TCPServer>) {
    record.clear();
    Recording<TestType> server("127.0.0.1", "0", handler<Failing>);
    Serving serving(server);
    for (int i = 0; i < 2; ++i) {
        Connection client(endpoint(server));
        CHECK(client.exchange("").empty());
        CHECK(client.ended());
        CHECK(record.wait_for("shutdown_request") ==
              "get_request verify_request process_request finish_request "
              "finish handle_error:no shutdown_request");
        record.clear();
    }
}

TEST_CASE("a request that is not verified is refused", "[socketserver]") {
    record.clear();
    Recording<TCPServer> server("127.0.0.1", "0", handler<Upper>);
    server.verify = false;
    Serving serving(server);
    Connection client(endpoint(server));
    CHECK(client.exchange("zen").empty());
    CHECK(record.wait_for("shutdown_request") == "get_request verify_request shutdown_request");
}

TEST_CASE("handle_request() handles one request, or the timeout", "[socketserver]") {
    record.clear();
    Recording<TCPServer> server("127.0.0.1", "0", handler<Upper>);
    const Endpoint address = endpoint(server);
    server.timeout = 0;
    server.handle_request();
    CHECK(record.wait_for("handle_timeout") == "handle_timeout");
    record.clear();
    server.timeout = -1;
    Connection first(address), second(address);
    CHECK(first.send("one"));
    first.shut_down_sending();
    server.handle_request();
    CHECK(first.receive_all() == "ONE");
    CHECK(record.wait_for(all_steps) == all_steps); // once
    CHECK(second.send("two"));
    second.shut_down_sending();
    server.handle_request();
    CHECK(second.receive_all() == "TWO");
}

TEST_CASE("shutdown() ends the loop, from another thread, from a handler, or beforehand",
          "[socketserver]") {
    TCPServer server("127.0.0.1", "0", handler<StopsServer>);
    server.shutdown(); // nothing to wait for
    server.serve_forever();
    Connection client(endpoint(server));
    client.shut_down_sending();
    server.serve_forever(); // until the handler ends it, in this very thread
    CHECK(client.receive_all().empty());
    for (int i = 0; i < 20; ++i) Serving serving(server);

    ThreadingMixIn<TCPServer> threading("127.0.0.1", "0", handler<StopsServer>);
    Connection stopper(endpoint(threading));
    stopper.shut_down_sending();
    threading.serve_forever(); // until the handler ends it, in a thread of its own
    CHECK(stopper.receive_all().empty());
}

TEST_CASE("threads that have finished are let go while serving, all at the end", "[socketserver]") {
    ThreadingMixIn<TCPServer> server("127.0.0.1", "0", handler<Upper>);
    const Serving serving(server);
    const std::size_t before = test::thread_count(getpid());
    const auto threads = [](std::size_t count) {
        return test::eventually([&] { return test::thread_count(getpid()) == count; });
    };
    std::vector<Connection> clients;
    for (int i = 0; i < 10; ++i) clients.emplace_back(endpoint(server));
    CHECK(threads(before + 10));
    for (std::size_t i = 0; i < 5; ++i) CHECK(clients[i].exchange("zen") == "ZEN");
    CHECK(threads(before + 5));
}

TEST_CASE("server_close() ends the connections that are open", "[socketserver]") {
    ThreadingMixIn<TCPServer> server("127.0.0.1", "0", handler<Upper>);
    record.clear();
    std::optional<Serving> serving(server);
    Connection client(endpoint(server));
    CHECK(record.wait_for("handle") == "setup handle");
    serving.reset();
    server.server_close();
    CHECK(client.receive_all().empty());
    CHECK(record.wait_for("finish") == "setup handle finish");
}

TEMPLATE_TEST_CASE("a datagram is in the request, as much of it as max_packet_size",
                   "[socketserver]", UDPServer, ThreadingMixIn<UDPServer>) {
    TestType server("127.0.0.1", "0", handler<EchoDatagram>);
    server.max_packet_size = 10;
    Serving serving(server);
    Datagrams client;
    for (const char *sent : {"zen", "", "0123456789"}) {
        client.send_to(endpoint(server), sent);
        const auto datagram = client.receive();
        CHECK(datagram.arrived);
        CHECK(datagram.bytes == sent);
    }
    client.send_to(endpoint(server), "0123456789 and more");
    CHECK(client.receive().bytes == "0123456789");
}

TEST_CASE("the attributes of a server count when it is bound", "[socketserver]") {
    for (const bool reuse : {false, true}) {
        TCPServer server("127.0.0.1", "0", handler<Upper>);
        server.allow_reuse_address = reuse;
        server.server_address();
        int on = -1;
        socklen_t size = sizeof on;
        CHECK(getsockopt(server.fileno(), SOL_SOCKET, SO_REUSEADDR, &on, &size) == 0);
        CHECK((on != 0) == reuse);
    }
    TCPServer wrong_family("127.0.0.1", "0", handler<Upper>);
    wrong_family.address_family = AF_INET6;
    CHECK_THROWS_WITH(wrong_family.server_address(),
                      "cannot listen on 127.0.0.1:0: Address family not supported by protocol");
    TCPServer six("::1", "0", handler<Upper>);
    six.address_family = AF_INET6;
    CHECK(endpoint(six).host == "::1");
}

TEST_CASE("servers of the file system serve, and say what is wrong with a path",
          "[socketserver][unix]") {
    const SocketPath file;
    {
        ThreadingMixIn<UnixStreamServer> server(file.path, handler<Upper>);
        Serving serving(server);
        Connection client(connect_to(file.path, SOCK_STREAM));
        CHECK(client.exchange("zen") == "ZEN");
    }
    UnixStreamServer stale(file.path, handler<Upper>); // the file is still there
    CHECK_THROWS_WITH(stale.server_address(),
                      "cannot listen on " + file.path + ": Address already in use");
    const std::string long_path = "/tmp/" + std::string(200, 'x');
    UnixStreamServer too_long(long_path, handler<Upper>);
    CHECK_THROWS_WITH(too_long.server_address(),
                      "cannot listen on " + long_path + ": File name too long");
    UnixDatagramServer nowhere("/nonexistent/socket", handler<Upper>);
    CHECK_THROWS_WITH(nowhere.server_address(),
                      "cannot bind to /nonexistent/socket: No such file or directory");
}

TEST_CASE("a datagram server of the file system serves", "[socketserver][unix]") {
    const SocketPath file;
    UnixDatagramServer server(file.path, handler<EchoDatagram>);
    Serving serving(server);
    const zen::Descriptor client(connect_to(file.path, SOCK_DGRAM));
    const sockaddr_un own = {AF_UNIX, {}}; // so that the kernel gives it a name to answer to
    REQUIRE(bind(client.get(), reinterpret_cast<const sockaddr *>(&own), sizeof own.sun_family) ==
            0);
    REQUIRE(send(client.get(), "zen", 3, 0) == 3);
    char buffer[10];
    CHECK(test::eventually([&] { return recv(client.get(), buffer, sizeof buffer, 0) == 3; }));
    CHECK(std::string(buffer, 3) == "zen");
}
