// tacb in another style: no table of clients. Each one is an object that its own callbacks keep, and
// it goes when the loop has none of them any more.

#include "connections.h"
#include "conversation.h"

constexpr zen::Program program = {"tacb", "TCP server of the Zen protocol by callbacks of objects.",
                                  "eq", "./asyncio/tacb -e 127.0.0.1 8000"};

asyncio::EventLoop &loop() { return asyncio::get_event_loop(); }

class Client : public std::enable_shared_from_this<Client> {
  public:
    Client(zen::Descriptor socket, const std::string &name, bool echo)
        : socket_(std::move(socket)), talk_{name, echo} {
        fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
    }
    // Tells the loop what to wait for, as far as that has changed; with nothing, it is the end.
    void watch() {
        const bool in = !ended_ && unsent_.size() <= 65'536, out = !unsent_.empty();
        if (in != std::exchange(reads_, in)) {
            if (!in) loop().remove_reader(socket_.get());
            else loop().add_reader(socket_.get(), [me = shared_from_this()] { me->receive(); });
        }
        if (out != std::exchange(writes_, out)) {
            if (!out) loop().remove_writer(socket_.get());
            else loop().add_writer(socket_.get(), [me = shared_from_this()] { me->send_on(); });
        }
        if (!in && !out) end();
        else if (talk_.refused && !out && !std::exchange(half_closed_, true))
            shutdown(socket_.get(), SHUT_WR);
    }

  private:
    void receive() {
        attempt([this] {
            char buffer[16'384];
            const ssize_t size = recv(socket_.get(), buffer, sizeof buffer, 0);
            if (size < 0 && zen::not_ready()) return;
            if (size < 0) zen::fail("cannot receive");
            unsent_ += talk_.answers_to({buffer, std::size_t(size)});
            ended_ = size == 0 || talk_.too_much();
            if (!unsent_.empty()) send_some();
            if (talk_.refused && !ended_ && !timer_.callback()) look_again_later();
        });
    }
    void send_on() {
        attempt([this] { send_some(); });
    }
    void send_some() {
        const ssize_t size = send(socket_.get(), unsent_.data(), unsent_.size(), 0);
        if (size < 0 && !zen::not_ready()) zen::fail("cannot send");
        if (size > 0) unsent_ = unsent_.substr(std::size_t(size));
    }
    // A refused client has a second to leave, or to take what is left.
    void look_again_later() {
        const auto check = [me = shared_from_this(), before = unsent_.size()] {
            if (me->unsent_.size() < before) me->look_again_later();
            else me->end();
        };
        timer_ = loop().call_later(asyncio::Seconds(1), check);
    }
    template <class F> void attempt(F action) {
        try {
            action();
            watch();
        } catch (const std::exception &error) {
            zen::log("Error with ", talk_.name, ": ", error.what());
            end();
        }
    }
    void end() {
        if (!socket_) return;
        const auto kept =
            shared_from_this(); // what is removed here may have been the last to keep it
        zen::log("Connection with ", talk_.name, " closed");
        timer_.cancel();
        loop().remove_reader(socket_.get());
        loop().remove_writer(socket_.get());
        socket_ = zen::Descriptor(-1);
    }

    zen::Descriptor socket_;
    Conversation talk_;
    std::string unsent_;
    bool ended_ = false, reads_ = false, writes_ = false, half_closed_ = false;
    asyncio::TimerHandle timer_;
};

void accept_clients(int listener, bool echo, bool paused) {
    const auto begin = [echo](zen::Descriptor socket, const std::string &name) {
        zen::log("Connected by ", name);
        std::make_shared<Client>(std::move(socket), name, echo)->watch();
    };
    if (asyncio::accept_all(listener, paused, begin)) {
        loop().remove_reader(listener);
        loop().call_later(asyncio::Seconds(0.2), [=] { accept_clients(listener, echo, true); });
    } else if (paused) {
        loop().add_reader(listener, [=] { accept_clients(listener, echo, false); });
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = asyncio::open_listener(options.host, options.port);
        asyncio::EventLoop own_loop;
        zen::stop_on_signals();
        own_loop.on_stop = [&own_loop] { own_loop.stop(); };
        own_loop.add_reader(listener.get(),
                            [&] { accept_clients(listener.get(), options.echo, false); });
        zen::say("TCP server started at ", asyncio::name_of(listener.get(), getsockname));
        own_loop.run_forever();
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
