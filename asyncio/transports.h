// transports.h: protocols and transports of Python's asyncio (its modules protocols, transports and
// selector_events). How they are made, and servers: connections.h, which includes this file.
//
// A transport moves the bytes of a connection, a protocol is what the program does with them. The
// transport calls the protocol, always in this order, and connection_lost exactly once:
//     connection_made   data_received ...   eof_received   connection_lost
// write() never waits: what the kernel does not take at once stays in the transport. Over 64 KiB of
// that it calls pause_writing, and resume_writing when at most 16 KiB are left.
//
// What differs from Python:
//  - Protocols and transports are behind std::shared_ptr. Until connection_lost() has returned, the
//    transport keeps its protocol, and the loop keeps the transport.
//  - connection_made() that throws ends the connection. In Python the connection stays.
//  - All datagrams that wait are taken in one turn, 64 at most, where Python takes one. Of a
//    connection it takes up to 256 KiB in a turn, here it is 4 KiB, so that others wait less.
//  - One class of transports does for sockets and for pipes. A pipe to be read stays blocking: if
//    it is a terminal, standard output is the same one, and print() could not wait any more.
//  - SIGPIPE is to be ignored (zen::start does it), as Python does.
#pragma once

#include "tasks.h"

#include <netinet/tcp.h>

namespace asyncio {
// ---- Protocols: to be derived from
struct BaseProtocol {
    virtual ~BaseProtocol() = default;
    virtual void connection_lost(std::exception_ptr) {} ///< Null if it was closed by either side.
    virtual void pause_writing() {}
    virtual void resume_writing() {}
};
struct Protocol : BaseProtocol {
    virtual void connection_made(std::shared_ptr<class Transport>) {}
    virtual void data_received(std::string_view) {} ///< The bytes are there during the call only.
    virtual bool eof_received() { return false; }   ///< False: closes. True: may still write.
};
struct DatagramProtocol : BaseProtocol {
    virtual void connection_made(std::shared_ptr<class DatagramTransport>) {}
    virtual void datagram_received(std::string_view, const zen::Address &) {}
    virtual void error_received(std::exception_ptr) {} ///< A call that sends or receives failed.
};

// ---- Transports
/// What is to be told of the connections that it has accepted: see Server in connections.h.
struct BaseServer {
    virtual ~BaseServer() = default;
    virtual void attach() = 0; ///< One has begun,
    virtual void detach() = 0; ///< one has ended.
};
/// "127.0.0.1:65432", or "" for an address of another kind.
inline std::string name_of(const zen::Address &address) {
    const int family = address.storage.ss_family;
    return family == AF_INET || family == AF_INET6 ? zen::printable(address) : "";
}
/// The same of a socket: of getsockname, or of getpeername.
inline std::string name_of(int socket, decltype(getsockname) ask) {
    zen::Address address;
    return ask(socket, address.get(), &address.size) == 0 ? name_of(address) : "";
}

/// What transports have in common: their end, and the limits of what they keep to be sent.
class BaseTransport : public Callback, public std::enable_shared_from_this<BaseTransport> {
  public:
    /// Reads no more, sends what is left, then calls connection_lost(nullptr).
    void close() {
        if (std::exchange(closing_, true)) return;
        watch_reading(false);
        if (get_write_buffer_size() == 0) lose(nullptr);
    }
    void abort() { lose(nullptr); } ///< The same, but drops what is left to be sent.
    bool is_closing() const { return closing_; }
    virtual std::size_t get_write_buffer_size() const = 0; ///< bytes that wait to be sent
    /// Over `high` bytes pause_writing is called, then at `low` or less resume_writing.
    void set_write_buffer_limits(std::size_t high, std::size_t low) {
        if (low > high) throw ValueError("high must be >= low must be >= 0");
        high_ = high;
        low_ = low;
        maybe_pause();
    }
    /// The address of the "peername" or "sockname", for example 127.0.0.1:65432; or empty.
    std::string get_extra_info(std::string_view what) const {
        if (what == "peername") return name_;
        return what == "sockname" ? name_of(socket(), getsockname) : "";
    }
    int socket() const { return socket_.get(); }

    /// For those who make transports: the loop keeps it and calls connection_made in the next turn.
    void start(Waiter *waiter = nullptr) {
        std::list<std::shared_ptr<Callback>> kept = {shared_from_this()};
        get_event_loop().schedule(kept.front());
        place_ = kept.begin(); // where it stays; nothing fails from here on
        get_event_loop().transports.splice(get_event_loop().transports.end(), kept);
        if (server_) server_->attach();
        waiter_ = waiter;
    }
    void forget_waiter() { waiter_ = nullptr; }
    /// For who has waited: throws what connection_made has thrown.
    void check_begun() const {
        if (lost() && exception_) std::rethrow_exception(exception_);
    }
    const BaseServer *server() const { return server_.get(); }

  protected:
    BaseTransport(zen::Descriptor socket, std::shared_ptr<BaseProtocol> protocol, std::string name,
                  std::shared_ptr<BaseServer> server)
        : protocol_(std::move(protocol)), socket_(std::move(socket)), name_(std::move(name)),
          server_(std::move(server)) {}
    virtual void call_connection_made() = 0;
    virtual void read_ready() = 0;
    virtual void write_ready() = 0;
    virtual void drop_unsent() = 0;

    bool lost() const { return writes_when_lost_ > 0; }
    bool is_open() const { return !closing_ && !paused_reading_; }
    void watch_reading(bool on) {
        EventLoop &loop = get_event_loop();
        if (on) loop.add_reader(socket(), [self = shared_from_this()] { self->read_ready(); });
        else loop.remove_reader(socket());
    }
    void watch_writing(bool on) {
        EventLoop &loop = get_event_loop();
        if (on) loop.add_writer(socket(), [self = shared_from_this()] { self->write_ready(); });
        else loop.remove_writer(socket());
    }
    /// Calls the protocol. What that throws is told, and the connection is lost.
    template <class F> void call(const char *method, F function) try { function(); } catch (...) {
        lose(std::current_exception());
        tell_failure(method);
    }
    /// The same, but the connection goes on.
    template <class F> void call_and_go_on(const char *method, F function) try {
        function();
    } catch (...) {
        tell_failure(method);
    }
    void tell_failure(const char *method) const {
        if (waiter_) return; // it is thrown where somebody waits for connection_made
        const std::string peer = name_.empty() ? "" : " Peer " + name_;
        report(std::string("Fatal error: protocol.") + method, "() call failed." + peer,
               std::current_exception());
    }
    void maybe_pause() {
        if (paused_writing_ || get_write_buffer_size() <= high_) return;
        paused_writing_ = true;
        call_and_go_on("pause_writing", [this] { protocol_->pause_writing(); });
    }
    void maybe_resume() {
        if (!paused_writing_ || get_write_buffer_size() > low_) return;
        paused_writing_ = false;
        call_and_go_on("resume_writing", [this] { protocol_->resume_writing(); });
    }
    /// Ends it: connection_lost comes in the next turn, so never from within another call.
    void lose(std::exception_ptr exception) {
        if (lost()) return;
        get_event_loop().schedule(shared_from_this());
        writes_when_lost_ = 1;
        closing_ = true;
        exception_ = std::move(exception);
        drop_unsent();
        watch_reading(false);
        watch_writing(false);
    }
    /// Whether it is too late to write. Who goes on all the same hears of it.
    bool too_late() {
        if (!lost()) return false;
        if (writes_when_lost_++ >= 5) report("socket.send() raised exception.", "");
        return true;
    }

    std::shared_ptr<BaseProtocol> protocol_;
    bool paused_reading_ = false;

  private:
    /// What the loop calls: first when it begins, then when it has ended.
    void run() override {
        if (std::exchange(begun_, true)) return end();
        call("connection_made", [this] { call_connection_made(); });
        if (is_open()) call("connection_made", [this] { watch_reading(true); });
        if (waiter_) std::exchange(waiter_, nullptr)->set_result();
    }
    void end() {
        call_and_go_on("connection_lost", [this] { protocol_->connection_lost(exception_); });
        socket_ = zen::Descriptor(-1);
        protocol_ = nullptr;
        get_event_loop().transports.erase(place_);
        if (const auto server = std::move(server_)) server->detach();
    }
    /// The loop goes: nobody else parts the transport and the protocol, which keep each other.
    void abandon() override {
        closing_ = true;
        writes_when_lost_ = 1;
        drop_unsent();
        const auto protocol = std::move(protocol_);
    }

    zen::Descriptor socket_;
    bool begun_ = false, closing_ = false, paused_writing_ = false;
    int writes_when_lost_ = 0; // 0: not lost
    std::size_t high_ = 65'536, low_ = 16'384;
    std::string name_; // of the peer
    std::exception_ptr exception_ = nullptr;
    std::shared_ptr<BaseServer> server_;
    Waiter *waiter_ = nullptr;
    std::list<std::shared_ptr<Callback>>::iterator place_ = {};
};

/// A connection, or a pipe.
class Transport final : public BaseTransport {
  public:
    enum class Kind : char { socket, pipe };
    Transport(zen::Descriptor socket, std::shared_ptr<Protocol> protocol, std::string name,
              std::shared_ptr<BaseServer> server = nullptr, Kind kind = Kind::socket)
        : BaseTransport(std::move(socket), std::move(protocol), std::move(name), std::move(server)),
          kind_(kind) {
        const int on = 1; // a later answer does not wait until an earlier one is acknowledged
        if (kind == Kind::socket) {
            fcntl(this->socket(), F_SETFL, O_NONBLOCK);
            setsockopt(this->socket(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    bool is_reading() const { return is_open(); }
    void pause_reading() {
        if (!is_open()) return;
        paused_reading_ = true;
        watch_reading(false);
    }
    void resume_reading() {
        if (is_closing() || !paused_reading_) return;
        paused_reading_ = false;
        if (!ended_) watch_reading(true);
    }
    /// Sends what the kernel takes at once; the rest is sent when there is room again.
    void write(std::string_view data) {
        if (eof_) throw RuntimeError("Cannot call write() after write_eof()");
        if (data.empty() || too_late()) return;
        if (unsent_.empty()) {
            const ssize_t size = send_some(data);
            if (size < 0 && !zen::not_ready()) return lose(os_error("cannot send"));
            if (size > 0) data.remove_prefix(std::size_t(size));
            if (data.empty()) return;
            watch_writing(true);
        }
        unsent_ += data;
        maybe_pause();
    }
    /// The peer sees the end of file after what is left to be sent.
    void write_eof() {
        if (is_closing() || std::exchange(eof_, true)) return;
        if (kind_ == Kind::pipe) close();
        else if (unsent_.empty()) shutdown(socket(), SHUT_WR);
    }
    std::size_t get_write_buffer_size() const override { return unsent_.size() - sent_; }

  private:
    Protocol &protocol() const { return static_cast<Protocol &>(*protocol_); }
    void call_connection_made() override {
        protocol().connection_made(std::static_pointer_cast<Transport>(shared_from_this()));
    }
    void read_ready() override {
        char buffer[4096]; // no more, even if there is more: other transports wait, too
        const ssize_t size = kind_ == Kind::pipe ? read(socket(), buffer, sizeof buffer)
                                                 : recv(socket(), buffer, sizeof buffer, 0);
        if (size < 0 && zen::not_ready()) return;
        if (size < 0) return lose(os_error("cannot receive"));
        const std::string_view data(buffer, std::size_t(size));
        if (size > 0) call("data_received", [&] { protocol().data_received(data); });
        else call("eof_received", [this] { end_of_file(); });
    }
    void end_of_file() {
        ended_ = true;
        if (protocol().eof_received()) watch_reading(false); // or it would be ready for ever
        else close();
    }
    ssize_t send_some(std::string_view data) const {
        return kind_ == Kind::pipe ? ::write(socket(), data.data(), data.size())
                                   : send(socket(), data.data(), data.size(), 0);
    }
    void write_ready() override {
        const ssize_t size = send_some(std::string_view(unsent_).substr(sent_));
        if (size < 0 && zen::not_ready()) return;
        if (size < 0) return lose(os_error("cannot send"));
        sent_ += std::size_t(size);
        if (sent_ == unsent_.size()) drop_unsent(); // frees the memory of what is not used
        else if (sent_ > unsent_.size() / 2) unsent_.erase(0, std::exchange(sent_, 0));
        maybe_resume(); // which may write again
        if (!unsent_.empty() || lost()) return;
        watch_writing(false);
        if (is_closing()) lose(nullptr);
        else if (eof_) shutdown(socket(), SHUT_WR);
    }
    void drop_unsent() override {
        std::string().swap(unsent_);
        sent_ = 0;
    }

    Kind kind_;
    bool ended_ = false, eof_ = false; // of what comes in; of what goes out
    std::string unsent_;
    std::size_t sent_ = 0; // the bytes of it that are sent already
};
/// Sends and receives datagrams. Its protocol is a DatagramProtocol.
class DatagramTransport final : public BaseTransport {
  public:
    DatagramTransport(zen::Descriptor socket, std::shared_ptr<DatagramProtocol> protocol,
                      std::string name)
        : BaseTransport(std::move(socket), std::move(protocol), std::move(name), nullptr) {
        fcntl(this->socket(), F_SETFL, O_NONBLOCK);
    }
    /// Sends to an address, or (without) to the peer. It waits if the kernel has no room for it.
    void sendto(std::string_view data, const zen::Address &to = {}) {
        if (too_late()) return;
        if (unsent_.empty()) {
            if (send_one(data, to)) return;
            if (!zen::not_ready()) return error_received(os_error("cannot send"));
            watch_writing(true);
        }
        unsent_.emplace_back(data, to);
        unsent_size_ += data.size() + 8; // so that empty ones count, too
        maybe_pause();
    }
    std::size_t get_write_buffer_size() const override { return unsent_size_; }

  private:
    DatagramProtocol &protocol() const { return static_cast<DatagramProtocol &>(*protocol_); }
    void call_connection_made() override {
        protocol().connection_made(std::static_pointer_cast<DatagramTransport>(shared_from_this()));
    }
    void error_received(const std::exception_ptr &error) {
        call_and_go_on("error_received", [&] { protocol().error_received(error); });
    }
    void read_ready() override {
        char buffer[65'536];                            // larger than any datagram
        for (int i = 0; i < 64 && !is_closing(); ++i) { // not for ever: others wait, too
            zen::Address from;
            const ssize_t size =
                recvfrom(socket(), buffer, sizeof buffer, 0, from.get(), &from.size);
            if (size < 0 && zen::not_ready()) return;
            if (size < 0) return pause_after(os_error("cannot receive"));
            const std::string_view data(buffer, std::size_t(size));
            call_and_go_on("datagram_received", [&] { protocol().datagram_received(data, from); });
        }
    }
    /// Whatever the error is, it is not told a thousand times in a second.
    void pause_after(const std::exception_ptr &error) {
        watch_reading(false);
        get_event_loop().call_later(Seconds(0.1), [this, self = shared_from_this()] {
            if (!is_closing()) watch_reading(true);
        });
        error_received(error);
    }
    bool send_one(std::string_view data, zen::Address to) const {
        const bool named = to.storage.ss_family != AF_UNSPEC; // or else it goes to the peer
        return ::sendto(socket(), data.data(), data.size(), 0, named ? to.get() : nullptr,
                        named ? to.size : 0) >= 0;
    }
    void write_ready() override {
        for (; !unsent_.empty(); unsent_.pop_front()) {
            const auto &[data, to] = unsent_.front();
            if (!send_one(data, to)) {
                if (zen::not_ready()) break;
                error_received(os_error("cannot send"));
                if (lost()) return; // which has dropped the list
            }
            unsent_size_ -= data.size() + 8;
        }
        maybe_resume(); // which may send again
        if (!unsent_.empty() || lost()) return;
        watch_writing(false);
        if (is_closing()) lose(nullptr);
    }
    void drop_unsent() override {
        unsent_.clear();
        unsent_size_ = 0;
    }

    std::list<std::pair<std::string, zen::Address>> unsent_;
    std::size_t unsent_size_ = 0;
};
} // namespace asyncio
