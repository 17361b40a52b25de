// mzus: Zen server, UDP, multithreaded. A master receives datagrams and puts them on a bounded
// queue; the workers of a pool take them from there and answer, all through the one socket.
//
// Run:        ./mzus/mzus            in one terminal (127.0.0.1, port 65432; -h tells the options)
//             ./zuc/zuc              in others, as many as you like
// Differs:    from zus in the queue and the workers; answers may overtake each other.
// Simplified: bound to 0.0.0.0 or to ::, it answers from the address that the system chooses.
// See also:   zuc (the client), zus (no threads), mzts (the same over TCP).

#include "../zen.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

constexpr zen::Program program = {"mzus", "Multithreaded UDP server of the Zen protocol.",
                                  "+:hqw:", "./mzus/mzus -w 4 127.0.0.1 8000"};
constexpr std::size_t queue_limit = 1024; // datagrams that are received and wait for a worker

// A socket bound to the first address of the host that lets itself be bound.
zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    for (const addrinfo *address = addresses.get(); address; address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM, 0));
        if (!server) continue;
        if (bind(server.get(), address->ai_addr, address->ai_addrlen) == 0) return server;
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port));
}

// Sends a datagram. One that the kernel has no room for is lost, as it may be on its way as well.
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
        } catch (const std::system_error &error) {
            if (threads_.empty()) throw;
            zen::print_to(STDERR_FILENO, "mzus: cannot start all workers: ", error.what());
        }
    }

    ~Pool() {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        not_empty_.notify_all();
    }

    // For the master: puts a datagram on the queue. While that is full the master waits here, and
    // the next datagrams in the socket's buffer; what does not fit there is lost.
    void put(const zen::Address &client, std::string_view datagram) {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [&] { return queue_.size() < queue_limit; });
        queue_.emplace_back(client, datagram);
        not_empty_.notify_one();
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
    std::deque<std::pair<zen::Address, std::string>> queue_; // where datagrams came from, and they
    bool stopped_ = false;
    std::vector<std::jthread> threads_; // joined when they go, which is first of all
};

// The master: receives datagrams and puts them on the queue, until a signal comes.
void serve_forever(int server, int workers) {
    Pool pool(server, workers); // when it goes, the workers have stopped
    zen::stop_on_signals();
    zen::Address own;
    getsockname(server, own.get(), &own.size); // for port 0, the system has chosen one
    zen::print("UDP server started at ", own);
    char buffer[zen::max_message + 1]; // recvfrom cuts what is longer: one byte more shows it
    while (!zen::stopping) {
        zen::Address client;
        const ssize_t size = recvfrom(server, buffer, sizeof buffer, 0, client.get(), &client.size);
        if (size >= 0) {
            pool.put(client, {buffer, static_cast<std::size_t>(size)});
        } else if (errno != EINTR) {
            zen::print("Cannot receive: ", std::strerror(errno));
            usleep(100'000); // whatever it is, do not fill the log with it
        }
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        const zen::Descriptor server = open_socket(options);
        serve_forever(server.get(), options.workers);
        if (!zen::quiet) zen::print("Server stopped");
        return 0;
    } catch (const std::exception &error) {
        return zen::report(program, error);
    }
}
