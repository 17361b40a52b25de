// tacn in another style: by a protocol and a transport, where the kit's has streams and a coroutine for
// each client.

#include "connections.h"
#include "see_off.h"
#include "transports.h"

using namespace std::chrono_literals;
constexpr zen::Program program = {"tacn", "Line echo server by a protocol.",
                                  "qt:", "./asyncio/tacn -t 10 127.0.0.1 8000", "12345"};
constexpr std::size_t max_line = 1024; // bytes, without the newline

class Client : public asyncio::Protocol {
  public:
    Client(long number, Limit limit) : number_(std::to_string(number) + ' '), limit_(limit) {}

    void connection_made(std::shared_ptr<asyncio::Transport> transport) override {
        transport_ = std::move(transport);
        peer_ = transport_->get_extra_info("peername");
        zen::log("Connected by ", peer_);
        wait(limit_);
    }
    void data_received(std::string_view bytes) override {
        if (refused_) return;
        received_ += bytes;
        std::string answers;
        std::size_t begin = 0, end = 0;
        for (; (end = received_.find('\n', begin)) != received_.npos; begin = end + 1) {
            if (end - begin > max_line) break;
            answers += answer_to(received_.substr(begin, end - begin));
        }
        received_.erase(0, begin);
        transport_->write(answers);
        if (received_.size() <= max_line) return wait(limit_);
        refused_ = true;
        zen::log("Line too long from ", peer_);
        transport_->write_eof();
        wait(Limit(1s));
    }
    bool eof_received() override {
        if (!refused_ && !received_.empty()) transport_->write(answer_to(received_));
        return false;
    }
    void connection_lost(std::exception_ptr error) override {
        timer_.cancel();
        if (error) zen::log("Error with ", peer_, ": ", asyncio::describe(error));
        zen::log("Connection with ", peer_, " closed");
    }
    void pause_writing() override { transport_->pause_reading(); }
    void resume_writing() override { transport_->resume_reading(); }

  private:
    std::string answer_to(std::string line) {
        if (line.ends_with('\r')) line.pop_back();
        zen::log("Received from ", peer_, ": ", line);
        zen::log("Sent to ", peer_, ": ", number_, line);
        return number_ + line + '\n';
    }
    void wait(Limit limit) {
        timer_.cancel();
        if (!limit) return;
        timer_ = asyncio::get_running_loop().call_later(*limit, [this] { transport_->abort(); });
    }

    const std::string number_;
    const Limit limit_;
    std::shared_ptr<asyncio::Transport> transport_;
    std::string peer_, received_;
    bool refused_ = false;
    asyncio::TimerHandle timer_;
};

asyncio::Coroutine<void> serve(zen::Options options) {
    long connections = 0;
    const auto factory = [&] { return std::make_shared<Client>(connections++, limit_of(options)); };
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
