// mzts: Zen server, TCP, multithreaded. A master accepts clients and puts them on a bounded queue;
// each worker of a pool takes one from there, talks with it until it leaves, and takes the next.
//
// Run:        ./mzts/mzts            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zenc/zenc            in others, as many as you like
// Differs:    from zens in the queue, the workers, and how they are stopped.
// Simplified: while there are as many silent clients as workers (-w), all others wait.
// See also:   zens (no threads), sszt (a thread for each client), tas (one thread for all, select).

#include "../zen.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

constexpr zen::Program program = {"mzts", "Multithreaded TCP server of the Zen protocol.",
                                  "+:hqt:w:", "./mzts/mzts -w 4 127.0.0.1 8000"};
constexpr int backlog = 1024; // connections that the kernel keeps until they are accepted
// Connections that are accepted and wait for a worker.
constexpr std::size_t queue_limit = 32;

// A socket that listens on the first address of the host that lets itself be bound.
zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM, 0));
        if (!listener) continue;
        // Connections of an earlier run may keep the port for a minute (TIME_WAIT): use it even so.
        const int on = 1;
        setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener.get(), backlog) == 0)
            return listener;
    }
    zen::fail("cannot listen on " + zen::address_name(options.host, options.port));
}

// Sends all of `bytes`, as one call of send may take only a part.
void send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(client, bytes.data(), bytes.size(), 0);
        if (sent >= 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send");
    }
}

// Answers the questions that are complete. False if there is one that has no answer.
bool answer_questions(int client, const std::string &peer, zen::Messages &questions) {
    while (const auto question = questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", peer, ": ", *question);
            return false;
        }
        zen::log("Received from ", peer, ": ", *question);
        send_all(client, answer);
        zen::log("Sent to ", peer, ": ", answer);
    }
    if (questions.too_long()) zen::log("Question too long from ", peer);
    return !questions.too_long();
}

// Ends a conversation before the client does. A close with bytes unread would reset the connection,
// and the reset could overtake the last answers: so send the end of file, and read on for a second.
void hang_up(int client) {
    shutdown(client, SHUT_WR);
    const timeval second = {1, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    char unread[1 << 18]; // at the most
    recv(client, unread, sizeof unread, MSG_WAITALL);
}

// A conversation: as many questions as the client likes. Throws when the connection fails.
void converse(int client, const std::string &peer) {
    // TCP is a stream of bytes: recv may bring a part of a question, or many of them.
    zen::Messages questions('?', zen::max_message, zen::white_space);
    char buffer[4096];
    while (!zen::stopping) {
        const ssize_t size = recv(client, buffer, sizeof buffer, 0);
        if (size == 0) break; // end of file: the client has no more questions
        if (size < 0 && zen::interrupted()) continue;
        if (size < 0) zen::fail("cannot receive");
        questions.feed({buffer, static_cast<std::size_t>(size)});
        if (!answer_questions(client, peer, questions)) return hang_up(client);
    }
    if (!questions.rest().empty())
        zen::log("End of file in mid-question from ", peer, ": ", questions.rest());
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
void serve_client(int client, const std::string &peer, int timeout) {
    zen::log("Connected by ", peer);
    const timeval limit = {timeout, 0}; // for a client that sends or reads nothing; 0 = none
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    try {
        converse(client, peer);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
    }
    zen::log("Connection with ", peer, " closed");
}

// The queue and the workers. The mutex guards all that they share with the master.
class Pool {
  public:
    Pool(int workers, int timeout) {
        try {
            while (workers-- > 0) threads_.emplace_back(&Pool::work, this, timeout);
        } catch (const std::system_error &error) {
            if (threads_.empty()) throw;
            zen::print_to(STDERR_FILENO, "mzts: cannot start all workers: ", error.what());
        }
    }

    // Stops the workers, whatever they are waiting for.
    ~Pool() {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        for (const int client : served_) shutdown(client, SHUT_RDWR); // wakes recv and send
        not_empty_.notify_all();
    }

    // For the master: puts a client on the queue. While that is full the master waits here, and the
    // next clients in the backlog; a signal does not wake it, so it looks for one now and then.
    void put(zen::Descriptor client, std::string peer) {
        std::unique_lock lock(mutex_);
        while (queue_.size() >= queue_limit && !zen::stopping)
            not_full_.wait_for(lock, std::chrono::milliseconds(100));
        queue_.emplace_back(std::move(client), std::move(peer));
        not_empty_.notify_one();
    }

  private:
    void work(int timeout) {
        std::unique_lock lock(mutex_);
        while (true) {
            not_empty_.wait(lock, [&] { return stopped_ || !queue_.empty(); });
            if (stopped_) return;
            const auto [client, peer] = std::move(queue_.front());
            queue_.pop_front();
            not_full_.notify_one();
            served_.insert(client.get());
            lock.unlock();
            serve_client(client.get(), peer, timeout);
            lock.lock();
            served_.erase(client.get()); // then it is closed, and its number may be used again
        }
    }

    std::mutex mutex_;
    std::condition_variable not_empty_, not_full_;
    std::deque<std::pair<zen::Descriptor, std::string>> queue_; // clients, with their names
    std::set<int> served_;                                      // clients that workers have taken
    bool stopped_ = false;
    std::vector<std::jthread> threads_; // joined when they go, which is first of all
};

// The master: accepts clients and puts them on the queue, until a signal comes.
void serve_forever(int listener, int workers, int timeout) {
    Pool pool(workers, timeout); // when it goes, the workers have stopped
    zen::stop_on_signals();
    zen::Address own;
    getsockname(listener, own.get(), &own.size); // for port 0, the system has chosen one
    zen::print("TCP server started at ", own);
    bool exhausted = false;
    while (!zen::stopping) {
        zen::Address address;
        zen::Descriptor client(accept(listener, address.get(), &address.size));
        if (client) {
            exhausted = false;
            pool.put(std::move(client), zen::printable(address));
        } else {
            zen::accept_failed(exhausted);
        }
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor listener = open_listener(options);
        serve_forever(listener.get(), options.workers, options.timeout);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
