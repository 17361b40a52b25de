// mzts in another style: the queue is a ring of a fixed size. Two POSIX semaphores count its free
// and its filled places: the master sleeps in one, the workers in the other, and there is no
// condition variable. Each worker has a slot that shows which client it serves.

#include "../program.h"
#include "../zen.h"

#include <array>
#include <thread>
#include <vector>

#include <semaphore.h>

constexpr zen::Program program = {"mzts", "TCP server of the Zen protocol: threads and a ring.",
                                  "qt:w:", "./mzts/mzts -w 4 127.0.0.1 8000"};

// A POSIX semaphore. up never waits; down waits while the value is 0.
class Semaphore {
  public:
    explicit Semaphore(unsigned value) { sem_init(&semaphore_, 0, value); }
    Semaphore(const Semaphore &) = delete;
    Semaphore &operator=(const Semaphore &) = delete;
    ~Semaphore() { sem_destroy(&semaphore_); }
    void up() { sem_post(&semaphore_); }
    bool down() { return sem_wait(&semaphore_) == 0; } // false: a signal came first
  private:
    sem_t semaphore_;
};

struct Visitor {
    int socket = -1;
    std::string name;
};

// One master puts, many workers take. The semaphores keep the two from ever meeting in one place;
// the mutex keeps the workers from taking the same.
class Ring {
  public:
    Ring() = default;
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;
    ~Ring() { // those that nobody has taken
        for (const Visitor &visitor : places_)
            if (visitor.socket >= 0) close(visitor.socket);
    }
    // False if a signal to stop came while all places were filled.
    bool put(Visitor visitor) {
        while (!free_.down())
            if (zen::stopping) return false;
        {
            const std::lock_guard lock(mutex_);
            places_[tail_] = std::move(visitor);
            tail_ = (tail_ + 1) % places_.size();
        }
        filled_.up();
        return true;
    }
    // The next visitor; or, after wake(), perhaps one without a socket.
    Visitor take() {
        while (!filled_.down()) {
        }
        const std::lock_guard lock(mutex_);
        if (head_ == tail_ && places_[head_].socket < 0) return {};
        Visitor visitor = std::exchange(places_[head_], {});
        head_ = (head_ + 1) % places_.size();
        free_.up();
        return visitor;
    }
    void wake() { filled_.up(); }

  private:
    std::array<Visitor, 64> places_;
    std::size_t head_ = 0, tail_ = 0;
    std::mutex mutex_;
    Semaphore free_{64}, filled_{0};
};

class Worker {
  public:
    Worker(Ring &ring, int timeout) : thread_([this, &ring, timeout] { work(ring, timeout); }) {}

    // Ends the conversation, if there is one, and the thread, once the ring has woken it.
    void stop() {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        if (slot_ >= 0) shutdown(slot_, SHUT_RDWR);
    }
    void join() { thread_.join(); }

  private:
    void work(Ring &ring, int timeout) {
        while (true) {
            const Visitor visitor = ring.take();
            if (show(visitor.socket)) serve(visitor, timeout);
            const bool goes_on = show(-1);
            if (visitor.socket >= 0) close(visitor.socket); // only now: it is in no slot any more
            if (!goes_on) return;
        }
    }
    // Shows in the slot what is served now. False: the worker is to stop.
    bool show(int socket) {
        const std::lock_guard lock(mutex_);
        slot_ = socket;
        return !stopped_;
    }
    static void serve(const Visitor &visitor, int timeout);
    static void converse(const Visitor &visitor);

    std::mutex mutex_;
    int slot_ = -1;
    bool stopped_ = false;
    std::thread thread_; // last: it uses all the others
};

void set_time_limit(int socket, int seconds) { // of each recv and send; 0 = none
    const timeval limit = {seconds, 0};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

void send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        else if (!zen::interrupted()) zen::fail("cannot send");
    }
}

// Lets the client read its last answers: a close with bytes unread would send a reset.
void say_goodbye(int socket) {
    shutdown(socket, SHUT_WR);
    set_time_limit(socket, 1);
    char unread[1 << 18]; // at the most
    recv(socket, unread, sizeof unread, MSG_WAITALL);
}

// False if there is a question without an answer, or one that is too long: it is the last.
bool collect_answers(const std::string &name, zen::Messages &questions, std::string &answers) {
    while (const auto question = questions.next()) {
        const std::string_view answer = zen::answer_to(*question);
        if (answer.empty()) {
            zen::log("Unrecognized question from ", name, ": ", *question);
            return false;
        }
        zen::log("Received from ", name, ": ", *question);
        answers += answer;
        zen::log("Sent to ", name, ": ", answer);
    }
    if (questions.too_long()) zen::log("Question too long from ", name);
    return !questions.too_long();
}

void Worker::converse(const Visitor &visitor) {
    zen::Messages questions('?', zen::max_message, zen::white_space);
    char buffer[4096];
    for (ssize_t size; (size = recv(visitor.socket, buffer, sizeof buffer, 0)) != 0;) {
        if (size < 0 && zen::interrupted()) continue;
        if (size < 0) zen::fail("cannot receive");
        questions.feed({buffer, static_cast<std::size_t>(size)});
        std::string answers; // which go in one call of send
        const bool refused = !collect_answers(visitor.name, questions, answers);
        send_all(visitor.socket, answers);
        if (refused) return say_goodbye(visitor.socket);
    }
    if (!questions.rest().empty())
        zen::log("End of file in mid-question from ", visitor.name, ": ", questions.rest());
}

void Worker::serve(const Visitor &visitor, int timeout) {
    if (visitor.socket < 0) return;
    zen::log("Connected by ", visitor.name);
    set_time_limit(visitor.socket, timeout);
    try {
        converse(visitor);
    } catch (const std::exception &error) {
        zen::log("Error with ", visitor.name, ": ", error.what());
    }
    zen::log("Connection with ", visitor.name, " closed");
}

// The crew starts with the server and stops with it.
class Crew {
  public:
    Crew(int size, int timeout) {
        try {
            while (size-- > 0) workers_.push_back(std::make_unique<Worker>(ring, timeout));
        } catch (const std::system_error &error) {
            if (workers_.empty()) throw;
            zen::report(program, std::string("cannot start all workers: ") + error.what());
        }
    }
    ~Crew() {
        for (const auto &worker : workers_) worker->stop();
        for (std::size_t i = 0; i < workers_.size(); ++i) ring.wake();
        for (const auto &worker : workers_) worker->join();
    }
    Ring ring;

  private:
    std::vector<std::unique_ptr<Worker>> workers_;
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

// The master: accepts visitors and puts them into the ring, until a signal comes.
void serve_forever(int listener, const zen::Options &options) {
    Crew crew(options.workers, options.timeout);
    zen::stop_on_signals();
    zen::Address own;
    getsockname(listener, own.get(), &own.size);
    zen::say("TCP server started at ", own);
    bool exhausted = false;
    while (!zen::stopping) {
        zen::Address peer;
        const int client = accept4(listener, peer.get(), &peer.size, SOCK_CLOEXEC);
        exhausted = client < 0 && zen::exhausted(exhausted);
        if (exhausted) zen::pause_shortly();
        if (client < 0) continue;
        try {
            if (crew.ring.put({client, zen::printable(peer)})) continue;
        } catch (const std::bad_alloc &) {
            zen::say("Connection with ", peer, " closed: no memory");
        }
        close(client);
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
