// hget: gets a page by HTTP/1.0, asynchronous with Protocol and Transport of asyncio or, with -s,
// with streams. It prints all that the server sends: the status line, the headers, and the page.
//
// Run:        ./asyncio/hget http://127.0.0.1:8000/       while a web server runs there
//             ./asyncio/hget -s http://127.0.0.1:8000/    the same by streams
// Differs:    the protocol is called with whatever has come, and keeps where in the response it is;
//             with streams, where it is in the response is where it is in the program.
// Simplified: the page is shown as text, escaped; a redirect is shown, and not followed.
// See also:   tacbc (a protocol with one message), tacnc (streams with one line).

#include "http.h"
#include "streams.h"
#include "waiting.h"

using asyncio::Coroutine, http::Request;
constexpr arguments::Usage usage = {
    {"hget", "Gets a page by HTTP/1.0 and prints the whole response (asyncio).",
     "st:", "./asyncio/hget http://127.0.0.1:8000/index.html", "80"},
    "[-s] [-t SECONDS] URL",
    "  -s           by streams instead of a protocol\n"
    "  -t SECONDS   give up on a silent server after this long, 0 = never (5)\n"
    "  URL          http://HOST[:PORT][/PATH], with an IPv6 address in brackets (port 80)\n"};

// ---- By a protocol
class Getter : public asyncio::Protocol {
  public:
    Getter(Request request, asyncio::Future<void> done)
        : request_(std::move(request)), done_(std::move(done)) {}

    void connection_made(std::shared_ptr<asyncio::Transport> transport) override {
        transport_ = std::move(transport);
        transport_->write(request_.text());
        wait_for_more();
    }
    void data_received(std::string_view bytes) override {
        wait_for_more();
        while (!response_.in_page && !bytes.empty()) { // a line of the head may come in pieces
            const std::size_t size = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
            line_ += bytes.substr(0, size);
            bytes.remove_prefix(size);
            if (line_.size() > asyncio::stream_limit) throw std::runtime_error("line too long");
            if (line_.ends_with('\n')) response_.take_line(std::exchange(line_, ""));
        }
        response_.take_page(bytes);
        if (response_.complete()) transport_->close();
    }
    void connection_lost(std::exception_ptr error) override try {
        timer_.cancel();
        if (done_.done()) return;
        if (error) std::rethrow_exception(error);
        response_.check_end(request_);
        done_.set_result();
    } catch (...) {
        done_.set_exception(std::current_exception());
    }

  private:
    void wait_for_more() {
        timer_.cancel();
        if (!request_.limit) return;
        timer_ = asyncio::get_running_loop().call_later(*request_.limit, [done = done_] {
            if (!done.done()) done.set_exception(asyncio::TimeoutError());
        });
    }
    const Request request_;
    const asyncio::Future<void> done_;
    std::shared_ptr<asyncio::Transport> transport_;
    asyncio::TimerHandle timer_;
    http::Response response_;
    std::string line_; // of the head, as far as it has come
};
Coroutine<void> get_by_protocol(Request request) {
    const asyncio::Future<void> done; // connection_lost() tells it what a method has thrown
    asyncio::get_running_loop().set_exception_handler([](const auto &) {});
    const auto getter = std::make_shared<Getter>(request, done);
    const auto factory = [getter] { return getter; };
    co_await asyncio::wait_for(asyncio::create_connection(factory, request.host, request.port),
                               request.limit);
    co_await done;
}

// ---- By streams
Coroutine<void> get_by_streams(Request request) {
    const auto streams = co_await asyncio::wait_for(
        asyncio::open_connection(request.host, request.port), request.limit);
    const auto &[reader, writer] = streams;
    writer.write(request.text());
    http::Response response;
    while (!response.in_page) {
        const auto line = co_await asyncio::wait_for(reader.readline(), request.limit);
        if (line.empty()) co_return response.check_end(request);
        response.take_line(line);
    }
    while (!response.complete()) {
        const auto bytes = co_await asyncio::wait_for(reader.read(4096), request.limit);
        if (bytes.empty()) co_return response.check_end(request);
        response.take_page(bytes);
    }
}

int main(int argc, char *argv[]) {
    bool streams = false;
    Request request;
    const auto words = arguments::read(argc, argv, usage, 1, 1, [&](char letter, auto &value) {
        if (letter == 's') streams = true;
        else request.limit = usage.limit(value);
    });
    http::read_url(words[0], usage, request);
    try {
        asyncio::run(streams ? get_by_streams(request) : get_by_protocol(request));
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130;                         // as a shell says of a program that SIGINT has ended
    } catch (const asyncio::ValueError &) { // of readline
        return zen::report(usage.program, "line too long");
    } catch (const asyncio::TimeoutError &) {
        return zen::report(usage.program,
                           "no answer from " + request.name() + ": " + std::strerror(ETIMEDOUT));
    } catch (const std::exception &error) {
        return zen::report(usage.program, error.what());
    }
}
