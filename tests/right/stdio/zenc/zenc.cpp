// zenc in another style: the connection is a FILE* of the C library, made by fdopen; the questions
// are written with fputs and the answers read with getc, a byte at a time, up to the full stop. The
// stream has no buffer, so that poll always knows whether getc would wait. connect does not block:
// poll waits for it as well, so that one deadline in milliseconds serves for everything.

#include "../program.h"
#include "../zen.h"

constexpr zen::Program program = {"zenc", "TCP client of the Zen protocol, with stdio.",
                                  "t:", "./zenc/zenc localhost 8000"};

using Stream = std::unique_ptr<std::FILE, int (*)(std::FILE *)>;

// So many seconds from its construction on; 0 = for ever.
class Deadline {
  public:
    explicit Deadline(int seconds)
        : limited_(seconds > 0), end_(zen::Clock::now() + std::chrono::seconds(seconds)) {}
    int left() const { // milliseconds, as poll takes them
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - zen::Clock::now());
        return limited_ ? std::max(0, static_cast<int>(left.count())) : -1;
    }

  private:
    bool limited_;
    zen::Clock::time_point end_;
};

// Waits until the descriptor is ready for `events`. False when the time is over; errno tells so.
bool wait_for(int descriptor, short events, const Deadline &deadline) {
    pollfd source = {descriptor, events, 0};
    while (true) {
        const int ready = poll(&source, 1, deadline.left());
        if (ready > 0) return true;
        errno = ready == 0 ? ETIMEDOUT : errno;
        if (errno != EINTR) return false;
    }
}

// Connects a socket that does not block. False: errno tells why not.
bool connect_within(int socket, const addrinfo &address, int seconds) {
    const Deadline deadline(seconds);
    int failed = -1;
    do failed = connect(socket, address.ai_addr, address.ai_addrlen);
    while (failed && errno == EINTR);
    if (!failed) return true;
    if (errno != EINPROGRESS && errno != EALREADY) return false;
    if (!wait_for(socket, POLLOUT, deadline)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    return error == 0;
}

// A stream to the first address of the host that takes the connection.
Stream open_stream(const zen::Options &options, const std::string &name) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor server(
            socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!server || !connect_within(server.get(), *address, options.timeout)) {
            error = zen::telling_error(error, errno);
            continue;
        }
        Stream stream(fdopen(dup(server.get()), "r+"), std::fclose);
        if (!stream) zen::fail("cannot open a stream to " + name);
        std::setvbuf(stream.get(), nullptr, _IONBF, 0);
        return stream;
    }
    zen::fail("cannot connect to " + name, error);
}

// Reads an answer, without the white space before it.
std::string read_answer(std::FILE *stream, const std::string &name, int seconds) {
    const Deadline deadline(seconds);
    std::string answer;
    while (answer.empty() || answer.back() != '.') {
        if (answer.size() == zen::max_message)
            throw std::runtime_error("answer too long from " + name);
        if (!wait_for(fileno(stream), POLLIN, deadline)) zen::fail("no answer from " + name);
        const int byte = std::getc(stream);
        if (byte != EOF) {
            if (!answer.empty() ||
                zen::white_space.find(static_cast<char>(byte)) == std::string::npos)
                answer += static_cast<char>(byte);
        } else if (std::feof(stream)) {
            throw std::runtime_error("no complete answer from " + name + ": connection closed");
        } else if (errno == EINTR || errno == EAGAIN) {
            std::clearerr(stream);
        } else {
            zen::fail("no answer from " + name);
        }
    }
    return answer;
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    const std::string name = zen::address_name(options.host, options.port);
    try {
        const Stream stream = open_stream(options, name);
        for (const zen::Exchange &exchange : zen::table) {
            // The few bytes of a question always have room in the kernel: all before are read.
            std::fwrite(exchange.question.data(), 1, exchange.question.size(), stream.get());
            zen::print("Sent: ", exchange.question);
            zen::print("Received: ", read_answer(stream.get(), name, options.timeout));
        }
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
