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

using asyncio::Coroutine, http::Length, http::Request;
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
        while (!in_page_ && !bytes.empty()) { // a line of the head may come in pieces
            const std::size_t size = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
            line_ += bytes.substr(0, size);
            bytes.remove_prefix(size);
            if (line_.size() > asyncio::stream_limit) throw std::runtime_error("line too long");
            if (line_.ends_with('\n')) end_line();
        }
        bytes = bytes.substr(0, left_.value_or(bytes.size()));
        http::show(bytes);
        if (left_) *left_ -= bytes.size();
        if (in_page_ && left_ == 0) transport_->close();
    }
    void connection_lost(std::exception_ptr error) override try {
        timer_.cancel();
        if (done_.done()) return;
        if (error) std::rethrow_exception(error);
        http::check_complete(request_, in_page_, left_);
        done_.set_result();
    } catch (...) {
        done_.set_exception(std::current_exception());
    }

  private:
    void end_line() {
        http::show(line_);
        http::look_for_length(line_, left_);
        in_page_ = http::ends_head(line_);
        line_.clear();
    }
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
    bool in_page_ = false; // after the head, which ends with an empty line
    std::string line_;     // of the head, as far as it has come
    Length left_;          // of the page
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
    Length left;
    for (bool in_page = false; !in_page;) {
        const auto line = co_await asyncio::wait_for(reader.readline(), request.limit);
        http::show(line);
        http::look_for_length(line, left);
        in_page = http::ends_head(line);
        if (line.empty()) http::check_complete(request, false, left);
    }
    while (left != 0) {
        const std::size_t size = std::min<std::size_t>(left.value_or(4096), 4096);
        const auto bytes = co_await asyncio::wait_for(reader.read(size), request.limit);
        if (bytes.empty()) co_return http::check_complete(request, true, left);
        http::show(bytes);
        if (left) *left -= bytes.size();
    }
}

int main(int argc, char *argv[]) {
    bool streams = false;
    std::optional<asyncio::Seconds> limit = asyncio::Seconds(5);
    const auto words = arguments::read(argc, argv, usage, 1, 1, [&](char letter, auto &value) {
        if (letter == 's') streams = true;
        else if (const int seconds = usage.number("-t", value, 0, 86'400); seconds == 0) limit = {};
        else limit = asyncio::Seconds(seconds);
    });
    Request request = http::parse(words[0], usage);
    request.limit = limit;
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
