// tacnc in another style: sockets that block, and no loop. The limit is that of recv.

#include "../program.h"

#include <sys/socket.h>
#include <sys/time.h>

constexpr zen::Program program = {"tacnc", "Client for one line, without a loop.",
                                  "t:m:",  "./asyncio/tacnc -m Hello 127.0.0.1 8000",
                                  "12345", "This is 0"};
constexpr std::size_t max_line = 1024;

zen::Descriptor open_connection(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    for (auto *info = addresses.get(); info; info = info->ai_next) {
        zen::Descriptor server(socket(info->ai_family, SOCK_STREAM, 0));
        const timeval limit = {options.timeout, 0};
        setsockopt(server.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (connect(server.get(), info->ai_addr, info->ai_addrlen) == 0) return server;
    }
    zen::fail("cannot connect");
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    if (options.message.find('\n') != std::string::npos || options.message.size() > max_line)
        zen::usage_error(program, "the message must be one line of at most 1024 bytes");
    try {
        const zen::Descriptor server = open_connection(options);
        const std::string line = options.message + '\n';
        for (std::size_t sent = 0; sent < line.size();) {
            const ssize_t size =
                send(server.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
            if (size < 0) zen::fail("cannot send");
            sent += static_cast<std::size_t>(size);
        }
        zen::print("Sent: ", options.message);
        std::string answer;
        while (answer.find('\n') == std::string::npos) {
            char buffer[512];
            const ssize_t size = recv(server.get(), buffer, sizeof buffer, 0);
            if (size < 0) zen::fail("no answer");
            if (size == 0) throw std::runtime_error("no complete answer: connection closed");
            answer.append(buffer, static_cast<std::size_t>(size));
            if (answer.size() > max_line + 32) throw std::runtime_error("answer too long");
        }
        zen::print("Received: ", answer.substr(0, answer.find('\n')));
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
