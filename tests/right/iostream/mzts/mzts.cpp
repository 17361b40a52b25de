// mzts in another style: the log is std::cout under a mutex. The queue holds Connection objects
// that know how to serve themselves; the workers are std::jthread, and a stop_token ends them. The
// parser is written here: std::string and find.

#include "../program.h"
#include "../zen.h"

#include <condition_variable>
#include <iostream>
#include <queue>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

constexpr zen::Program program = {"mzts", "TCP server of the Zen protocol: jthread, iostream.",
                                  "qt:w:", "./mzts/mzts -w 4 127.0.0.1 8000"};

// Prints a line through std::cout. It is put together first, so that it goes out whole; one that a
// pipe would not take whole is cut. std::cout writes again what a signal has interrupted.
template <class... Parts> void say(const Parts &...parts) {
    static std::mutex mutex;
    std::ostringstream stream;
    (stream << ... << parts);
    std::string line = stream.str();
    if (line.size() > 4000) line.replace(4000, line.npos, "...");
    line += '\n';
    const std::lock_guard lock(mutex);
    std::cout << line << std::flush;
    std::cout.clear(); // what failed for this line may work for the next
}
template <class... Parts> void log(const Parts &...parts) {
    if (!zen::quiet) say(parts...);
}

class Connection {
  public:
    Connection(zen::Descriptor socket, std::string peer)
        : socket_(std::move(socket)), peer_(std::move(peer)) {}
    int descriptor() const { return socket_.get(); }

    void serve(int timeout) {
        log("Connected by ", peer_);
        set_time_limit(timeout);
        try {
            if (!converse()) hang_up();
        } catch (const std::exception &error) {
            log("Error with ", peer_, ": ", error.what());
        }
        log("Connection with ", peer_, " closed");
    }

  private:
    void set_time_limit(int seconds) { // of each recv and send; 0 = none
        const timeval limit = {seconds, 0};
        setsockopt(descriptor(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(descriptor(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    // False: it is for the server to end the conversation.
    bool converse() {
        std::string text;        // what has come and is no whole question yet
        std::size_t skipped = 0; // white space that was dropped before it
        char buffer[4096];
        while (true) {
            const ssize_t size = recv(descriptor(), buffer, sizeof buffer, 0);
            if (size < 0 && zen::interrupted()) continue;
            if (size < 0) zen::fail("cannot receive");
            if (size == 0) break;
            text.append(buffer, static_cast<std::size_t>(size));
            std::string answers; // which go in one call of send
            bool refused = false;
            skip_white_space(text, skipped);
            for (std::size_t end; !refused && (end = text.find('?')) != text.npos;) {
                refused = skipped + end >= zen::max_message
                              ? !too_long()
                              : !answer(std::string_view(text).substr(0, end + 1), answers);
                text.erase(0, end + 1);
                skipped = 0;
                skip_white_space(text, skipped);
            }
            if (!refused && skipped + text.size() >= zen::max_message) refused = !too_long();
            send_all(answers);
            if (refused) return false;
        }
        if (!text.empty())
            log("End of file in mid-question from ", peer_, ": ", zen::printable(text));
        return true;
    }

    static void skip_white_space(std::string &text, std::size_t &skipped) {
        const std::size_t size = std::min(text.find_first_not_of(zen::white_space), text.size());
        text.erase(0, size);
        skipped += size;
    }

    bool too_long() const {
        log("Question too long from ", peer_);
        return false;
    }

    bool answer(std::string_view question, std::string &answers) const {
        const std::string_view answer = zen::answer_to(question);
        if (answer.empty()) {
            log("Unrecognized question from ", peer_, ": ", zen::printable(question));
            return false;
        }
        log("Received from ", peer_, ": ", question);
        answers += answer;
        log("Sent to ", peer_, ": ", answer);
        return true;
    }

    void send_all(std::string_view left) const {
        while (!left.empty()) {
            const ssize_t sent = send(descriptor(), left.data(), left.size(), MSG_NOSIGNAL);
            if (sent >= 0) left.remove_prefix(static_cast<std::size_t>(sent));
            else if (!zen::interrupted()) zen::fail("cannot send");
        }
    }

    // If bytes were unread at the close, a reset would be sent, and could overtake the answers.
    void hang_up() {
        shutdown(descriptor(), SHUT_WR);
        set_time_limit(1);
        char unread[1 << 18]; // at the most
        recv(descriptor(), unread, sizeof unread, MSG_WAITALL);
    }

    zen::Descriptor socket_;
    std::string peer_;
};

class Pool {
  public:
    Pool(int workers, int timeout) {
        try {
            for (int i = 0; i < workers; ++i)
                workers_.emplace_back(
                    [this, timeout](std::stop_token stop) { work(stop, timeout); });
        } catch (const std::system_error &error) {
            if (workers_.empty()) throw;
            zen::report(program, std::string("cannot start all workers: ") + error.what());
        }
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    // Ends all conversations; then the workers are joined, as their vector goes.
    ~Pool() {
        for (std::jthread &worker : workers_) worker.request_stop();
        const std::lock_guard lock(mutex_);
        for (const int descriptor : served_) shutdown(descriptor, SHUT_RDWR);
    }

    // Waits while the queue is full, but for no longer than until a signal comes.
    void put(Connection connection) {
        std::unique_lock lock(mutex_);
        while (queue_.size() >= 16 && !zen::stopping)
            room_.wait_for(lock, std::chrono::milliseconds(50));
        queue_.push(std::move(connection));
        some_.notify_one();
    }

  private:
    void work(const std::stop_token &stop, int timeout) {
        std::unique_lock lock(mutex_);
        // True also when there is some in the queue and the worker is to stop.
        while (some_.wait(lock, stop, [this] { return !queue_.empty(); }) &&
               !stop.stop_requested()) {
            Connection connection = std::move(queue_.front());
            queue_.pop();
            room_.notify_one();
            served_.insert(connection.descriptor());
            lock.unlock();
            connection.serve(timeout);
            lock.lock();
            served_.erase(connection.descriptor()); // before it is closed
        }
    }

    std::mutex mutex_; // of all but the vector of workers
    std::condition_variable_any some_, room_;
    std::queue<Connection> queue_;
    std::set<int> served_;
    std::vector<std::jthread> workers_;
};

zen::Descriptor open_listener(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_STREAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor listener(socket(address->ai_family, SOCK_STREAM, 0));
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
    Pool pool(options.workers, options.timeout);
    zen::stop_on_signals();
    zen::Address own;
    getsockname(listener, own.get(), &own.size);
    say("TCP server started at ", zen::printable(own));
    bool exhausted = false;
    while (!zen::stopping) {
        zen::Address peer;
        zen::Descriptor client(accept(listener, peer.get(), &peer.size));
        exhausted = !client && zen::exhausted(exhausted);
        if (exhausted) zen::pause_shortly();
        if (!client) continue;
        try {
            pool.put({std::move(client), zen::printable(peer)});
        } catch (const std::bad_alloc &) { // which closes it
            say("Connection with a client closed: no memory");
        }
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_listener(options).get(), options);
        log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
