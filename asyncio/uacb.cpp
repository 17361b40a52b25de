// uacb: Zen server, UDP, asynchronous with callbacks of asyncio. The loop sleeps until datagrams
// have come, and calls the function that answers those that are there.
//
// Run:        ./asyncio/uacb         in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in another; with -e, ./asyncio/uacbc
// Differs:    from uae in serve_forever: it gives functions to a loop, and is none itself.
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   uae (the loop in sight), asyndg (a transport receives and sends), tacb (over TCP).

#include "../zen.h"
#include "connections.h"

using namespace std::chrono_literals;
constexpr zen::Program program = {"uacb", "Asynchronous UDP server of the Zen protocol (asyncio).",
                                  "eq", "./asyncio/uacb -e 127.0.0.1 8000"};
constexpr int datagram_limit = 64; // datagrams that are served before others are

// Sends a datagram. If the kernel has no room for it, it is lost, as it could be lost on the way.
void send_back(int server, zen::Address &client, std::string_view bytes) {
    ssize_t sent = -1;
    do sent = sendto(server, bytes.data(), bytes.size(), 0, client.get(), client.size);
    while (sent < 0 && zen::interrupted());
    if (sent >= 0) zen::log("Sent to ", client, ": ", bytes);
    else zen::log("Cannot send to ", client, ": ", std::strerror(errno));
}

// Answers a datagram. One that holds no question of the table gets no answer.
void answer_question(int server, zen::Address &client, std::string_view datagram) {
    const std::string_view question = zen::trim(datagram);
    const std::string_view answer = zen::answer_to(question);
    if (datagram.size() > zen::max_message) {
        zen::log("Question too long from ", client);
    } else if (answer.empty()) {
        zen::log("Unrecognized question from ", client, ": ", question);
    } else {
        zen::log("Received from ", client, ": ", question);
        send_back(server, client, answer);
    }
}

// Sends a datagram back, but not to the server's own port, or it would echo to itself for ever.
void echo(int server, zen::Address &client, std::string_view datagram, in_port_t own_port) {
    zen::log("Received from ", client, ": ", datagram);
    if (client.port() != own_port) send_back(server, client, datagram);
}

struct Server {
    zen::Descriptor socket;
    bool echoing;
    zen::Address own = {};
    asyncio::EventLoop loop = {};

    void serve_forever() {
        zen::stop_on_signals();
        loop.on_stop = [this] { loop.stop(); };
        getsockname(socket.get(), own.get(), &own.size); // with port 0, the system has chosen it
        fcntl(socket.get(), F_SETFL, O_NONBLOCK); // a damaged datagram wakes, and is not there
        call_when_readable();
        zen::say("UDP server started at ", own);
        loop.run_forever();
    }
    void call_when_readable() {
        loop.add_reader(socket.get(), [this] { on_readable(); });
    }
    void on_readable() {
        for (int i = 0; i < datagram_limit; ++i)
            if (!serve_datagram()) break;
    }

    // Receives a datagram and answers it. False if there is none now.
    bool serve_datagram() {
        char buffer[65'536]; // larger than any datagram
        zen::Address client;
        const ssize_t size =
            recvfrom(socket.get(), buffer, sizeof buffer, 0, client.get(), &client.size);
        if (size < 0 && zen::not_ready()) return false;
        if (size < 0) {
            zen::say("Cannot receive: ", std::strerror(errno));
            loop.call_later(100ms, [this] { call_when_readable(); });
            loop.remove_reader(socket.get()); // whatever it is, do not fill the log with it
            return false;
        }
        const std::string_view datagram(buffer, static_cast<std::size_t>(size));
        if (echoing) echo(socket.get(), client, datagram, own.port());
        else answer_question(socket.get(), client, datagram);
        return true;
    }
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const asyncio::HostPort local = {options.host, options.port};
        Server{asyncio::open_datagram_socket(local), options.echo}.serve_forever();
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
