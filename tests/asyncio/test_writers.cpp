// Streams: the writer and its drain; servers and their clients.
#include "streams.h"

using namespace asyncio_tests;

namespace {
/// Writes until so many bytes are left that the kernel has not taken.
void leave_unsent(const StreamWriter &writer, std::size_t bytes) {
    const auto transport = writer.transport();
    while (transport->get_write_buffer_size() == 0) writer.write(std::string(1000, 'x'));
    writer.write(std::string(bytes - transport->get_write_buffer_size(), 'x'));
}
Coroutine<std::string> draining(StreamWriter writer) {
    try {
        co_await writer.drain();
        co_return "drained";
    } catch (const ConnectionResetError &error) {
        co_return error.what();
    }
}
} // namespace

TEST_CASE("66: drain waits over 64 KiB, until at most 16 KiB are left; several may wait") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const int small = 4096; // so that the kernel takes little at a time
        setsockopt(pair.near.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        const auto streams = co_await accepted(pair);
        const auto &writer = streams.second;
        leave_unsent(writer, 65'536);
        const int turns = test_loop().turns;
        co_await writer.drain(); // not over it
        CHECK(test_loop().turns == turns);
        writer.write("x");
        const auto first = create_task(draining(writer)), second = create_task(draining(writer));
        co_await settle();
        while (writer.transport()->get_write_buffer_size() > 16'384) {
            CHECK_FALSE(first.done());
            REQUIRE(pair.receive(4096) != "");
            co_await settle();
        }
        CHECK(writer.transport()->get_write_buffer_size() > 0);
        CHECK(first.result() == "drained");
        CHECK(second.result() == "drained");
    });
}

TEST_CASE("67: drain after the connection is lost: ConnectionResetError") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto streams = co_await accepted(pair);
        const auto &writer = streams.second;
        writer.transport()->abort(); // it is lost in the next turn
        const std::string text = co_await draining(writer);
        CHECK(text == "Connection lost");
        const std::string again = co_await draining(writer);
        CHECK(again == text);
    });
}

TEST_CASE("67: what ends the connection is thrown in all that wait in drain") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto streams = co_await accepted(pair);
        const auto &writer = streams.second;
        leave_unsent(writer, 65'537);
        const auto first = create_task(draining(writer)), second = create_task(draining(writer));
        const auto cancelled = create_task(draining(writer));
        co_await settle();
        cancelled.cancel();
        co_await settle();
        CHECK(cancelled.cancelled());
        CHECK_FALSE(first.done());
        pair.far = zen::Descriptor(-1); // with bytes unread
        co_await settle();
        CHECK(first.result() == "cannot receive: Connection reset by peer");
        CHECK(second.result() == first.result());
        const std::string later = co_await draining(writer);
        CHECK(later == first.result()); // as the reader has it
    });
}

TEST_CASE("68: wait_closed returns when all is sent and the connection is lost") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto streams = co_await accepted(pair);
        const auto &writer = streams.second;
        leave_unsent(writer, 30'000);
        writer.close();
        CHECK(writer.is_closing());
        const auto first = create_task(writer.wait_closed());
        const auto second = create_task(writer.wait_closed());
        co_await settle();
        CHECK_FALSE(first.done());
        for (std::string some = "x"; !some.empty(); some = pair.receive()) co_await settle();
        CHECK(first.done());
        CHECK(second.done());
        co_await writer.wait_closed(); // again: at once
    });
}

TEST_CASE("68: wait_closed throws what has ended the connection") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto streams = co_await accepted(pair);
        const auto &writer = streams.second;
        writer.write("unread");
        pair.far = zen::Descriptor(-1);
        const auto task = create_task(writer.wait_closed());
        co_await settle();
        CHECK_THROWS_AS(task.result(), ConnectionResetError);
    });
}

TEST_CASE("write_eof ends what is sent; what comes is still read") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto streams = co_await accepted(pair);
        streams.second.write("last");
        streams.second.write_eof();
        CHECK(pair.receive() == "last");
        CHECK(pair.is_ended());
        pair.send("after");
        const std::string after = co_await streams.first.read(10);
        CHECK(after == "after");
        CHECK_THROWS_AS(streams.second.write("x"), RuntimeError);
    });
}

TEST_CASE("When the last copy of a writer goes, its connection is closed") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        {
            const auto streams = co_await accepted(pair);
            const StreamWriter copy = streams.second;
        }
        co_await settle();
        CHECK(get_running_loop().transports.empty());
        CHECK(pair.is_ended());
    });
}

// ---- Servers

namespace {
std::string port_of(const std::shared_ptr<Server> &server) {
    return server->sockname().substr(server->sockname().find(':') + 1);
}
/// Answers each line with the same line.
Coroutine<void> echo_lines(StreamReader reader, StreamWriter writer) {
    while (true) {
        const std::string line = co_await reader.readline();
        if (line == "throw\n") throw RuntimeError("broken");
        if (line == "cancel\n") current_task().cancel();
        if (line.empty()) break;
        writer.write(line);
        co_await writer.drain();
        co_await sleep(0s);
    }
    writer.close();
}
/// What a server answers to a line, or nothing if it closes the connection.
Coroutine<std::string> ask(Streams streams, std::string line) {
    streams.second.write(line);
    co_return co_await streams.first.readline();
}
} // namespace

TEST_CASE("78: start_server runs the callback of each client as a task") {
    run_in_test_loop([]() -> Coroutine<void> {
        Texts names;
        const auto serve = [&names](StreamReader reader, StreamWriter writer) -> Coroutine<void> {
            names.push_back(current_task().get_name()); // this is kept until the task has ended
            co_await echo_lines(reader, writer);
        };
        const auto server = co_await start_server(serve, "127.0.0.1", "0");
        {
            const auto first = co_await open_connection("127.0.0.1", port_of(server));
            const auto second = co_await open_connection("127.0.0.1", port_of(server));
            const std::string to_second = co_await ask(second, "two\n");
            const std::string to_first = co_await ask(first, "one\n");
            CHECK(to_first + to_second == "one\ntwo\n");
            CHECK(names.size() == 2);
            CHECK(names[0] != names[1]);
            CHECK(all_tasks().size() == 3);
        } // the last writers go: the connections are closed
        server->close();
        co_await server->wait_closed();
        co_await settle();
        CHECK(all_tasks().size() == 1);
    });
}

TEST_CASE("78: what the callback throws is said, and the connection closed; the others go on") {
    Texts errors;
    {
        TestLoop loop(errors);
        const auto main = []() -> Coroutine<void> {
            const auto server = co_await start_server(echo_lines, "127.0.0.1", "0");
            const auto bad = co_await open_connection("127.0.0.1", port_of(server));
            const auto good = co_await open_connection("127.0.0.1", port_of(server));
            const std::string nothing = co_await ask(bad, "throw\n");
            CHECK(nothing.empty());
            const std::string line = co_await ask(good, "line\n");
            CHECK(line == "line\n");
            const std::string cancelled = co_await ask(good, "cancel\n");
            CHECK(cancelled == "cancel\n");
            const std::string end = co_await good.first.readline(); // closed, but not said
            CHECK(end.empty());
            server->close();
            bad.second.close();
            good.second.close();
            co_await server->wait_closed();
        };
        run(main, loop);
    }
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].starts_with("Unhandled exception in client_connected_cb. Peer 127.0.0.1:"));
    CHECK(errors[0].ends_with(": broken"));
}

TEST_CASE("80: close() stops listening and keeps the connections; wait_closed waits for them") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server(echo_lines, "127.0.0.1", "0");
        const std::string port = port_of(server);
        const auto streams = co_await open_connection("127.0.0.1", port);
        co_await ask(streams, "before\n");
        server->close();
        CHECK_FALSE(server->is_serving());
        const auto refused = create_task(open_connection("127.0.0.1", port));
        const auto closed = create_task(server->wait_closed());
        co_await settle();
        CHECK_THROWS_WITH(refused.result(),
                          "cannot connect to 127.0.0.1:" + port + ": Connection refused");
        const std::string line = co_await ask(streams, "after\n");
        CHECK(line == "after\n");
        CHECK_FALSE(closed.done());
        streams.second.close();
        co_await closed;
    });
}

TEST_CASE("80: serve_forever that is cancelled closes, also an idle client, and throws") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto server = co_await start_server(echo_lines, "127.0.0.1", "0");
        const auto idle = co_await open_connection("127.0.0.1", port_of(server));
        const auto serving = create_task(server->serve_forever());
        co_await ask(idle, "line\n");
        CHECK_FALSE(serving.done());
        serving.cancel();
        const std::string end = co_await idle.first.readline();
        CHECK(end.empty());
        co_await settle();
        CHECK(serving.cancelled());
        CHECK(server->socket() == -1);
    });
}

TEST_CASE("Streams over a Unix socket, whose file goes with the server") {
    run_in_test_loop([]() -> Coroutine<void> {
        const std::string path = "/tmp/asyncio-test-" + std::to_string(getpid());
        const auto server = co_await start_unix_server(echo_lines, path);
        const auto streams = co_await open_unix_connection(path, 4);
        const std::string line = co_await ask(streams, "1234\n");
        CHECK(line == "1234\n");
        const std::string too_long = co_await outcome(ask(streams, "12345\n"));
        CHECK(too_long == "Separator is found, but chunk is longer than limit");
        server->close();
        CHECK(access(path.c_str(), F_OK) != 0);
    });
}
