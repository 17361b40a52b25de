#include "load.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr unsigned source_addresses = 200; // each has some 28,000 ports
constexpr Milliseconds datagram_patience{200};

[[noreturn]] void fail(const std::string &what) { throw std::runtime_error(what); }
[[noreturn]] void fail_call(const std::string &what) { fail(what + ": " + strerror(errno)); }

double thread_seconds() {
    timespec used = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

} // namespace

Script zen_script() {
    Script script;
    for (const auto &[question, answer] : test::zen)
        script.push_back({std::string(question), std::string(answer)});
    return script;
}

Script batch_script(int questions) {
    test::Exchange batch;
    for (int i = 0; i < questions; ++i) {
        batch.question += test::zen[i % 3].first;
        batch.answer += test::zen[i % 3].second;
    }
    return {batch};
}

Script constant_script(Script script, std::string_view answer, int times) {
    for (test::Exchange &exchange : script) exchange.answer = test::repeat(answer, times);
    return script;
}

Load::Load(const test::Endpoint &server, Talk talk, int clients, Script script,
           Milliseconds patience)
    : talk_(talk), script_(std::move(script)), patience_(patience),
      epoll_(epoll_create1(EPOLL_CLOEXEC)), clients_(static_cast<std::size_t>(clients)) {
    if (epoll_ < 0) fail_call("cannot make an epoll list");
    server_.sin_family = AF_INET;
    server_.sin_port = htons(server.port);
    inet_pton(AF_INET, server.host.c_str(), &server_.sin_addr);
    try {
        if (talk_ != Talk::conversations)
            for (Client &client : clients_) {
                connect(client);
                watch(client);
            }
    } catch (...) {
        for (Client &client : clients_) close(client);
        ::close(epoll_);
        throw;
    }
}

Load::~Load() {
    for (Client &client : clients_) close(client);
    ::close(epoll_);
}

void Load::close(Client &client) {
    if (client.descriptor >= 0) ::close(std::exchange(client.descriptor, -1));
}

// The connections of a minute would use up the ports of one address: so take many in turn, which
// all are this machine. The system chooses the port when it knows the destination.
int Load::open_socket() {
    const int type = talk_ == Talk::datagrams ? SOCK_DGRAM : SOCK_STREAM;
    const int descriptor = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail_call("the generator has no socket");
    source_ = (source_ + 1) % source_addresses;
    sockaddr_in source = {};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x100 + source_);
    const int on = 1;
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (type == SOCK_STREAM) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bind(descriptor, reinterpret_cast<sockaddr *>(&source), sizeof source);
    return descriptor;
}

// A client that could send need not be told that it can: and a UDP socket would tell it each time.
void Load::watch(const Client &client) {
    const bool connected = talk_ == Talk::datagrams || (client.waiting && client.unsent.empty());
    epoll_event event = {};
    event.events = EPOLLIN | (connected ? 0u : EPOLLOUT);
    event.events |= EPOLLET; // each receive takes all that is there
    event.data.u64 = static_cast<std::uint64_t>(&client - clients_.data());
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, client.descriptor, &event) != 0)
        fail_call("cannot watch a socket");
}

void Load::connect(Client &client) {
    client.descriptor = open_socket();
    const auto *address = reinterpret_cast<const sockaddr *>(&server_);
    if (::connect(client.descriptor, address, sizeof server_) != 0 && errno != EINPROGRESS)
        fail_call("cannot connect");
}

// Says what is next in the script.
void Load::say(Client &client) {
    const test::Exchange &exchange = script_[client.turn];
    client.unsent = exchange.question;
    client.expected = exchange.answer;
    client.asked = Clock::now();
    if (client.turn == 0) client.began = client.asked;
    client.waiting = true;
    ++waiting_;
    if (client.descriptor >= 0) return send(client);
    connect(client);
    send(client);
    watch(client);
}

// Sends what is unsent, as far as that is possible now.
void Load::send(Client &client) {
    const std::string_view bytes = client.unsent;
    const ssize_t size = ::send(client.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) client.unsent.remove_prefix(static_cast<std::size_t>(size));
    else if (errno == EAGAIN) return; // it is not connected yet
    else fail_call("the server closed a connection");
}

void Load::receive(Client &client) {
    char buffer[65'536];
    const ssize_t size = recv(client.descriptor, buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0) fail_call("the server closed a connection");
    if (size == 0 && talk_ != Talk::datagrams) fail("the server closed a connection");
    const std::string_view bytes(buffer, static_cast<std::size_t>(size));
    const bool cut = talk_ == Talk::datagrams && bytes.size() < client.expected.size();
    if (!client.waiting || cut || client.expected.substr(0, bytes.size()) != bytes)
        fail("a wrong answer: '" + std::string(bytes) + "' instead of '" +
             std::string(client.expected) + "'");
    client.expected.remove_prefix(bytes.size());
    if (client.expected.empty()) end_turn(client);
}

// The answer is there.
void Load::end_turn(Client &client) {
    const auto now = Clock::now();
    progress_ = now;
    client.waiting = false;
    --waiting_;
    client.turn = (client.turn + 1) % script_.size();
    const bool conversation = talk_ == Talk::conversations;
    if (conversation && client.turn != 0) return say(client);
    if (conversation) close(client);
    ++answered_;
    ++sample_.answered;
    const auto time = now - (conversation ? client.began : client.asked);
    sample_.microseconds.push_back(1e-3 * std::chrono::duration<double, std::nano>(time).count());
    if (!over_) say(client);
}

// A datagram or its answer that has not come for so long is lost. If it comes after all, then to a
// socket that is closed.
void Load::note_lost() {
    const auto now = Clock::now();
    for (Client &client : clients_) {
        if (!client.waiting || now - client.asked < datagram_patience) continue;
        ++sample_.lost;
        --waiting_;
        client.waiting = false;
        close(client);
        connect(client);
        watch(client);
        if (!over_) say(client);
    }
}

void Load::serve_events(int limit) {
    epoll_event events[256];
    const int count = epoll_wait(epoll_, events, 256, limit);
    if (count < 0 && errno != EINTR) fail_call("cannot wait");
    for (int i = 0; i < count; ++i) {
        Client &client = clients_[events[i].data.u64];
        if (client.waiting && !client.unsent.empty()) send(client);
        if (events[i].events & ~static_cast<unsigned>(EPOLLOUT)) receive(client);
    }
}

void Load::fail_unanswered() const {
    fail("no answer within " + std::to_string(patience_.count()) + " ms");
}

Sample Load::run(Milliseconds time, const std::function<void()> &halfway) {
    sample_ = {};
    const double used = thread_seconds();
    const auto start = Clock::now();
    over_ = time == Milliseconds(0);
    progress_ = start;
    waiting_ = 0;
    for (Client &client : clients_) say(client);
    bool called = !halfway;
    while (!over_ || waiting_ > 0) {
        serve_events(10);
        const auto now = Clock::now();
        if (!called && now - start >= time / 2) {
            called = true;
            halfway();
        }
        if (now - start >= time) over_ = true;
        if (talk_ == Talk::datagrams) note_lost();
        if (waiting_ > 0 && now - progress_ > patience_) fail_unanswered();
    }
    if (sample_.answered == 0) fail_unanswered(); // all datagrams were lost
    sample_.own_share = (thread_seconds() - used) / seconds_between(start, Clock::now());
    sample_.seconds = seconds_between(start, progress_);
    return std::exchange(sample_, {});
}

} // namespace bench
