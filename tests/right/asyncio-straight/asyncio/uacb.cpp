// uacb in another style: no callback of its own. A coroutine waits until the socket can be read,
// and takes what is there.

#include "../zen.h"
#include "sockets.h"

using namespace std::chrono_literals;
constexpr zen::Program program = {"uacb", "UDP server of the Zen protocol by a coroutine.", "eq",
                                  "./asyncio/uacb -e 127.0.0.1 8000"};

// What is sent back for a datagram; none if it is nothing. The datagram is logged.
std::optional<std::string_view> reply_to(std::string_view bytes, zen::Address &client, bool echo) {
    const std::string_view question = zen::trim(bytes), answer = zen::answer_to(question);
    if (echo) zen::log("Received from ", client, ": ", bytes);
    else if (bytes.size() > zen::max_message) zen::log("Question too long from ", client);
    else if (answer.empty()) zen::log("Unrecognized question from ", client, ": ", question);
    else zen::log("Received from ", client, ": ", question);
    if (echo) return bytes;
    if (bytes.size() > zen::max_message || answer.empty()) return {};
    return answer;
}

// Receives a datagram and answers it. Returns what recvfrom has returned.
ssize_t serve_datagram(int socket, in_port_t own_port, bool echo) {
    static char buffer[65'536];
    zen::Address client;
    const auto size = recvfrom(socket, buffer, sizeof buffer, 0, client.get(), &client.size);
    if (size < 0) return size;
    const auto reply = reply_to({buffer, std::size_t(size)}, client, echo);
    if (!reply || (echo && client.port() == own_port)) return size;
    if (sendto(socket, reply->data(), reply->size(), 0, client.get(), client.size) >= 0)
        zen::log("Sent to ", client, ": ", *reply);
    return size;
}

asyncio::Coroutine<void> serve(zen::Options options) {
    const asyncio::HostPort local = {options.host, options.port};
    const zen::Descriptor socket = asyncio::open_datagram_socket(local);
    fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    zen::Address own;
    getsockname(socket.get(), own.get(), &own.size);
    zen::say("UDP server started at ", own);
    while (true) {
        co_await asyncio::readable(socket.get());
        int taken = 0;
        while (taken < 100 && serve_datagram(socket.get(), own.port(), options.echo) >= 0) ++taken;
        if (taken > 0 || zen::not_ready()) continue;
        zen::say("Cannot receive: ", std::strerror(errno));
        co_await asyncio::sleep(100ms);
    }
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
