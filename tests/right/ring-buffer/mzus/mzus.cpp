// mzus in another style: the queue is a ring of places that are made once; recvfrom writes right
// into them, so that nothing is allocated or copied while it serves. Two POSIX semaphores count the
// free and the filled places. Each worker answers from the ring as well, and then frees the place:
// as the places are taken in order but freed in any, the free ones are kept in a list.

#include "../program.h"
#include "../zen.h"

#include <array>
#include <thread>
#include <vector>

#include <semaphore.h>

constexpr zen::Program program = {"mzus", "UDP server of the Zen protocol: threads and a ring.",
                                  "qw:", "./mzus/mzus -w 4 127.0.0.1 8000"};
constexpr std::size_t place_count = 1100; // more than the 1024 workers that there may be

struct Datagram {
    zen::Address sender;
    std::size_t size = 0;
    std::array<char, zen::max_message + 1> bytes; // one more shows that a datagram is too long
};

// A circular list of numbers of places, with a semaphore that counts them.
class Numbers {
  public:
    Numbers() { sem_init(&count_, 0, 0); }
    Numbers(const Numbers &) = delete;
    Numbers &operator=(const Numbers &) = delete;
    ~Numbers() { sem_destroy(&count_); }

    void put(std::size_t number) {
        {
            const std::lock_guard lock(mutex_);
            ring_[tail_] = number;
            tail_ = (tail_ + 1) % ring_.size();
        }
        sem_post(&count_);
    }
    // Waits for a number. Nothing: a signal came first, or wake() and there is none.
    std::optional<std::size_t> take() {
        if (sem_wait(&count_) != 0) return {};
        const std::lock_guard lock(mutex_);
        if (head_ == tail_) return {};
        const std::size_t number = ring_[head_];
        head_ = (head_ + 1) % ring_.size();
        return number;
    }
    void wake() { sem_post(&count_); }

  private:
    std::array<std::size_t, place_count + 1> ring_; // it is never full
    std::size_t head_ = 0, tail_ = 0;
    std::mutex mutex_;
    sem_t count_;
};

// What the master and the workers share.
struct Shared {
    int socket;
    std::vector<Datagram> places = std::vector<Datagram>(place_count);
    Numbers free_places = {}, filled_places = {};
    std::atomic<bool> stopped = false;
};

void answer(int socket, Datagram &datagram) {
    const std::string peer = zen::printable(datagram.sender);
    const std::string_view bytes(datagram.bytes.data(), datagram.size);
    if (bytes.size() > zen::max_message) return zen::log("Question too long from ", peer);
    const std::string_view question = zen::trim(bytes), text = zen::answer_to(question);
    if (text.empty()) return zen::log("Unrecognized question from ", peer, ": ", question);
    zen::log("Received from ", peer, ": ", question);
    ssize_t sent;
    do
        sent = sendto(socket, text.data(), text.size(), 0, datagram.sender.get(),
                      datagram.sender.size);
    while (sent < 0 && zen::interrupted());
    // A failure is the loss of a datagram, which can happen on the way as well.
    if (sent >= 0) zen::log("Sent to ", peer, ": ", text);
    else zen::log("Not sent to ", peer, ": ", std::strerror(errno));
}

void work(Shared &shared) {
    while (!shared.stopped) {
        const auto place = shared.filled_places.take();
        if (!place) continue;
        answer(shared.socket, shared.places[*place]);
        shared.free_places.put(*place);
    }
}

// The threads; they are joined when it goes.
class Crew {
  public:
    Crew(Shared &shared, int size) : shared_(shared) {
        try {
            for (int i = 0; i < size; ++i) threads_.emplace_back(work, std::ref(shared));
        } catch (const std::system_error &error) {
            if (threads_.empty()) throw;
            zen::report(program, std::string("cannot start all workers: ") + error.what());
        }
    }
    Crew(const Crew &) = delete;
    Crew &operator=(const Crew &) = delete;
    ~Crew() {
        shared_.stopped = true;
        for (std::size_t i = 0; i < threads_.size(); ++i) shared_.filled_places.wake();
        for (std::thread &thread : threads_) thread.join();
    }

  private:
    Shared &shared_;
    std::vector<std::thread> threads_;
};

zen::Descriptor open_socket(const zen::Options &options) {
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    int error = 0;
    for (auto *address = addresses.get(); address && error != EADDRINUSE;
         address = address->ai_next) {
        zen::Descriptor server(socket(address->ai_family, SOCK_DGRAM, 0));
        if (server && bind(server.get(), address->ai_addr, address->ai_addrlen) == 0) return server;
        error = zen::telling_error(error, errno);
    }
    zen::fail("cannot bind to " + zen::address_name(options.host, options.port), error);
}

// Receives a datagram into a place. False: there was none, or a signal came.
bool receive(int socket, Datagram &place) {
    place.sender = {};
    const ssize_t size = recvfrom(socket, place.bytes.data(), place.bytes.size(), 0,
                                  place.sender.get(), &place.sender.size);
    if (size < 0 && errno != EINTR) {
        zen::say("Cannot receive: ", std::strerror(errno));
        usleep(100'000); // it may go on: do not fill the log with it
    }
    place.size = size < 0 ? 0 : static_cast<std::size_t>(size);
    return size >= 0;
}

// The master: while all places are filled it waits for one, and datagrams in the socket's buffer.
void serve_forever(int socket, int workers) {
    Shared shared{socket};
    for (std::size_t i = 0; i < place_count; ++i) shared.free_places.put(i);
    Crew crew(shared, workers);
    zen::stop_on_signals();
    zen::Address own;
    getsockname(socket, own.get(), &own.size);
    zen::say("UDP server started at ", own);
    while (!zen::stopping) {
        const auto place = shared.free_places.take();
        if (!place) continue;
        if (receive(socket, shared.places[*place])) shared.filled_places.put(*place);
        else shared.free_places.put(*place);
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        serve_forever(open_socket(options).get(), options.workers);
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
