// Servers, connections, datagrams, Unix sockets and pipes.
#include "recorder.h"

#include <filesystem>
#include <fstream>

#include <sys/resource.h>

using namespace asyncio_tests;

namespace {
std::vector<std::shared_ptr<Recorder>> accepted; // the protocols that the factory has made
std::shared_ptr<Recorder> make_recorder() {
    accepted.push_back(std::make_shared<Recorder>());
    return accepted.back();
}
const auto factory = make_recorder;

zen::Descriptor connected_to(int server) {
    zen::Address address;
    getsockname(server, address.get(), &address.size);
    zen::Descriptor client(socket(address.storage.ss_family, SOCK_STREAM, 0));
    REQUIRE(connect(client.get(), address.get(), address.size) == 0);
    return client;
}
std::size_t made() { // how many connections have been accepted
    return std::size_t(std::count_if(accepted.begin(), accepted.end(),
                                     [](const auto &each) { return !each->seen.empty(); }));
}
/// A server of recorders on 127.0.0.1.
Coroutine<std::shared_ptr<Server>> start_server() {
    accepted.clear();
    co_return co_await create_server(factory, "127.0.0.1", "0");
}
/// What is printed on standard output while it lives.
class Printed {
  public:
    Printed() {
        REQUIRE(pipe(ends_) == 0);
        before_ = dup(1);
        dup2(ends_[1], 1);
        fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    }
    ~Printed() {
        dup2(before_, 1);
        for (const int descriptor : {before_, ends_[0], ends_[1]}) close(descriptor);
    }
    Printed(const Printed &) = delete;
    Printed &operator=(const Printed &) = delete;
    std::string text() const {
        char buffer[4096];
        const ssize_t size = read(ends_[0], buffer, sizeof buffer);
        return std::string(buffer, size < 0 ? 0 : std::size_t(size));
    }

  private:
    int ends_[2], before_;
};
/// Leaves this process no free descriptor while it lives.
class NoDescriptors {
  public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const int next = dup(0); // the lowest that is free
        close(next);
        const rlimit none = {rlim_t(next), before_.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors &) = delete;
    NoDescriptors &operator=(const NoDescriptors &) = delete;

  private:
    rlimit before_ = {};
};
struct TemporaryPath {
    std::string directory;
    TemporaryPath() {
        directory = std::filesystem::temp_directory_path() / "zen-asyncio-XXXXXX";
        REQUIRE(mkdtemp(directory.data()));
    }
    ~TemporaryPath() { std::filesystem::remove_all(directory); }
    std::string path() const { return directory + "/socket"; }
};
} // namespace

// ---- Datagrams

TEST_CASE("77: a connected endpoint is told by error_received that nobody listens; it lives on") {
    run_in_test_loop([]() -> Coroutine<void> {
        HostPort none, remote;
        {
            const auto closed = open_datagram_socket({"127.0.0.1", "0"});
            const std::string name = name_of(closed.get(), getsockname);
            remote = {"127.0.0.1", name.substr(name.find(':') + 1)};
        }
        const auto make = [] { return std::make_shared<DatagramRecorder>(); };
        const auto connection = co_await create_datagram_endpoint(make, none, remote);
        const auto [transport, protocol] = connection;
        transport->sendto("Hello");
        co_await settle();
        CHECK(protocol->seen == Texts{"made", "error: cannot receive: Connection refused"});
        const auto peer = open_datagram_socket(remote);
        transport->sendto("again");
        CHECK(received(peer) == "again");
        co_await sleep(1s); // it has not read for a while after the error
        zen::Address address;
        getsockname(transport->socket(), address.get(), &address.size);
        REQUIRE(sendto(peer.get(), "answer", 6, 0, address.get(), address.size) == 6);
        co_await settle();
        CHECK(protocol->seen.back() == "data: answer");
        transport->close();
        co_await settle();
        CHECK(protocol->seen.back() == "lost");
    });
}

TEST_CASE("77: datagrams for which the kernel has no room wait, whole and in order") {
    run_in_test_loop([]() -> Coroutine<void> {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
        const zen::Descriptor peer(ends[0]);
        const auto protocol = std::make_shared<DatagramRecorder>();
        zen::Descriptor end(ends[1]);
        const auto transport = std::make_shared<DatagramTransport>(std::move(end), protocol, "");
        transport->start();
        co_await settle();
        std::string expected, all;
        for (int i = 0; i < 2000; ++i) {
            transport->sendto(std::to_string(i) + ' ');
            expected += std::to_string(i) + ' ';
        }
        CHECK(transport->get_write_buffer_size() > 0);
        transport->close();
        for (int turn = 0; turn < 5000 && all.size() < expected.size(); ++turn) {
            all += received(peer);
            co_await sleep(0s);
        }
        CHECK((all == expected));
        co_await settle();
        CHECK(protocol->seen == Texts{"made", "lost"});
    });
}

TEST_CASE("77: what datagram_received throws is told with the sender; the next one is served") {
    Texts seen;
    const Texts errors = errors_of([&]() -> Coroutine<void> {
        const HostPort local = {"127.0.0.1", "0"}, none;
        const auto make = [] { return std::make_shared<DatagramRecorder>(); };
        const auto connection = co_await create_datagram_endpoint(make, local, none);
        const auto [transport, protocol] = connection;
        zen::Address address;
        getsockname(transport->socket(), address.get(), &address.size);
        const zen::Descriptor client(socket(AF_INET, SOCK_DGRAM, 0));
        REQUIRE(connect(client.get(), address.get(), address.size) == 0);
        for (const std::string text : {"throw", "", "next"}) send_to(client, text);
        co_await settle();
        seen = protocol->seen;
    });
    CHECK(errors.size() == 1);
    CHECK(errors.front().starts_with("Fatal error: protocol.datagram_received() call failed."));
    CHECK(seen == Texts{"made", "data: throw", "data: ", "data: next"});
}

// ---- Servers

TEST_CASE("79: a server accepts all connections that wait at once") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server();
        std::vector<zen::Descriptor> clients;
        for (int i = 0; i < 30; ++i) clients.push_back(connected_to(server->socket()));
        for (int turn = 0; turn < 3; ++turn) co_await sleep(0s); // they come, are accepted, begin
        CHECK(made() == 30);
    });
}

TEST_CASE("79: without descriptors it says so once, pauses, and accepts again after a second") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server();
        const auto client = connected_to(server->socket());
        const Printed printed;
        {
            const NoDescriptors none;
            const int turns = test_loop().turns;
            co_await sleep(10s);
            CHECK(test_loop().turns < turns + 50); // it tries once in a second
            CHECK(made() == 0);
        }
        CHECK(printed.text() == "Cannot accept: Too many open files\n");
        co_await sleep(1s);
        co_await settle();
        CHECK(made() == 1);
    });
}

TEST_CASE("79: without descriptors it accepts as soon as one of its clients has left") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server();
        auto first = connected_to(server->socket());
        co_await settle();
        const auto second = connected_to(server->socket());
        const Printed printed;
        const NoDescriptors none;
        co_await settle();
        CHECK(made() == 1);
        const long before = test_loop().elapsed();
        shutdown(first.get(), SHUT_RDWR);
        co_await settle();
        CHECK(made() == 2);
        CHECK(test_loop().elapsed() == before);
        CHECK(printed.text().starts_with("Cannot accept: Too many open files\n"));
    });
}

TEST_CASE("79: a client for which no protocol can be made is dropped and told") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto failing = []() -> std::shared_ptr<Recorder> { throw std::bad_alloc(); };
        const auto server = co_await create_server(failing, "127.0.0.1", "0");
        const Printed printed;
        const auto client = connected_to(server->socket());
        co_await settle();
        CHECK(at_end(client));
        CHECK(printed.text() == "Connection with " + name_of(client.get(), getsockname) +
                                    " closed: std::bad_alloc\n");
    });
}

TEST_CASE("80: close stops listening and keeps the connections; wait_closed waits for them") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server();
        const int listening = server->socket();
        const auto client = connected_to(listening);
        co_await settle();
        server->close();
        CHECK_FALSE(server->is_serving());
        CHECK(fcntl(listening, F_GETFD) < 0);
        const auto closed = create_task(server->wait_closed());
        send_to(client, "still here");
        co_await settle();
        CHECK(accepted.front()->seen.back() == "data: still here");
        CHECK_FALSE(closed.done());
        shutdown(client.get(), SHUT_WR);
        co_await settle();
        CHECK(closed.done());
    });
}

TEST_CASE("80: serve_forever that is cancelled closes the server and its clients, idle or not") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server();
        const Task<void> task = create_task(server->serve_forever());
        const auto idle = connected_to(server->socket()),
                   never_reads = connected_to(server->socket());
        co_await settle();
        accepted.back()->transport->write(std::string(10'000'000, 'x'));
        task.cancel();
        co_await settle();
        CHECK(ended_cancelled(task));
        CHECK(at_end(idle));
        for (const auto &client : accepted) CHECK(client->seen.back() == "lost");
        CHECK_FALSE(server->is_serving());
    });
}

// ---- Connections

TEST_CASE("a connection over TCP, and over a Unix socket, which is removed with its server") {
    run_in_test_loop([]() -> Coroutine<void> {
        const TemporaryPath temporary;
        const std::string path = temporary.path();
        std::ofstream(path + "-other").put('x');
        const auto tcp = co_await start_server();
        const std::string name = tcp->sockname(), port = name.substr(name.find(':') + 1);
        const auto local = co_await create_unix_server(factory, path);
        const auto over_tcp = co_await create_connection(factory, "127.0.0.1", port);
        const auto over_unix = co_await create_unix_connection(factory, path);
        CHECK(over_tcp.first->get_extra_info("peername") == name);
        CHECK(over_unix.first->get_extra_info("peername").empty());
        for (const auto &[transport, protocol] : {over_tcp, over_unix}) {
            CHECK(protocol->seen == Texts{"made"});
            transport->write("Hello");
            transport->write_eof();
        }
        co_await settle();
        for (const auto &each : accepted) {
            const bool is_client = each == over_tcp.second || each == over_unix.second;
            if (is_client) CHECK(each->seen == Texts{"made", "eof", "lost"});
            else CHECK(each->seen == Texts{"made", "data: Hello", "eof", "lost"});
        }
        local->close();
        CHECK_FALSE(std::filesystem::exists(path));
    });
}

TEST_CASE("a connection that is refused throws an error that says to whom, and why") {
    run_in_test_loop([]() -> Coroutine<void> {
        std::string name, text;
        {
            const auto listener = open_listener("127.0.0.1", "0");
            name = name_of(listener.get(), getsockname);
        }
        const std::string port = name.substr(name.find(':') + 1);
        try {
            co_await create_connection(factory, "127.0.0.1", port);
        } catch (const ConnectionError &error) {
            text = error.what();
        }
        CHECK(text == "cannot connect to " + name + ": Connection refused");
    });
}

TEST_CASE("what connection_made throws is thrown by create_connection, and told nowhere else") {
    struct Failing : Recorder {
        void connection_made(std::shared_ptr<Transport>) override { throw RuntimeError("not me"); }
    };
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server();
        const std::string name = server->sockname(), port = name.substr(name.find(':') + 1);
        const auto protocol = std::make_shared<Failing>();
        const auto fail = [protocol] { return protocol; };
        std::string text;
        try {
            co_await create_connection(fail, "127.0.0.1", port);
        } catch (const RuntimeError &error) {
            text = error.what();
        }
        CHECK(text == "not me");
        co_await settle();
        CHECK(protocol->seen == Texts{"lost: not me"});
    });
}

TEST_CASE("pipes: what comes out of one is told, what is written goes in; files are refused") {
    run_in_test_loop([]() -> Coroutine<void> {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        zen::Descriptor output(ends[0]), input(ends[1]), file(open("/proc/self/exe", O_RDONLY));
        const auto reading = co_await connect_read_pipe(factory, std::move(output));
        const auto writing = co_await connect_write_pipe(factory, std::move(input));
        writing.first->write("Hello");
        co_await settle();
        CHECK(reading.second->seen == Texts{"made", "data: Hello"});
        writing.first->write_eof();
        co_await settle();
        CHECK(writing.second->seen == Texts{"made", "lost"});
        CHECK(reading.second->seen == Texts{"made", "data: Hello", "eof", "lost"});
        bool refused = false;
        try {
            co_await connect_read_pipe(factory, std::move(file));
        } catch (const ValueError &) {
            refused = true;
        }
        CHECK(refused);
    });
}
