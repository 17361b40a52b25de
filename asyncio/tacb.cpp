// tacb: Zen server, TCP, asynchronous with callbacks of asyncio. The loop of tae turned inside out:
// tae asks who is ready and serves it; here the loop asks, and calls the functions it was given.
//
// Run:        ./asyncio/tacb         in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others; with -e (only the first bytes), ./asyncio/tacbc
// Simplified: answers are logged as sent when they are queued; silent clients may stay for ever.
// See also:   tae (the loop in sight), asynpro (a transport receives and sends), tacr (coroutines).

#include "connections.h"
#include "conversation.h"

#include <unordered_map>

constexpr zen::Program program = {"tacb", "Asynchronous TCP server of the Zen protocol (asyncio).",
                                  "eq", "./asyncio/tacb -e 127.0.0.1 8000"};
constexpr std::size_t unsent_limit = 65'536; // bytes; while more wait, a client is not read from

struct Client {
    zen::Descriptor socket;
    Conversation talk;
    std::string unsent = {};         // answers that the kernel has not taken yet
    bool ended = false;              // nothing more is read
    asyncio::TimerHandle timer = {}; // closes it, if it was refused and stays
};

// Calls recv only once, even if more is there: other clients wait too.
void on_readable(Client &client) {
    char buffer[4096];
    const ssize_t size = recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (size < 0 && zen::not_ready()) return;
    if (size < 0) zen::fail("cannot receive");
    client.unsent += client.talk.answers_to({buffer, static_cast<std::size_t>(size)});
    client.ended = size == 0 || client.talk.too_much();
}

// Sends what the kernel takes at once; the rest waits until there is room again.
void on_writable(Client &client) {
    const ssize_t size = send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (size < 0 && zen::not_ready()) return;
    if (size < 0) zen::fail("cannot send");
    client.unsent = client.unsent.substr(static_cast<std::size_t>(size)); // frees what is not used
}

struct Server {
    zen::Descriptor listener;
    bool echo, paused = false;
    std::unordered_map<int, Client> clients = {}; // by descriptor
    asyncio::EventLoop loop = {};

    void serve_forever() {
        zen::stop_on_signals();
        loop.on_stop = [this] { loop.stop(); };
        loop.add_reader(listener.get(), [this] { accept_clients(); });
        zen::say("TCP server started at ", asyncio::name_of(listener.get(), getsockname));
        loop.run_forever();
    }

    void accept_clients() {
        const auto add = [this](zen::Descriptor client, const std::string &name) {
            const int descriptor = client.get();
            fcntl(descriptor, F_SETFL, O_NONBLOCK);
            zen::log("Connected by ", name);
            clients.emplace(descriptor, Client{std::move(client), {name, echo}});
            serve_client(descriptor, false);
        };
        paused = asyncio::accept_all(listener.get(), paused, add);
        if (!paused) return loop.add_reader(listener.get(), [this] { accept_clients(); });
        loop.call_later(asyncio::Seconds(0.1), [this] { accept_clients(); });
        loop.remove_reader(listener.get()); // it would wake the loop at once
    }

    // Does what can be done for a client now, then tells the loop what to call for it next.
    void serve_client(int descriptor, bool readable) {
        Client &client = clients.at(descriptor);
        try {
            if (readable && !client.ended) on_readable(client);
            if (!client.unsent.empty()) on_writable(client);
            const bool writing = !client.unsent.empty();
            const bool reading = !client.ended && client.unsent.size() <= unsent_limit;
            if (!reading) loop.remove_reader(descriptor);
            else if (!readable) // it is new, or reading may have been stopped
                loop.add_reader(descriptor, [=, this] { serve_client(descriptor, true); });
            if (!writing) loop.remove_writer(descriptor);
            else loop.add_writer(descriptor, [=, this] { serve_client(descriptor, false); });
            if (client.talk.refused) hang_up(client, readable);
            if (reading || writing) return;
        } catch (const std::exception &error) {
            zen::log("Error with ", client.talk.name, ": ", error.what());
        }
        close_client(descriptor);
    }

    // A refused client gets its answers and the end of file, and a second to leave after that.
    void hang_up(Client &client, bool readable) {
        const int descriptor = client.socket.get();
        if (client.unsent.empty()) shutdown(descriptor, SHUT_WR); // as hang_up in zens
        if (readable && client.timer.callback()) return; // it has sent more: this is ignored
        client.timer.cancel();
        client.timer =
            loop.call_later(asyncio::Seconds(1), [=, this] { close_client(descriptor); });
    }

    void close_client(int descriptor) {
        zen::log("Connection with ", clients.at(descriptor).talk.name, " closed");
        clients.at(descriptor).timer.cancel();
        loop.remove_reader(descriptor); // before close: the next client may get its number
        loop.remove_writer(descriptor);
        clients.erase(descriptor);
    }
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        Server{asyncio::open_listener(options.host, options.port), options.echo}.serve_forever();
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
