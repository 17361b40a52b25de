// mzus: Zen server, UDP, multithreaded. A master receives datagrams and puts them on a bounded
// queue; the workers of a pool take them from there and answer, all through the one socket.
//
// Run:        ./mzus/mzus            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in others, as many as you like
// Differs:    from zus in the queue and the workers; answers may overtake each other.
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   zuc (the client), zus (no threads), mzts (the same over TCP).

#include "../program.h"
#include "../zen.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

constexpr zen::Program program = {"mzus", "Multithreaded UDP server of the Zen protocol.",
                                  "qw:", "./mzus/mzus -w 4 127.0.0.1 8000"};
constexpr std::size_t queue_limit = 1024; // received datagrams that wait for a worker

// Binds to the first of the host's addresses that can be bound. Fails where the port is in use.
zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    int error = 0;
    for (auto *info = addresses.get(); info && error != EADDRINUSE; info = info->ai_next) {
        zen::Descriptor server(socket(info->ai_family, SOCK_DGRAM, 0));
        if (server && bind(server.get(), info->ai_addr, info->ai_addrlen) == 0) return server;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port), error);
}

// Sends a datagram. If the kernel has no room for it, it is lost, as it could be lost on the way.
void send_back(int server, zen::Address &client, std::string_view bytes) {
    ssize_t sent = -1;
    do sent = sendto(server, bytes.data(), bytes.size(), 0, client.get(), client.size);
    while (sent < 0 && zen::interrupted());
    if (sent >= 0) zen::log("Sent to ", client, ": ", bytes);
    else zen::log("Cannot send to ", client, ": ", std::strerror(errno));
}

// Answers a datagram. One that holds no question of the table gets no answer.
void answer_question(int server, zen::Address &client, std::string_view datagram) {
    const std::string_view question = zen::trim(datagram);
    const std::string_view answer = zen::answer_to(question);
    if (datagram.size() > zen::max_message) {
        zen::log("Question too long from ", client);
    } else if (answer.empty()) {
        zen::log("Unrecognized question from ", client, ": ", question);
    } else {
        zen::log("Received from ", client, ": ", question);
        send_back(server, client, answer);
    }
}

// The queue and the workers. The mutex guards all that they share with the master.
class Pool {
  public:
    Pool(int server, int workers) {
        try {
            while (workers-- > 0) threads_.emplace_back(&Pool::work, this, server);
        } catch (const std::exception &error) {
            const std::string what = std::string("cannot start a worker: ") + error.what();
            if (threads_.empty()) throw std::runtime_error(what);
            zen::report(program, what); // fewer workers are better than none
        }
    }

    ~Pool() { // stops the workers
        std::unique_lock lock(mutex_);
        stopped_ = true;
        not_empty_.notify_all();
        lock.unlock();
        for (std::thread &thread : threads_) thread.join();
    }

    // For the master: puts a datagram on the queue. While that is full the master waits here, and
    // the next datagrams in the socket's buffer; what does not fit there is lost.
    void put(const zen::Address &client, std::string_view datagram) try {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [&] { return queue_.size() < queue_limit; });
        queue_.emplace_back(client, datagram);
        not_empty_.notify_one();
    } catch (const std::bad_alloc &error) {
        zen::say("Datagram from ", client, " lost: ", error.what());
    }

  private:
    void work(int server) {
        std::unique_lock lock(mutex_);
        while (true) {
            not_empty_.wait(lock, [&] { return stopped_ || !queue_.empty(); });
            if (stopped_) return;
            auto [client, datagram] = std::move(queue_.front());
            queue_.pop_front();
            not_full_.notify_one();
            lock.unlock();
            answer_question(server, client, datagram);
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable not_empty_, not_full_;
    std::deque<std::pair<zen::Address, std::string>> queue_; // sender and content of each datagram
    bool stopped_ = false;
    std::vector<std::thread> threads_;
};

// Receives a datagram and puts it on the queue. False if there is none now.
bool serve_datagram(int server, Pool &pool) {
    char buffer[zen::max_message + 1]; // recvfrom cuts what is longer: one byte more shows it
    zen::Address client;
    const ssize_t size = recvfrom(server, buffer, sizeof buffer, 0, client.get(), &client.size);
    if (size < 0 && zen::not_ready()) return false;
    if (size < 0) {
        zen::say("Cannot receive: ", std::strerror(errno));
        zen::pause_shortly(); // whatever it is, do not fill the log with it
        return false;
    }
    pool.put(client, {buffer, static_cast<std::size_t>(size)});
    return true;
}

// Serves datagrams until a signal comes.
void serve_forever(int server, int workers) {
    Pool pool(server, workers); // its destructor stops the workers
    zen::stop_on_signals();
    zen::Address own;
    getsockname(server, own.get(), &own.size); // with port 0, the system has chosen the port
    zen::say("UDP server started at ", own);
    while (!zen::stopping) serve_datagram(server, pool);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor server = open_socket(options);
        serve_forever(server.get(), options.workers);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
