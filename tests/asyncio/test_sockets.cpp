// The calls on bare sockets.
#include "streams.h"

using namespace asyncio_tests;

namespace {
struct Listener {
    zen::Descriptor socket = open_listener("127.0.0.1", "0");
    zen::Address address = {};
    Listener() {
        fcntl(socket.get(), F_SETFL, O_NONBLOCK);
        REQUIRE(getsockname(socket.get(), address.get(), &address.size) == 0);
    }
};
zen::Descriptor tcp_socket() {
    zen::Descriptor result(socket(AF_INET, SOCK_STREAM, 0));
    fcntl(result.get(), F_SETFL, O_NONBLOCK);
    return result;
}
bool has_reader(int descriptor) { return get_running_loop().remove_reader(descriptor); }
bool has_writer(int descriptor) { return get_running_loop().remove_writer(descriptor); }
} // namespace

TEST_CASE("sock_accept cancelled removes its reader") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Listener listener;
        const auto task = create_task(sock_accept(listener.socket.get()));
        co_await settle();
        task.cancel();
        co_await settle();
        CHECK(task.cancelled());
        CHECK_FALSE(has_reader(listener.socket.get()));
    });
}

TEST_CASE("sock_accept gives one client after the other, with sockets that do not block") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Listener listener;
        const auto waiting = create_task([&listener]() -> Coroutine<std::string> {
            const auto accepted = co_await sock_accept(listener.socket.get());
            const auto &[client, peer] = accepted;
            CHECK((fcntl(client.get(), F_GETFL) & O_NONBLOCK) != 0);
            co_return name_of(peer);
        });
        co_await settle();
        CHECK_FALSE(waiting.done());
        const zen::Descriptor first = tcp_socket(), second = tcp_socket();
        co_await sock_connect(first.get(), listener.address);
        const std::string name = co_await waiting;
        CHECK(name == name_of(first.get(), getsockname));
        co_await sock_connect(second.get(), listener.address);
        const auto accepted = co_await sock_accept(listener.socket.get());
        CHECK(name_of(accepted.second) == name_of(second.get(), getsockname));
        CHECK_FALSE(has_reader(listener.socket.get()));
        CHECK_FALSE(has_writer(first.get()));
    });
}

TEST_CASE("sock_accept tells what has failed") {
    run_in_test_loop([]() -> Coroutine<void> {
        const zen::Descriptor no_listener = tcp_socket();
        const auto task = create_task(
            [&no_listener]() -> Coroutine<void> { co_await sock_accept(no_listener.get()); });
        co_await settle();
        CHECK_THROWS_WITH(task.result(), "cannot accept: Invalid argument");
        CHECK_THROWS_AS(task.result(), OSError);
    });
}

TEST_CASE("sock_connect: refused is a ConnectionError") {
    run_in_test_loop([]() -> Coroutine<void> {
        zen::Address address;
        address = Listener().address; // nobody listens there any more
        const zen::Descriptor socket = tcp_socket();
        const auto task = create_task(sock_connect(socket.get(), address));
        for (int i = 0; i < 1000 && !task.done(); ++i) co_await settle();
        CHECK_THROWS_AS(task.result(), ConnectionError);
        CHECK_THROWS_WITH(task.result(),
                          "cannot connect to " + name_of(address) + ": Connection refused");
    });
}

TEST_CASE("sock_recv takes at once what is there, or waits; at the end of file it gives nothing") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        pair.send("abcdef");
        const int turns = test_loop().turns;
        const std::string first = co_await sock_recv(pair.near.get(), 4);
        const std::string rest = co_await sock_recv(pair.near.get(), 4);
        CHECK(first + "|" + rest == "abcd|ef");
        CHECK(test_loop().turns == turns); // nobody else has run
        const auto waiting = create_task(sock_recv(pair.near.get(), 4));
        co_await settle();
        CHECK_FALSE(waiting.done());
        pair.send("xyz");
        const std::string later = co_await waiting;
        CHECK(later == "xyz");
        CHECK_FALSE(has_reader(pair.near.get()));
        pair.far = zen::Descriptor(-1);
        const std::string end = co_await sock_recv(pair.near.get(), 4);
        CHECK(end.empty());
    });
}

TEST_CASE("sock_recv cancelled removes its reader, and no bytes are lost") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto task = create_task(sock_recv(pair.near.get(), 4));
        co_await settle();
        pair.send("kept");
        task.cancel();
        co_await settle();
        CHECK(task.cancelled());
        CHECK_FALSE(has_reader(pair.near.get()));
        const std::string bytes = co_await sock_recv(pair.near.get(), 4);
        CHECK(bytes == "kept");
    });
}

TEST_CASE("sock_recv of a connection that is reset: ConnectionResetError") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        co_await sock_sendall(pair.near.get(), "unread");
        const auto task = create_task(sock_recv(pair.near.get(), 4));
        co_await settle();
        pair.far = zen::Descriptor(-1);
        co_await settle();
        CHECK_THROWS_AS(task.result(), ConnectionResetError);
        CHECK_THROWS_WITH(task.result(), "cannot receive: Connection reset by peer");
    });
}

TEST_CASE("sock_sendall sends every byte, and waits while the other side does not read") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        std::string all;
        for (int i = 0; i < 200'000; ++i) all += std::to_string(i);
        const auto task = create_task(sock_sendall(pair.near.get(), all));
        co_await settle();
        CHECK_FALSE(task.done());
        std::string received;
        while (received.size() < all.size()) {
            const std::string some = pair.receive();
            if (some.empty()) break;
            received += some;
            co_await settle();
        }
        CHECK(task.done());
        CHECK(received == all);
        CHECK_FALSE(has_writer(pair.near.get()));
    });
}

TEST_CASE("sock_sendall cancelled removes its writer; to nobody, it is a ConnectionError") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const std::string much(1'000'000, 'x');
        const auto task = create_task(sock_sendall(pair.near.get(), much));
        co_await settle();
        CHECK_FALSE(task.done());
        task.cancel();
        co_await settle();
        CHECK(task.cancelled());
        CHECK_FALSE(has_writer(pair.near.get()));
        pair.far = zen::Descriptor(-1);
        const auto to_nobody = create_task(sock_sendall(pair.near.get(), "x"));
        co_await settle();
        CHECK_THROWS_AS(to_nobody.result(), ConnectionError);
    });
}
