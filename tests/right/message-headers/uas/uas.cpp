// uas in another style: recvmsg and sendmsg take one header that stands for address and bytes; the
// kernel tells in its flags that a datagram was cut, so that the buffer need not be larger. Who
// answers, the echo or the Zen, is a function that is passed on. Only select sleeps.

#include "../program.h"
#include "../zen.h"

#include <sys/select.h>
#include <sys/uio.h>

constexpr zen::Program program = {"uas", "UDP server of the Zen protocol: select, recvmsg.", "eq",
                                  "./uas/uas -e 127.0.0.1 8000"};

// A datagram and where it came from, as recvmsg and sendmsg take it.
struct Packet {
    zen::Address peer = {};
    bool cut = false; // it was longer than `bytes`

    std::string_view text() const { return {bytes_, size_}; }

    // Receives; false: nothing has come after all.
    bool receive(int socket, std::size_t limit) {
        iovec room = {bytes_, limit};
        msghdr header = header_for(room);
        const ssize_t size = recvmsg(socket, &header, 0);
        if (size < 0) return false;
        peer.size = header.msg_namelen;
        size_ = static_cast<std::size_t>(size);
        cut = (header.msg_flags & MSG_TRUNC) != 0;
        return true;
    }

    // Sends `answer` back to where the packet came from. False: it is lost.
    bool reply(int socket, std::string_view answer) {
        std::string copy(answer);
        iovec piece = {copy.data(), copy.size()};
        const msghdr header = header_for(piece);
        ssize_t sent = -1;
        do sent = sendmsg(socket, &header, 0);
        while (sent < 0 && zen::interrupted());
        return sent >= 0;
    }

  private:
    msghdr header_for(iovec &piece) {
        msghdr header = {};
        header.msg_name = peer.get();
        header.msg_namelen = peer.size;
        header.msg_iov = &piece;
        header.msg_iovlen = 1;
        return header;
    }
    char bytes_[65'536]; // larger than any datagram
    std::size_t size_ = 0;
};

// What is to be sent back. Nothing: no answer. Logs what has come.
using Answerer = std::optional<std::string_view> (*)(const Packet &);

std::optional<std::string_view> echo(const Packet &packet) {
    zen::log("Received from ", packet.peer, ": ", packet.text());
    return packet.text();
}

std::optional<std::string_view> zen_answer(const Packet &packet) {
    if (packet.cut) {
        zen::log("Question too long from ", packet.peer);
        return {};
    }
    const std::string_view question = zen::trim(packet.text()), answer = zen::answer_to(question);
    if (answer.empty()) zen::log("Unrecognized question from ", packet.peer, ": ", question);
    else zen::log("Received from ", packet.peer, ": ", question);
    return answer.empty() ? std::nullopt : std::optional(answer);
}

zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        if (server && bind(server.get(), address->ai_addr, address->ai_addrlen) == 0) return server;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port), error);
}

// Serves a hundred of the datagrams that are there: then it is time to look for a signal.
void serve_waiting(int socket, std::size_t limit, Answerer answerer, in_port_t own_port) {
    for (int i = 0; i < 100 && !zen::stopping; ++i) {
        Packet packet;
        if (!packet.receive(socket, limit)) {
            if (errno == EAGAIN || errno == EINTR) return;
            zen::say("Cannot receive: ", std::strerror(errno));
            usleep(100'000); // it may go on: do not fill the log with it
            return;
        }
        const auto answer = answerer(packet);
        if (!answer) continue;
        if (packet.peer.port() == own_port) continue; // it would talk to itself for ever
        if (packet.reply(socket, *answer)) zen::log("Sent to ", packet.peer, ": ", *answer);
        else zen::log("Cannot send to ", packet.peer, ": ", std::strerror(errno));
    }
}

void serve_forever(int socket, bool echoing) {
    if (socket >= FD_SETSIZE) zen::fail("cannot select", EMFILE);
    zen::stop_on_signals();
    zen::Address own;
    getsockname(socket, own.get(), &own.size);
    zen::say("UDP server started at ", own);
    while (!zen::stopping) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(socket, &readable);
        const int count = select(socket + 1, &readable, nullptr, nullptr, nullptr);
        if (count < 0 && errno != EINTR) zen::fail("cannot select");
        if (count <= 0) continue;
        if (echoing) serve_waiting(socket, 65'536, echo, own.port());
        else serve_waiting(socket, zen::max_message, zen_answer, own.port());
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_socket(options).get(), options.echo);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
