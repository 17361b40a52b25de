// Transports of streams, and the order in which they call their protocol.
#include "recorder.h"

using namespace asyncio_tests;

TEST_CASE("69: a protocol is told: made, data, end of file, lost; each once, in this order") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        send_to(c.peer, "one");
        co_await settle();
        send_to(c.peer, "two");
        co_await settle();
        c.peer = zen::Descriptor(-1);
        co_await settle();
        CHECK(c.seen() == Texts{"made", "data: one", "data: two", "eof", "lost"});
        c.transport->close();
        c.transport->abort();
        co_await settle();
        CHECK(c.seen().size() == 5);
        CHECK(c.protocol.use_count() == 1); // the transport has let it go
    });
}

TEST_CASE("69: a reset connection is lost with its error, and without an end of file") {
    run_in_test_loop([]() -> Coroutine<void> {
        const auto listener = open_listener("127.0.0.1", "0");
        zen::Address address;
        getsockname(listener.get(), address.get(), &address.size);
        zen::Descriptor client(socket(AF_INET, SOCK_STREAM, 0));
        REQUIRE(connect(client.get(), address.get(), address.size) == 0);
        const auto protocol = std::make_shared<Recorder>();
        zen::Descriptor accepted(accept(listener.get(), nullptr, nullptr));
        const auto transport = std::make_shared<Transport>(std::move(accepted), protocol, "X");
        transport->start();
        co_await settle();
        const linger reset = {1, 0};
        setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        client = zen::Descriptor(-1);
        co_await settle();
        CHECK(protocol->seen == Texts{"made", "lost: cannot receive: Connection reset by peer"});
    });
}

TEST_CASE("69: a transport that is left when the loop goes keeps nothing alive") {
    std::weak_ptr<Recorder> protocol;
    std::weak_ptr<Transport> transport;
    run_in_test_loop([&]() -> Coroutine<void> {
        const Connected c;
        protocol = c.protocol;
        transport = c.transport;
        co_await settle();
        CHECK(c.protocol->transport == c.transport); // they keep each other
    });
    CHECK(protocol.expired());
    CHECK(transport.expired());
}

TEST_CASE("70: nothing is read before connection_made has returned") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        send_to(c.peer, "early");
        CHECK(c.seen() == Texts()); // start() calls nothing itself
        co_await sleep(0s);
        CHECK(c.seen() == Texts{"made"});
        co_await settle();
        CHECK(c.seen() == Texts{"made", "data: early"});
    });
}

TEST_CASE("70: closed within connection_made, nothing is read at all") {
    struct Closing : Recorder {
        void connection_made(std::shared_ptr<Transport> made) override {
            Recorder::connection_made(made);
            made->close();
        }
    };
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        send_to(c.peer, "early");
        const auto protocol = std::make_shared<Closing>();
        zen::Descriptor end(dup(c.transport->socket()));
        c.transport->abort();
        std::make_shared<Transport>(std::move(end), protocol, "X")->start();
        co_await settle();
        CHECK(protocol->seen == Texts{"made", "lost"});
    });
}

TEST_CASE("71: write sends at once what the kernel takes, and nothing waits") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        c.transport->write("Hello");
        CHECK(received(c.peer) == "Hello"); // without a turn of the loop
        CHECK(c.transport->get_write_buffer_size() == 0);
    });
}

TEST_CASE("71: write keeps the rest, and sends it in order") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        const std::string text = long_text(1'000'000);
        c.transport->write(std::string_view(text).substr(0, 700'000));
        CHECK(c.transport->get_write_buffer_size() > 500'000);
        c.transport->write(std::string_view(text).substr(700'000));
        const std::string all = co_await c.read_all();
        CHECK((all == text));
        CHECK(c.transport->get_write_buffer_size() == 0);
    });
}

TEST_CASE("72: close sends what is left, reads nothing more, then the connection is lost") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        const std::string text = long_text(60'000);
        c.transport->write(text);
        c.transport->close();
        CHECK(c.transport->is_closing());
        send_to(c.peer, "late");
        co_await settle();
        CHECK(c.seen() == Texts{"made"});
        const std::string all = co_await c.read_all();
        CHECK((all == text));
        CHECK(c.seen() == Texts{"made", "lost"});
    });
}

TEST_CASE("72: connection_lost is not called within close, but in the next turn") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Connected c;
        co_await settle();
        c.transport->close();
        CHECK(c.seen() == Texts{"made"});
        co_await sleep(0s);
        CHECK(c.seen() == Texts{"made", "lost"});
        CHECK(at_end(c.peer));
    });
}

TEST_CASE("72: abort drops what is left") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        c.transport->write(long_text(60'000));
        c.transport->abort();
        co_await settle();
        CHECK(c.seen() == Texts{"made", "lost"});
        const std::string all = co_await c.read_all();
        CHECK(all.size() < 60'000);
        CHECK(at_end(c.peer));
    });
}

TEST_CASE("73: eof_received that returns false closes, after what is left has been sent") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        const std::string text = long_text(60'000);
        c.transport->write(text);
        shutdown(c.peer.get(), SHUT_WR);
        const std::string all = co_await c.read_all();
        CHECK((all == text));
        CHECK(c.seen() == Texts{"made", "eof", "lost"});
    });
}

TEST_CASE("73: eof_received that returns true leaves it half open; the loop sleeps meanwhile") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Connected c;
        c.protocol->keep_open = true;
        shutdown(c.peer.get(), SHUT_WR);
        co_await settle();
        CHECK(c.seen() == Texts{"made", "eof"});
        c.transport->pause_reading();
        c.transport->resume_reading(); // does not tell of the same end again
        const int turns = test_loop().turns;
        co_await sleep(1s);
        CHECK(test_loop().turns <= turns + 2);
        c.transport->write("still here");
        CHECK(received(c.peer) == "still here");
        c.transport->close();
        co_await settle();
        CHECK(c.seen() == Texts{"made", "eof", "lost"});
    });
}

TEST_CASE("74: what data_received throws is told with the peer, and ends this connection only") {
    Texts seen, others;
    const Texts errors = errors_of([&]() -> Coroutine<void> {
        const Connected c, other;
        c.protocol->on_data = [](std::string_view) { throw RuntimeError("bad byte"); };
        co_await settle();
        send_to(c.peer, "x");
        send_to(c.peer, "y");
        co_await settle();
        CHECK(at_end(c.peer));
        send_to(other.peer, "z");
        co_await settle();
        seen = c.seen();
        others = other.seen();
    });
    CHECK(errors == Texts{"Fatal error: protocol.data_received() call failed. Peer X: bad byte"});
    CHECK(seen == Texts{"made", "data: xy", "lost: bad byte"});
    CHECK(others == Texts{"made", "data: z"});
}

TEST_CASE("75: over 64 KiB to be sent pause_writing is called, at 16 KiB resume_writing; once") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        const auto left = [&] { return c.transport->get_write_buffer_size(); };
        while (left() < 60'000) c.transport->write(std::string(1'000, 'x'));
        CHECK(c.seen() == Texts{"made"});
        c.transport->write(std::string(65'536 - left(), 'x'));
        CHECK(c.seen() == Texts{"made"}); // 64 KiB are not over 64 KiB
        c.transport->write("x");
        CHECK(c.seen() == Texts{"made", "pause"});
        c.transport->write("x");
        while (left() > 20'000) {
            CHECK(c.seen() == Texts{"made", "pause"});
            received(c.peer);
            co_await sleep(0s);
        }
        co_await c.read_all();
        CHECK(c.seen() == Texts{"made", "pause", "resume"});
    });
}

TEST_CASE("75: the limits can be set") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        CHECK_THROWS_AS(c.transport->set_write_buffer_limits(1, 2), ValueError);
        c.transport->write(std::string(50'000, 'x'));
        CHECK(c.seen() == Texts{"made"});
        c.transport->set_write_buffer_limits(1'000, 0);
        CHECK(c.seen() == Texts{"made", "pause"});
        co_await c.read_all();
        CHECK(c.seen() == Texts{"made", "pause", "resume"});
    });
}

TEST_CASE("75: while reading is paused nothing is received, and nothing is lost") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Connected c;
        co_await settle();
        c.transport->pause_reading();
        CHECK_FALSE(c.transport->is_reading());
        send_to(c.peer, "one");
        co_await settle();
        CHECK(c.seen() == Texts{"made"});
        c.transport->resume_reading();
        CHECK(c.transport->is_reading());
        co_await settle();
        CHECK(c.seen() == Texts{"made", "data: one"});
    });
}

TEST_CASE("76: writing to a lost connection is ignored, and told from the fifth time on") {
    const Texts errors = errors_of([]() -> Coroutine<void> {
        const Connected c;
        co_await settle();
        c.transport->abort();
        co_await settle();
        for (int i = 0; i < 4; ++i) c.transport->write("x");
        CHECK(received(c.peer).empty());
        get_running_loop().call_exception_handler({"here"});
        c.transport->write("x");
    });
    CHECK(errors == Texts{"here", "socket.send() raised exception."});
}

TEST_CASE("76: a peer that has gone is seen by the next write, which is no error of the writer") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        c.protocol->keep_open = true;
        shutdown(c.peer.get(), SHUT_WR);
        co_await settle();
        c.peer = zen::Descriptor(-1);
        c.transport->write("x");
        co_await settle();
        CHECK(c.seen() == Texts{"made", "eof", "lost: cannot send: Broken pipe"});
    });
}

TEST_CASE("76: write_eof ends the stream after what is left has been sent; reading goes on") {
    run_in_test_loop([]() -> Coroutine<void> {
        Connected c;
        co_await settle();
        const std::string text = long_text(60'000);
        c.transport->write(text);
        c.transport->write_eof();
        CHECK_THROWS_AS(c.transport->write("more"), RuntimeError);
        const std::string all = co_await c.read_all();
        CHECK((all == text));
        CHECK(at_end(c.peer));
        send_to(c.peer, "answer");
        co_await settle();
        CHECK(c.seen() == Texts{"made", "data: answer"});
    });
}
