// adc: echo client, TCP; its frames end with a newline. It sends one message and prints the
// response. The letters: a, the course's program is asynchronous (this one is not); d, a delimiter
// after the message; c, client.
//
// Run:        ./framing/ads          in one terminal
//             ./framing/adc          in another (127.0.0.1, port 8889; -h tells the options)
// See also:   frames.h (the frames), abc (frames with a length), afc (of fixed length), zenc.

#include "frames.h"

constexpr zen::Program program = {"adc", "TCP client that sends a frame that ends with a newline.",
                                  "t:m:", "./framing/adc -m Hello 127.0.0.1 8000", "8889"};

// Whether the server at an address takes the connection; if not, errno tells why.
bool connected(int server, const addrinfo &address) {
    int failed = -1;
    do failed = connect(server, address.ai_addr, address.ai_addrlen);
    while (failed && zen::interrupted());
    if (failed && (errno == EINPROGRESS || errno == EALREADY))
        errno = ETIMEDOUT; // its limit has passed
    return !failed;
}

// Connects to the first of the host's addresses that takes the connection.
zen::Descriptor open_connection(const zen::Options &options, const std::string &name) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *info = addresses.get(); info; info = info->ai_next) {
        zen::Descriptor server(socket(info->ai_family, SOCK_STREAM, 0));
        const timeval limit = {options.timeout, 0}; // of each connect, send and recv; 0 = none
        if (server &&
            setsockopt(server.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
            setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
            connected(server.get(), *info))
            return server;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot connect to " + name, error);
}

// Sends all of `bytes`, as one call of send may take only a part.
void send_all(int server, const std::string &name, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(server, bytes.data(), bytes.size(), 0);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send to " + name);
    }
}

// Receives a frame, however it was cut.
std::string receive_frame(int server, const std::string &name) {
    zen::Messages frames = framing::delimited_frames();
    char buffer[16384];
    while (true) {
        if (const auto frame = frames.next()) return std::string(*frame);
        if (frames.too_long()) throw std::runtime_error("response too long from " + name);
        const ssize_t size = recv(server, buffer, sizeof buffer, 0);
        if (size < 0 && zen::interrupted()) continue;
        if (size < 0) zen::fail("no response from " + name);
        if (size == 0)
            throw std::runtime_error("no complete response from " + name + ": connection closed");
        frames.feed({buffer, static_cast<std::size_t>(size)});
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    const std::string name = zen::address_name(options.host, options.port);
    try {
        const std::string request = framing::delimited(options.message);
        const zen::Descriptor server = open_connection(options, name);
        send_all(server.get(), name, request);
        const std::string frame = receive_frame(server.get(), name);
        zen::print("Received response: ", framing::message_of_delimited(frame));
    } catch (const std::invalid_argument &error) { // no frame can carry the message
        zen::usage_error(program, error.what());
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
