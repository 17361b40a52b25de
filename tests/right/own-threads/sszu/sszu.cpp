// sszu in another style: no framework. Each datagram becomes a task of std::async, which starts a
// thread for it; its future tells when it is done. With -f it gets a child instead, and SIGCHLD,
// let in only by the wait, wakes the server to collect it.

#include "../program.h"
#include "../zen.h"

#include <future>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>

constexpr zen::Program program = {"sszu",
                                  "UDP server of the Zen protocol: a thread for each datagram.",
                                  "fq", "./sszu/sszu -f 127.0.0.1 8000"};
constexpr std::size_t task_limit = 40; // at the same time; datagrams wait in the socket's buffer

struct Datagram {
    zen::Address sender;
    std::string bytes;
};

void answer(int socket, Datagram datagram) {
    const std::string peer = zen::printable(datagram.sender);
    if (datagram.bytes.size() > zen::max_message) return zen::log("Question too long from ", peer);
    const std::string_view question = zen::trim(datagram.bytes);
    const std::string_view text = zen::answer_to(question);
    if (text.empty()) return zen::log("Unrecognized question from ", peer, ": ", question);
    zen::log("Received from ", peer, ": ", question);
    // The socket does not block: where the kernel has no room the answer is lost, as it may be on
    // its way as well.
    ssize_t sent = -1;
    do
        sent = sendto(socket, text.data(), text.size(), 0, datagram.sender.get(),
                      datagram.sender.size);
    while (sent < 0 && zen::interrupted());
    if (sent >= 0) zen::log("Sent to ", peer, ": ", text);
    else zen::log("Cannot send to ", peer, ": ", std::strerror(errno));
}

// What has been started and may still run, in threads or in children. Both end when they have
// answered; a child may hang in its log, though, and is ended then by a signal.
class Tasks {
  public:
    explicit Tasks(int socket) : socket_(socket) {}
    Tasks(const Tasks &) = delete;
    Tasks &operator=(const Tasks &) = delete;

    ~Tasks() { // a future waits for its thread when it goes
        for (const pid_t child : children_) kill(child, SIGTERM);
        for (int i = 0; i < 50 && !children_.empty(); ++i, collect()) usleep(10'000);
        for (const pid_t child : children_) kill(child, SIGKILL);
        for (const pid_t child : children_) waitpid(child, nullptr, 0);
    }

    void start_thread(Datagram datagram) {
        const std::string peer = zen::printable(datagram.sender);
        try {
            futures_.push_back(
                std::async(std::launch::async, answer, socket_, std::move(datagram)));
        } catch (const std::exception &error) { // no thread, or no memory
            zen::say("Cannot start a thread for ", peer, ": ", error.what());
        }
    }

    void start_child(const Datagram &datagram) {
        const pid_t child = fork();
        if (child > 0) children_.push_back(child);
        if (child < 0)
            zen::say("Cannot start a process for ", datagram.sender, ": ", std::strerror(errno));
        if (child != 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL); // no child outlives the server, however that ends
        answer(socket_, datagram);
        _exit(0);
    }

    void collect() {
        std::erase_if(futures_, [](const std::future<void> &future) {
            return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
        });
        std::erase_if(children_, [](pid_t child) { return waitpid(child, nullptr, WNOHANG) != 0; });
    }
    bool full() const { return futures_.size() + children_.size() >= task_limit; }

  private:
    int socket_;
    std::vector<std::future<void>> futures_;
    std::vector<pid_t> children_;
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

// Receives a datagram. Nothing: there is none after all.
std::optional<Datagram> receive(int socket) {
    Datagram datagram;
    datagram.bytes.resize(zen::max_message + 1); // one more shows that it is too long
    const ssize_t size = recvfrom(socket, datagram.bytes.data(), datagram.bytes.size(), 0,
                                  datagram.sender.get(), &datagram.sender.size);
    if (size >= 0) {
        datagram.bytes.resize(static_cast<std::size_t>(size));
        return datagram;
    }
    if (errno != EAGAIN && errno != EINTR) {
        zen::say("Cannot receive: ", std::strerror(errno));
        usleep(100'000); // it may go on: do not fill the log with it
    }
    return {};
}

void serve_forever(int socket, bool by_fork) {
    zen::stop_on_signals();
    sigset_t child_ends, mask;
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ends, &mask); // but for the wait, which has `mask`
    signal(SIGCHLD, [](int) {});                // not ignored: it is to interrupt the wait
    Tasks tasks(socket);
    zen::Address own;
    getsockname(socket, own.get(), &own.size);
    zen::say("UDP server started at ", own);
    const timespec moment = {0, 5'000'000}; // after which a thread may have ended: none tells
    while (!zen::stopping) {
        tasks.collect();
        const bool full = tasks.full();
        pollfd source = {full ? -1 : socket, POLLIN, 0}; // -1: no source
        if (ppoll(&source, 1, full && !by_fork ? &moment : nullptr, &mask) <= 0) continue;
        auto datagram = receive(socket);
        if (datagram && by_fork) tasks.start_child(*datagram);
        else if (datagram) tasks.start_thread(std::move(*datagram));
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_socket(options).get(), options.fork);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
