// tacbc: echo client, TCP, with Protocol and Transport of asyncio and one future. It sends a
// message, prints what comes back, and ends when the server has closed the connection.
//
// Run:        ./asyncio/tacb -e      in one terminal, or asynpro, tacr, tacs with -e
//             ./asyncio/tacbc        in another (127.0.0.1, port 65432; -h tells the options)
// See also:   tacb and asynpro (servers), uacbc (the same over UDP), zenc (without asyncio).

#include "connections.h"
#include "waiting.h"

constexpr zen::Program program = {"tacbc", "TCP echo client (asyncio).",
                                  "t:m:",  "./asyncio/tacbc -m Hello 127.0.0.1 8000",
                                  "65432", "Hello World!"};

class EchoClient : public asyncio::Protocol {
  public:
    EchoClient(std::string message, asyncio::Future<void> closed)
        : message_(std::move(message)), closed_(std::move(closed)) {}

    // The echo may come in pieces. It is printed when it is whole, or when no more will come.
    void data_received(std::string_view data) override {
        received_ += data;
        if (received_.size() == message_.size()) print_received();
        if (received_.size() > message_.size()) throw std::runtime_error("answer too long");
    }
    void connection_lost(std::exception_ptr error) override {
        if (closed_.done()) return; // nobody waits any more
        if (error) return closed_.set_exception(error);
        print_received();
        closed_.set_result();
    }
    bool has_printed() const { return printed_; }

  private:
    void print_received() {
        if (printed_ || received_.empty()) return;
        zen::print("Received: ", received_);
        printed_ = true;
    }

    const std::string message_;
    const asyncio::Future<void> closed_; // done when the connection has ended
    std::string received_;
    bool printed_ = false;
};

asyncio::Coroutine<void> exchange(zen::Options options) {
    const std::string name = zen::address_name(options.host, options.port);
    std::optional<asyncio::Seconds> limit; // none with -t 0
    if (options.timeout > 0) limit = asyncio::Seconds(options.timeout);
    const asyncio::Future<void> closed;
    const asyncio::Finally leave([closed] { closed.cancel(); }); // nobody waits any more
    asyncio::get_running_loop().set_exception_handler([closed](const auto &context) {
        if (!closed.done()) closed.set_exception(context.exception); // what a method has thrown
    });
    const auto client = std::make_shared<EchoClient>(options.message, closed);
    const auto factory = [client] { return client; };
    try {
        const auto connected = co_await asyncio::wait_for(
            asyncio::create_connection(factory, options.host, options.port), limit);
        connected.first->write(options.message);
    } catch (const asyncio::TimeoutError &) {
        zen::fail("cannot connect to " + name, ETIMEDOUT);
    }
    zen::print("Sent: ", options.message); // before the loop's next turn, which may bring the echo
    const auto missing = [&] {
        return (client->has_printed() ? "connection not closed by " : "no answer from ") + name;
    };
    try {
        co_await asyncio::wait_for(closed, limit);
    } catch (const asyncio::OSError &error) {
        zen::fail(missing(), error.number);
    } catch (const asyncio::TimeoutError &) {
        zen::fail(missing(), ETIMEDOUT);
    }
    if (!client->has_printed()) throw std::runtime_error(missing() + ": connection closed");
    zen::print("The server closed the connection");
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(exchange(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
