// asyndg: Zen server, UDP, asynchronous with DatagramProtocol and DatagramTransport of asyncio. The
// transport receives and sends; the protocol is told of each datagram.
//
// Run:        ./asyncio/asyndg       in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in another; with -e, ./asyncio/uacbc
// Differs:    from uacb: recvfrom and sendto are in transports.h, for all programs.
// Simplified: answers are logged as sent when they are given to the transport.
// See also:   uacb (without transports), asynpro (over TCP), uacbc (a client).

#include "../zen.h"
#include "connections.h"

constexpr zen::Program program = {"asyndg",
                                  "Asynchronous UDP server of the Zen protocol (asyncio).", "eq",
                                  "./asyncio/asyndg -e 127.0.0.1 8000"};

class Datagrams : public asyncio::DatagramProtocol {
  public:
    explicit Datagrams(bool echoing) : echoing_(echoing) {}

    void connection_made(std::shared_ptr<asyncio::DatagramTransport> transport) override {
        transport_ = std::move(transport);
        getsockname(transport_->socket(), own_.get(), &own_.size);
    }
    void datagram_received(std::string_view datagram, const zen::Address &client) override {
        if (echoing_) echo(client, datagram);
        else answer_question(client, datagram);
    }
    void error_received(std::exception_ptr error) override {
        zen::say("Error: ", asyncio::describe(error));
    }

    // If the kernel has no room, the transport keeps what waits; over 64 KiB, answers are lost, as
    // they could be lost on the way.
    void pause_writing() override { paused_ = true; }
    void resume_writing() override { paused_ = false; }

  private:
    // Answers a datagram. One that holds no question of the table gets no answer.
    void answer_question(const zen::Address &client, std::string_view datagram) {
        const std::string_view question = zen::trim(datagram);
        const std::string_view answer = zen::answer_to(question);
        if (datagram.size() > zen::max_message) {
            zen::log("Question too long from ", client);
        } else if (answer.empty()) {
            zen::log("Unrecognized question from ", client, ": ", question);
        } else {
            zen::log("Received from ", client, ": ", question);
            send_back(client, answer);
        }
    }
    // Sends a datagram back, but not to the server's own port, or it would echo to itself for ever.
    void echo(const zen::Address &client, std::string_view datagram) {
        zen::log("Received from ", client, ": ", datagram);
        if (client.port() != own_.port()) send_back(client, datagram);
    }
    void send_back(const zen::Address &client, std::string_view bytes) {
        if (paused_) return zen::log("Cannot send to ", client, ": no room");
        zen::log("Sent to ", client, ": ", bytes);
        transport_->sendto(bytes, client);
    }

    const bool echoing_;
    bool paused_ = false;
    zen::Address own_;
    std::shared_ptr<asyncio::DatagramTransport> transport_;
};

asyncio::Coroutine<void> serve(zen::Options options) {
    const auto factory = [&options] { return std::make_shared<Datagrams>(options.echo); };
    const asyncio::HostPort local = {options.host, options.port}, none;
    const auto endpoint = co_await asyncio::create_datagram_endpoint(factory, local, none);
    const std::string name = endpoint.first->get_extra_info("sockname");
    asyncio::Waiter forever;                  // it needs no memory: after the next line nothing
    zen::say("UDP server started at ", name); // can fail; with port 0, the system has chosen it
    co_await forever;                         // until a signal cancels it
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(serve(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
