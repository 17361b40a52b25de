// zenc: Zen client, TCP. Asks a server the three questions over one connection, and prints the
// answers.
//
// Run:        ./zens/zens            in one terminal, or any other TCP server of the kit
//             ./zenc/zenc            in another (127.0.0.1, port 65432; -h tells the options)
// Simplified: it prints what the server answers, right or wrong.
// See also:   zens (the server), zuc (the same over UDP).

#include "../program.h"
#include "../zen.h"

constexpr zen::Program program = {"zenc", "TCP client of the Zen protocol.",
                                  "t:", "./zenc/zenc localhost 8000"};

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

// Receives an answer up to its full stop, however it was cut. What follows stays in `answers`.
std::string receive_answer(int server, const std::string &name, zen::Messages &answers,
                           int timeout) {
    const auto end = zen::Clock::now() + std::chrono::seconds(timeout);
    char buffer[1024];
    while (true) {
        if (const auto answer = answers.next()) return std::string(*answer);
        if (answers.too_long()) throw std::runtime_error("answer too long from " + name);
        const ssize_t size = recv(server, buffer, sizeof buffer, 0);
        const bool late = timeout > 0 && zen::Clock::now() > end; // bytes may come one by one
        if (size < 0 && zen::interrupted()) continue;
        if (size < 0 || late) zen::fail("no answer from " + name, late ? ETIMEDOUT : errno);
        if (size == 0)
            throw std::runtime_error("no complete answer from " + name + ": connection closed");
        answers.feed({buffer, static_cast<std::size_t>(size)});
    }
}

// The conversation: asks the questions one after the other.
void ask_questions(int server, const std::string &name, int timeout) {
    zen::Messages answers('.', zen::max_message, zen::white_space);
    for (const zen::Exchange &exchange : zen::table) {
        send_all(server, name, exchange.question);
        zen::print("Sent: ", exchange.question);
        zen::print("Received: ", receive_answer(server, name, answers, timeout));
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    const std::string name = zen::address_name(options.host, options.port);
    try {
        const zen::Descriptor server = open_connection(options, name);
        ask_questions(server.get(), name, options.timeout);
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
