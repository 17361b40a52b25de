// sszt in another style: no framework. Each connection has a Session with a thread of its own. A
// thread that ends leaves itself to be joined by the next one that ends, so that at most one that
// has ended is left over. With -f there is a child instead, and SIGCHLD, let in only by the wait,
// wakes the server to collect it.

#include "../program.h"
#include "../zen.h"

#include <condition_variable>
#include <list>
#include <set>
#include <thread>

#include <sys/prctl.h>
#include <sys/wait.h>

constexpr zen::Program program = {"sszt",
                                  "TCP server of the Zen protocol: a thread for each client.",
                                  "fqt:", "./sszt/sszt -f 127.0.0.1 8000"};
constexpr std::size_t child_limit = 40; // at the same time; more clients wait in the backlog

void send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), 0);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send");
    }
}

// Answers until the client leaves, or until there is a question without an answer.
void converse(int socket, const std::string &peer) {
    zen::Messages questions('?', zen::max_message, zen::white_space);
    char buffer[4096];
    bool refused = false;
    while (!refused && !zen::stopping) {
        const ssize_t size = recv(socket, buffer, sizeof buffer, 0);
        if (size == 0) break;
        if (size < 0 && zen::interrupted()) continue;
        if (size < 0) zen::fail("cannot receive");
        questions.feed({buffer, static_cast<std::size_t>(size)});
        std::string answers; // which go in one call of send
        for (auto question = questions.next(); question; question = questions.next()) {
            const std::string_view answer = zen::answer_to(*question);
            refused = answer.empty();
            zen::log(refused ? "Unrecognized question" : "Received", " from ", peer, ": ",
                     *question);
            if (refused) break;
            answers += answer;
            zen::log("Sent to ", peer, ": ", answer);
        }
        if (!refused && questions.too_long()) {
            zen::log("Question too long from ", peer);
            refused = true;
        }
        send_all(socket, answers);
    }
    if (!refused && !questions.rest().empty())
        zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
}

// A whole visit but for the close.
void serve(int socket, const std::string &peer, int timeout) {
    zen::log("Connected by ", peer);
    timeval limit = {timeout, 0}; // of each recv and send; 0 = none
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    try {
        converse(socket, peer);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
    }
    // If bytes were left unread, the close would reset the connection and lose the last answers.
    shutdown(socket, SHUT_WR);
    limit.tv_sec = 1;
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char unread[1 << 18]; // at the most
    recv(socket, unread, sizeof unread, MSG_WAITALL);
    zen::log("Connection with ", peer, " closed");
}

class Threads {
  public:
    explicit Threads(int timeout) : timeout_(timeout) {}
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

    // Ends all sessions, and waits for their threads.
    ~Threads() {
        std::unique_lock lock(mutex_);
        for (const Session &session : sessions_) shutdown(session.socket.get(), SHUT_RDWR);
        ended_.wait(lock, [this] { return sessions_.empty(); });
        lock.unlock();
        if (last_.joinable()) last_.join();
    }

    void start(zen::Descriptor client, const std::string &peer) {
        const std::lock_guard lock(mutex_);
        const std::size_t before = sessions_.size();
        try {
            const auto session = sessions_.insert(sessions_.end(), {std::move(client), {}});
            session->thread = std::thread([this, session, peer] {
                serve(session->socket.get(), peer, timeout_);
                end(session);
            });
        } catch (const std::exception &error) { // no thread, or no memory
            zen::say("Cannot start a thread for ", peer, ": ", error.what());
            if (sessions_.size() > before) sessions_.pop_back();
        }
    }

  private:
    struct Session {
        zen::Descriptor socket;
        std::thread thread;
    };

    // The last act of a session's thread.
    void end(std::list<Session>::iterator session) {
        std::unique_lock lock(mutex_);
        std::thread previous = std::exchange(last_, std::move(session->thread));
        sessions_.erase(session); // this closes the connection
        ended_.notify_all();
        lock.unlock();
        if (previous.joinable()) previous.join();
    }

    const int timeout_;
    std::mutex mutex_; // of all below
    std::condition_variable ended_;
    std::list<Session> sessions_;
    std::thread last_; // of those that have ended
};

class Children {
  public:
    Children() = default;
    Children(const Children &) = delete;
    Children &operator=(const Children &) = delete;

    // Ends all children, and waits for them: half a second, then they are killed.
    ~Children() {
        for (const pid_t child : pids_) kill(child, SIGTERM);
        for (int i = 0; i < 50 && !pids_.empty(); ++i, collect()) usleep(10'000);
        for (const pid_t child : pids_) kill(child, SIGKILL);
        for (const pid_t child : pids_) waitpid(child, nullptr, 0);
    }

    void start(zen::Descriptor client, const std::string &peer, int timeout, int listener) {
        const pid_t child = fork();
        if (child < 0) zen::say("Cannot start a process for ", peer, ": ", std::strerror(errno));
        if (child > 0) pids_.insert(child);
        if (child != 0) return;
        close(listener);                  // or the port would outlive the server
        prctl(PR_SET_PDEATHSIG, SIGKILL); // no child outlives the server, however that ends
        serve(client.get(), peer, timeout);
        _exit(0);
    }

    bool full() const { return pids_.size() >= child_limit; }
    void collect() {
        std::erase_if(pids_, [](pid_t child) { return waitpid(child, nullptr, WNOHANG) != 0; });
    }

  private:
    std::set<pid_t> pids_;
};

zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), 1024) == 0)
            return listener;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port), error);
}

void serve_forever(int listener, const zen::Options &options) {
    zen::stop_on_signals();
    sigset_t child_ends, mask;
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ends, &mask); // but for the wait, which has `mask`
    signal(SIGCHLD, [](int) {});                // not ignored: it is to interrupt the wait
    Threads threads(options.timeout);
    Children children;
    zen::Address own;
    getsockname(listener, own.get(), &own.size);
    zen::say("TCP server started at ", own);
    bool exhausted = false;
    while (!zen::stopping) {
        children.collect();
        pollfd source = {children.full() ? -1 : listener, POLLIN, 0}; // -1: no source
        if (ppoll(&source, 1, nullptr, &mask) <= 0) continue;         // a signal
        zen::Address peer;
        zen::Descriptor client(accept(listener, peer.get(), &peer.size));
        exhausted = !client && zen::exhausted(exhausted);
        if (exhausted) zen::pause_shortly();
        if (!client) continue;
        if (options.fork)
            children.start(std::move(client), zen::printable(peer), options.timeout, listener);
        else threads.start(std::move(client), zen::printable(peer));
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_listener(options).get(), options);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
