// For the tests of transports: protocols that note what they are told, and the other end.
#pragma once

#include "loop.h"

#include "../../asyncio/connections.h"

namespace asyncio_tests {
inline const auto sigpipe_before = signal(SIGPIPE, SIG_IGN); ///< As programs do: zen::start.

/// Runs a coroutine function in a loop whose errors are expected, and returns them.
template <class F> Texts errors_of(F function) {
    Texts errors;
    TestLoop loop(errors);
    run(function, loop);
    return errors;
}
/// What has come on a socket until now.
inline std::string received(const zen::Descriptor &socket) {
    std::string text;
    char buffer[65'536];
    for (ssize_t size; (size = recv(socket.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
        text.append(buffer, std::size_t(size));
    return text;
}
/// Whether the other side of a socket, of which everything has been read, has ended.
inline bool at_end(const zen::Descriptor &socket) {
    char byte;
    return recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 0;
}
inline void send_to(const zen::Descriptor &socket, std::string_view text) {
    REQUIRE(send(socket.get(), text.data(), text.size(), 0) == ssize_t(text.size()));
}

struct Recorder : Protocol {
    Texts seen;
    std::shared_ptr<Transport> transport;
    bool keep_open = false;
    std::function<void(std::string_view)> on_data = [](std::string_view) {};

    void connection_made(std::shared_ptr<Transport> made) override {
        transport = std::move(made);
        seen.push_back("made");
    }
    void data_received(std::string_view data) override {
        seen.push_back("data: " + std::string(data));
        on_data(data);
    }
    bool eof_received() override {
        seen.push_back("eof");
        return keep_open;
    }
    void connection_lost(std::exception_ptr error) override {
        seen.push_back(error ? "lost: " + describe(error) : "lost");
    }
    void pause_writing() override { seen.push_back("pause"); }
    void resume_writing() override { seen.push_back("resume"); }
};
struct DatagramRecorder : DatagramProtocol {
    Texts seen;
    std::shared_ptr<DatagramTransport> transport;
    void connection_made(std::shared_ptr<DatagramTransport> made) override {
        transport = std::move(made);
        seen.push_back("made");
    }
    void datagram_received(std::string_view data, const zen::Address &) override {
        seen.push_back("data: " + std::string(data));
        if (data == "throw") throw RuntimeError("bad datagram");
    }
    void error_received(std::exception_ptr error) override {
        seen.push_back("error: " + describe(error));
    }
    void connection_lost(std::exception_ptr error) override {
        seen.push_back(error ? "lost: " + describe(error) : "lost");
    }
};

/// A transport whose peer is a plain socket, which takes little before it is read from.
struct Connected {
    std::shared_ptr<Recorder> protocol = std::make_shared<Recorder>();
    zen::Descriptor peer{-1};
    std::shared_ptr<Transport> transport;

    Connected() {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        peer = zen::Descriptor(ends[0]);
        const int small = 4096;
        REQUIRE(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
        transport = std::make_shared<Transport>(zen::Descriptor(ends[1]), protocol, "X");
        transport->start();
    }
    const Texts &seen() const { return protocol->seen; }
    /// Reads all that is left to be sent.
    Coroutine<std::string> read_all() {
        std::string all = received(peer);
        for (bool more = true; more;) {
            co_await settle();
            const std::string next = received(peer);
            more = !next.empty();
            all += next;
        }
        co_return all;
    }
};
/// Text in which a lost, repeated or exchanged part is seen.
inline std::string long_text(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}
} // namespace asyncio_tests
