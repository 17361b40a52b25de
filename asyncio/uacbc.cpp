// uacbc: echo client, UDP, with DatagramProtocol and DatagramTransport of asyncio and one future.
// It sends a message and prints what comes back.
//
// Run:        ./asyncio/uacb -e      in one terminal, or asyndg -e
//             ./asyncio/uacbc        in another (127.0.0.1, port 65432; -h tells the options)
// Simplified: the message is sent once only; zuc asks again when nothing comes back.
// See also:   uacb and asyndg (servers), tacbc (the same over TCP), zuc (without asyncio).

#include "connections.h"
#include "waiting.h"

constexpr zen::Program program = {"uacbc", "UDP echo client (asyncio).",
                                  "t:m:",  "./asyncio/uacbc -m Hello 127.0.0.1 8000",
                                  "65432", "Hello World!"};

class EchoClient : public asyncio::DatagramProtocol {
  public:
    EchoClient(std::string message, asyncio::Future<void> answered)
        : message_(std::move(message)), answered_(std::move(answered)) {}

    void connection_made(std::shared_ptr<asyncio::DatagramTransport> transport) override {
        transport_ = std::move(transport);
        transport_->sendto(message_);
        zen::print("Sent: ", message_);
    }
    void datagram_received(std::string_view data, const zen::Address &) override {
        zen::print("Received: ", data);
        transport_->close();
    }
    // Nobody listens there: the kernel has got the message back. Python's example waits for ever.
    void error_received(std::exception_ptr error) override {
        if (!answered_.done()) answered_.set_exception(error);
        transport_->close();
    }
    void connection_lost(std::exception_ptr) override {
        if (!answered_.done()) answered_.set_result();
    }

  private:
    const std::string message_;
    const asyncio::Future<void> answered_; // or failed
    std::shared_ptr<asyncio::DatagramTransport> transport_;
};

asyncio::Coroutine<void> exchange(zen::Options options) {
    const std::string name = zen::address_name(options.host, options.port);
    std::optional<asyncio::Seconds> limit; // none with -t 0
    if (options.timeout > 0) limit = asyncio::Seconds(options.timeout);
    const asyncio::Future<void> answered;
    asyncio::get_running_loop().set_exception_handler([answered](const auto &context) {
        if (!answered.done()) answered.set_exception(context.exception); // what a method has thrown
    });
    const auto factory = [&] { return std::make_shared<EchoClient>(options.message, answered); };
    const asyncio::HostPort none, remote = {options.host, options.port};
    co_await asyncio::create_datagram_endpoint(factory, none, remote);
    try {
        co_await asyncio::wait_for(answered, limit);
    } catch (const asyncio::OSError &error) {
        zen::fail("no answer from " + name, error.number);
    } catch (const asyncio::TimeoutError &) {
        zen::fail("no answer from " + name, ETIMEDOUT);
    }
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
