// streams.h: the streams of Python's asyncio (its module streams): a connection that a coroutine
// reads from and writes to in a straight line, where a protocol is called with what has come.
// Reading: readers.h.
//
// Behind a reader and a writer is such a protocol, which feeds the reader:
//     socket -> transport -> StreamProtocol -> buffer -> co_await reader.readuntil("?")
//     socket <- transport <- writer.write(answer), and then co_await writer.drain()
// write() never waits. drain() does when over 64 KiB are left to be sent, until these are 16 KiB:
// so who does not read is not written to without end. What forgets drain() keeps all in memory.
//
// What differs from Python:
//  - A writer is a handle: a copy is the same one. When the last copy goes, the connection is
//    closed, as newer versions of Python do when nobody refers to the writer any more.
//  - The callback of start_server() is a coroutine function, or a lambda that is one.
//  - There is no writelines() and no start_tls().
#pragma once

#include "connections.h"
#include "readers.h"

namespace asyncio {
/// Feeds a reader, and lets writers wait.
class StreamProtocol : public Protocol, public std::enable_shared_from_this<StreamProtocol> {
  public:
    explicit StreamProtocol(std::size_t limit) : reader(limit) {}
    void connection_made(std::shared_ptr<Transport> transport) override {
        reader.set_transport(std::move(transport));
    }
    void data_received(std::string_view data) override { reader.feed_data(data); }
    bool eof_received() override {
        reader.feed_eof();
        return true; // it may still be written to
    }
    void pause_writing() override { paused_ = true; }
    void resume_writing() override {
        paused_ = false;
        StreamWaiter::wake(draining_);
    }
    void connection_lost(std::exception_ptr exception) override {
        lost_ = true;
        exception_ = exception;
        exception ? reader.set_exception(exception) : reader.feed_eof();
        StreamWaiter::wake(draining_, exception);
        StreamWaiter::wake(closing_, exception);
    }
    // For the writer.
    using Self = std::shared_ptr<StreamProtocol>; // the coroutines keep it
    static Coroutine<void> drain(Self self, std::shared_ptr<Transport> transport) {
        if (const auto error = self->reader.exception()) std::rethrow_exception(error);
        if (transport->is_closing()) {
            co_await sleep(Seconds(0)); // connection_lost may come now
        }
        if (self->lost_) throw ConnectionResetError("Connection lost", 0);
        if (!self->paused_) co_return;
        StreamWaiter sent(self->draining_);
        co_await sent;
    }
    static Coroutine<void> wait_closed(Self self) {
        if (self->exception_) std::rethrow_exception(self->exception_);
        if (self->lost_) co_return;
        StreamWaiter closed(self->closing_);
        co_await closed;
    }
    const StreamReader reader;

  private:
    bool paused_ = false, lost_ = false;
    std::exception_ptr exception_ = nullptr; // what has ended the connection
    StreamWaiter::List draining_, closing_;
};

/// Where a coroutine writes: after write(), await drain().
class StreamWriter {
  public:
    StreamWriter(std::shared_ptr<Transport> transport, std::shared_ptr<StreamProtocol> protocol)
        : transport_(transport.get(), [transport](Transport *) noexcept { end(*transport); }),
          protocol_(std::move(protocol)) {}
    std::shared_ptr<Transport> transport() const { return transport_; }
    void write(std::string_view data) const { transport_->write(data); }
    void write_eof() const { transport_->write_eof(); }
    void close() const { transport_->close(); } ///< When all that is left has been sent.
    bool is_closing() const { return transport_->is_closing(); }
    std::string get_extra_info(std::string_view what) const {
        return transport_->get_extra_info(what);
    }
    /// Waits while too much is left to be sent. Throws if the connection has failed or is closed.
    Coroutine<void> drain() const { return StreamProtocol::drain(protocol_, transport_); }
    /// After close(): waits until it is closed. Throws what has ended the connection before.
    Coroutine<void> wait_closed() const { return StreamProtocol::wait_closed(protocol_); }

  private:
    static void end(Transport &transport) try {
        transport.close();
    } catch (const std::bad_alloc &) { // nobody is there to be told
    }
    std::shared_ptr<Transport> transport_; // ends it when the last copy goes
    std::shared_ptr<StreamProtocol> protocol_;
};

// ---- Connecting
using Streams = std::pair<StreamReader, StreamWriter>;
inline auto stream_factory(std::size_t limit) {
    return [limit] { return std::make_shared<StreamProtocol>(limit); };
}
inline Streams streams_of(const std::shared_ptr<Transport> &transport,
                          const std::shared_ptr<StreamProtocol> &protocol) {
    return {protocol->reader, StreamWriter(transport, protocol)};
}
/// Connects to a host. In the next statement: const auto [reader, writer] = streams;
inline Coroutine<Streams> open_connection(std::string host, std::string port,
                                          std::size_t limit = stream_limit) {
    const auto connection = co_await create_connection(stream_factory(limit), host, port);
    co_return streams_of(connection.first, connection.second);
}
inline Coroutine<Streams> open_unix_connection(std::string path, std::size_t limit = stream_limit) {
    const auto connection = co_await create_unix_connection(stream_factory(limit), path);
    co_return streams_of(connection.first, connection.second);
}

// ---- Serving
/// A coroutine function, or a lambda that is one.
using ClientConnected = std::function<Coroutine<void>(StreamReader, StreamWriter)>;
/// Runs client_connected as a task.
class ServedStream final : public StreamProtocol {
  public:
    ServedStream(std::shared_ptr<const ClientConnected> client_connected, std::size_t limit)
        : StreamProtocol(limit), client_connected_(std::move(client_connected)) {}
    void connection_made(std::shared_ptr<Transport> transport) override {
        StreamProtocol::connection_made(transport);
        const StreamWriter writer(transport, shared_from_this());
        const auto task = create_task((*client_connected_)(reader, writer));
        // A lambda's captures are not in its frame: so they are kept until the task has ended.
        task.add_done_callback([transport, kept = client_connected_](const AnyFuture &done) {
            ended(*transport, done);
        });
    }

  private:
    static void ended(Transport &transport, const AnyFuture &task) {
        const auto exception = task.cancelled() ? nullptr : task.exception();
        if (exception)
            report("Unhandled exception in client_connected_cb. Peer ",
                   transport.get_extra_info("peername"), exception);
        if (exception || task.cancelled()) transport.close();
    }
    std::shared_ptr<const ClientConnected> client_connected_;
};
inline ProtocolFactory serving_factory(ClientConnected client_connected, std::size_t limit) {
    const auto shared = std::make_shared<const ClientConnected>(std::move(client_connected));
    return [shared, limit] { return std::make_shared<ServedStream>(shared, limit); };
}
/// A server, which serves already. For each client it runs client_connected(reader, writer) as a
/// task. What this throws is reported, and the connection is closed.
inline Coroutine<std::shared_ptr<Server>> start_server(ClientConnected client_connected,
                                                       std::string host, std::string port,
                                                       std::size_t limit = stream_limit) {
    return create_server(serving_factory(std::move(client_connected), limit), std::move(host),
                         std::move(port));
}
inline Coroutine<std::shared_ptr<Server>> start_unix_server(ClientConnected client_connected,
                                                            std::string path,
                                                            std::size_t limit = stream_limit) {
    return create_unix_server(serving_factory(std::move(client_connected), limit), std::move(path));
}
} // namespace asyncio
