// asynpro: Zen server, TCP, asynchronous with Protocol and Transport of asyncio. The transport
// receives and sends; the protocol is told what has come, and is one object for each client.
//
// Run:        ./asyncio/asynpro      in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others; with -e (only the first bytes), ./asyncio/tacbc
// Differs:    from tacb: on_readable and on_writable are in transports.h, for all programs.
// Simplified: answers are logged as sent when they are queued; silent clients may stay for ever.
// See also:   tacb (without transports), tacr (coroutines), asyndg (over UDP).

#include "connections.h"
#include "conversation.h"

using namespace std::chrono_literals;
constexpr zen::Program program = {"asynpro",
                                  "Asynchronous TCP server of the Zen protocol (asyncio).", "eq",
                                  "./asyncio/asynpro -e 127.0.0.1 8000"};

class Client : public asyncio::Protocol {
  public:
    explicit Client(bool echo) : talk_{"", echo} {}

    void connection_made(std::shared_ptr<asyncio::Transport> transport) override {
        transport_ = std::move(transport);
        talk_.name = transport_->get_extra_info("peername");
        zen::log("Connected by ", talk_.name);
    }
    void data_received(std::string_view bytes) override {
        const bool refused_before = talk_.refused;
        const std::string answers = talk_.answers_to(bytes);
        if (!answers.empty()) transport_->write(answers); // all that is complete in one send
        if (talk_.too_much()) transport_->close();
        else if (talk_.refused && !refused_before) hang_up();
    }
    bool eof_received() override {
        talk_.answers_to("");
        return false; // the transport sends what is left, and closes
    }
    void connection_lost(std::exception_ptr error) override {
        timer_.cancel();
        if (error) zen::log("Error with ", talk_.name, ": ", asyncio::describe(error));
        zen::log("Connection with ", talk_.name, " closed");
    }

    // While more than 64 KiB of answers wait, the client is not read from.
    void pause_writing() override { transport_->pause_reading(); }
    void resume_writing() override { transport_->resume_reading(); }

  private:
    // A refused client gets its answers and the end of file. It is read from until it leaves, as
    // closing with something unread resets a connection, and the answers would be lost.
    void hang_up() {
        transport_->write_eof();
        close_later();
    }
    void close_later() { // in a second, unless it takes what is left to be sent
        const std::size_t unsent = transport_->get_write_buffer_size();
        timer_ = asyncio::get_running_loop().call_later(1s, [this, unsent] {
            if (transport_->get_write_buffer_size() < unsent) close_later();
            else transport_->abort();
        });
    }

    std::shared_ptr<asyncio::Transport> transport_;
    Conversation talk_;
    asyncio::TimerHandle timer_; // of a refused client
};

asyncio::Coroutine<void> serve(zen::Options options) {
    const auto factory = [&options] { return std::make_shared<Client>(options.echo); };
    const auto server = co_await asyncio::create_server(factory, options.host, options.port);
    auto serving = server->serve_forever();
    zen::say("TCP server started at ", server->sockname());
    co_await serving;
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
