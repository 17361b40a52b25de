// uae in another style: recvmmsg takes up to 32 datagrams with one system call, and sendmmsg sends
// the answers to all of them with another. It waits with epoll_pwait2 where there is one (Linux
// 5.11). The answers of a batch are logged when all of them are sent.

#include "../program.h"
#include "../zen.h"

#include <array>
#include <vector>

#include <sys/epoll.h>

constexpr zen::Program program = {"uae", "UDP server of the Zen protocol: epoll, recvmmsg.", "eq",
                                  "./uae/uae -e 127.0.0.1 8000"};
constexpr unsigned batch_size = 32;          // datagrams
constexpr std::size_t datagram_size = 65536; // bytes; no datagram has more

// Room for the datagrams that one call takes, and for the answers to them.
class Batch {
  public:
    Batch(int socket, in_port_t own_port)
        : socket_(socket), own_port_(own_port), bytes_(batch_size * datagram_size) {}

    // Receives what is there and answers it. False: there was nothing more.
    bool receive_and_answer(bool echo) {
        for (unsigned i = 0; i < batch_size; ++i) {
            senders_[i] = {};
            pieces_[i] = {&bytes_[i * datagram_size], datagram_size};
            set_header(i, i);
        }
        const int count = recvmmsg(socket_, headers_.data(), batch_size, MSG_DONTWAIT, nullptr);
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            zen::say("Cannot receive: ", std::strerror(errno));
            usleep(100'000); // it may go on: do not fill the log with it
        }
        answers_ = 0;
        for (unsigned i = 0; i < batch_size && static_cast<int>(i) < count; ++i) {
            const std::string_view datagram(&bytes_[i * datagram_size], headers_[i].msg_len);
            if (!echo) add_answer(i, answer_to(senders_[i], datagram));
            else zen::log("Received from ", senders_[i], ": ", datagram);
            // A datagram from the server's own port would come back to it for ever.
            if (echo && senders_[i].port() != own_port_) add_answer(i, datagram);
        }
        send_answers();
        return count == static_cast<int>(batch_size);
    }

  private:
    // Has header `to` stand for the sender and the bytes in place `from`.
    void set_header(unsigned to, unsigned from) {
        headers_[to] = {};
        headers_[to].msg_hdr.msg_name = senders_[from].get();
        headers_[to].msg_hdr.msg_namelen = senders_[from].size;
        headers_[to].msg_hdr.msg_iov = &pieces_[from];
        headers_[to].msg_hdr.msg_iovlen = 1;
    }

    static std::optional<std::string_view> answer_to(const zen::Address &sender,
                                                     std::string_view datagram) {
        const std::string_view question = zen::trim(datagram), answer = zen::answer_to(question);
        if (datagram.size() > zen::max_message) zen::log("Question too long from ", sender);
        else if (answer.empty()) zen::log("Unrecognized question from ", sender, ": ", question);
        else zen::log("Received from ", sender, ": ", question);
        if (datagram.size() > zen::max_message || answer.empty()) return {};
        return answer;
    }

    // The headers before `from` are in use for answers already, that of `from` no longer: the
    // length of what it received has been read, and the size of the address is now the real one.
    void add_answer(unsigned from, std::optional<std::string_view> answer) {
        if (!answer) return;
        senders_[from].size = headers_[from].msg_hdr.msg_namelen;
        pieces_[from] = {const_cast<char *>(answer->data()), answer->size()}; // is only read
        set_header(answers_, from);
        places_[answers_++] = from;
    }

    // Each answer is sent or lost, as it could be lost on the way. sendmmsg stops before the first
    // that fails; only a call that begins with that one tells why.
    void send_answers() {
        for (unsigned done = 0; done < answers_;) {
            const int sent = sendmmsg(socket_, &headers_[done], answers_ - done, 0);
            if (sent < 0 && zen::interrupted()) continue;
            const unsigned end = sent < 0 ? done + 1 : done + static_cast<unsigned>(sent);
            for (; done < end; ++done) {
                const zen::Address &client = senders_[places_[done]];
                const iovec &piece = pieces_[places_[done]];
                const std::string_view answer(static_cast<const char *>(piece.iov_base),
                                              piece.iov_len);
                if (sent >= 0) zen::log("Sent to ", client, ": ", answer);
                else zen::log("Cannot send to ", client, ": ", std::strerror(errno));
            }
        }
    }

    int socket_;
    in_port_t own_port_;
    std::vector<char> bytes_;
    std::array<zen::Address, batch_size> senders_ = {};
    std::array<iovec, batch_size> pieces_ = {};
    std::array<mmsghdr, batch_size> headers_ = {}; // first of what comes, then of what goes
    std::array<unsigned, batch_size> places_ = {}; // of the senders, by answer
    unsigned answers_ = 0;
};

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

void serve_forever(int server, bool echo) {
    zen::stop_on_signals();
    const zen::Descriptor epoll(epoll_create1(0));
    epoll_event event = {EPOLLIN, {}};
    if (!epoll || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, server, &event) < 0)
        zen::fail("cannot watch the socket");
    zen::Address own;
    getsockname(server, own.get(), &own.size);
    Batch batch(server, own.port());
    zen::say("UDP server started at ", own);
    while (!zen::stopping) {
        int ready = epoll_pwait2(epoll.get(), &event, 1, nullptr, nullptr);
        if (ready < 0 && errno == ENOSYS) // an older kernel, or valgrind
            ready = epoll_wait(epoll.get(), &event, 1, -1);
        if (ready < 0 && errno != EINTR) zen::fail("cannot wait");
        while (ready > 0 && !zen::stopping && batch.receive_and_answer(echo)) {
        }
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
