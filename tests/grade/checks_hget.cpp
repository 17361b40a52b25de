// hget, by a protocol and by streams, against a web server that the check plays.
#include "checks_clients.h"

#include <functional>

using namespace grade;
using test::Connection, test::Listener;

namespace {

constexpr auto hget = only<"hget">();

const std::string ok = "HTTP/1.0 200 OK\r\n", shown_ok = "HTTP/1.0 200 OK\n";
const char *const ways[] = {"", "-s"}; // by a protocol, by streams

std::vector<std::string> getting(const std::string &way, const std::string &url,
                                 const std::string &limit = "60") {
    if (way.empty()) return {"-t", limit, url};
    return {way, "-t", limit, url};
}

std::string by(const std::string &way) {
    return way.empty() ? "without -s (by a protocol), " : "with -s (by streams), ";
}

// A page that is asked for in one way.
class Page {
  public:
    Page(const Program &program, std::string way, const std::string &path = "/",
         const std::string &limit = "60")
        : way_(std::move(way)),
          client_(program, getting(way_, "http://" + listener_.local().name() + path, limit)),
          server_(listener_.accept()) {
        request_ = receive_up_to(server_, "\r\n\r\n");
    }
    // That it prints this when it has been sent that; the connection may stay open.
    void expect(const std::string &response, const std::string &printed, bool stays_open = false) {
        server_.send(response);
        if (!stays_open) server_.close();
        expect_status(client_, 0);
        if (const std::string found = client_.standard_output(); found != printed)
            fail(by(way_) + "it printed something else", test::shown(printed), test::shown(found));
    }
    // That it ends with status 1 and a reason.
    void expect_to_fail(const std::string &response, bool stays_open = false) {
        server_.send(response);
        if (!stays_open) server_.close();
        expect_failure(client_);
    }
    const std::string &request() const { return request_; }
    std::string host() const { return listener_.local().name(); }
    Connection &server() { return server_; }

  private:
    std::string way_, request_;
    Listener listener_;
    Student client_;
    Connection server_;
};

std::string nc(const std::string &response) {
    return "printf '" + response + "' | nc -l -N 127.0.0.1 8000";
}
const std::string url = "http://127.0.0.1:8000/",
                  both_by_hand = "./asyncio/hget " + url + "     # and again with -s";

} // namespace

CHECK_OF_EACH(hget, "gets a page", "[pts:2]") {
    trying("The server sends a status line, a header, an empty line and a page, and closes.",
           "Print the status line, the headers, the empty line and the page: with -s by streams, "
           "else by a protocol.");
    by_hand(nc("HTTP/1.0 200 OK\\r\\nX: y\\r\\n\\r\\nHello\\n"), both_by_hand);
    for (const char *way : ways) {
        Page page(program, way);
        page.expect(ok + "X: y\r\n\r\nHello\n", shown_ok + "X: y\n\nHello\n");
    }
}

CHECK_OF_EACH(hget, "asks by HTTP/1.0", "[pts:1][needs:gets a page]") {
    trying("The URL is http://HOST:PORT/index.html?a=b#part; the request is looked at.",
           "GET, the path with its question, and HTTP/1.0; then Host: and an empty line. What "
           "stands behind # is not sent.");
    by_hand("nc -l 127.0.0.1 8000", "./asyncio/hget " + url + "index.html?a=b");
    for (const char *way : ways) {
        Page page(program, way, "/index.html?a=b#part");
        const std::string expected =
            "GET /index.html?a=b HTTP/1.0\r\nHost: " + page.host() + "\r\n\r\n";
        if (page.request() != expected)
            fail(by(way) + "it asked otherwise", test::shown(expected),
                 test::shown(page.request()));
    }
}

CHECK_OF_EACH(hget, "takes a page without a length", "[pts:1][needs:gets a page]") {
    trying("The server sends a page without Content-Length, without a newline at its end, an empty "
           "page, and one with bare newlines in its head.",
           "Without a length, the end of file is the end of the page.");
    by_hand(nc("HTTP/1.0 200 OK\\r\\n\\r\\nup to the end"), both_by_hand);
    for (const char *way : ways) {
        Page(program, way)
            .expect(ok + "\r\none line\nup to the end", shown_ok + "\none line\nup to the end");
        Page(program, way).expect(ok + "\r\n", shown_ok + "\n");
        Page(program, way).expect("HTTP/1.0 200 OK\n\nbare", shown_ok + "\nbare");
    }
}

CHECK_OF_EACH(hget, "ends where Content-Length says", "[pts:2][needs:gets a page]") {
    trying("The server sends a page of 11 bytes with content-LENGTH: 11, and does not close.",
           "The name of a header is in letters of any case. When so many bytes of the page have "
           "come, it is complete: do not wait for the end of file.");
    by_hand("(printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nHello'; sleep 99) | nc -l "
            "127.0.0.1 8000",
            both_by_hand);
    for (const char *way : ways) {
        Page page(program, way);
        page.expect(ok + "content-LENGTH:  11\r\n\r\nHello\nthere",
                    shown_ok + "content-LENGTH:  11\n\nHello\nthere", true);
    }
}

CHECK_OF_EACH(hget, "takes a response in pieces",
              "[pts:1][needs:ends where Content-Length says][faults][row 38]") {
    trying("The server sends the response in pieces of five bytes, each when hget has read the one "
           "before.",
           "Each call of data_received brings what there is: collect a line until its newline has "
           "come.");
    by_hand("(printf 'HTTP/1.0 2'; sleep 1; printf '00 OK\\r\\n\\r'; sleep 1; printf '\\nHello') | "
            "nc -l -N 127.0.0.1 8000",
            both_by_hand);
    for (const char *way : ways) {
        Page page(program, way);
        send_in_pieces(page.server(), ok + "Content-Length: 11\r\n\r\nHello\r\nther", 5);
        page.expect("", shown_ok + "Content-Length: 11\n\nHello\nther", true);
    }
}

CHECK_OF_EACH(hget, "says that a response is cut", "[pts:2][needs:gets a page][faults][row 39]") {
    trying("The server closes at once, in mid-header, after the status line, and in mid-page.",
           "At the end of file look whether the head has ended and so many bytes have come as it "
           "says: if not, one line on standard error, and status 1.");
    by_hand(nc("HTTP/1.0 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nHell"),
            both_by_hand + "; echo $?     # 1");
    for (const char *way : ways)
        for (const std::string &response :
             {std::string(), ok + "Content-Le", ok, ok + "Content-Length: 6\r\n\r\nHell"})
            Page(program, way).expect_to_fail(response);
}

CHECK_OF_EACH(hget, "shows a redirect and does not follow it", "[pts:1][needs:gets a page]") {
    trying("The server says 302 Found, and a Location: at which nobody is to be asked.",
           "What is shown is what the server has sent.");
    by_hand(nc("HTTP/1.0 302 Found\\r\\nLocation: http://127.0.0.1:8001/\\r\\n\\r\\n"),
            both_by_hand);
    for (const char *way : ways) {
        Listener other;
        const std::string found = "HTTP/1.0 302 Found",
                          location = "Location: http://" + other.local().name() + "/";
        Page(program, way)
            .expect(found + "\r\n" + location + "\r\n\r\n", found + "\n" + location + "\n\n");
    }
}

CHECK_OF_EACH(hget, "gives up without a server and without an answer",
              "[pts:1][needs:gets a page]") {
    trying(
        "hget is run with -t 1 against a server that is silent, and one that falls silent in the "
        "page; and where no server is.",
        "-t is the time of one silence. Whatever is thrown: one line on standard error, and "
        "status 1.");
    by_hand("nc -l 127.0.0.1 8000", "./asyncio/hget -t 1 " + url + "; echo $?     # 1");
    for (const char *way : ways) {
        Page(program, way, "/", "1").expect_to_fail("", true);
        Page(program, way, "/", "1").expect_to_fail(ok + "\r\nHel", true);
        Listener nobody;
        const std::string address = nobody.local().name();
        nobody.close();
        Student client(program, getting(way, "http://" + address));
        expect_failure(client);
    }
}

CHECK_OF_EACH(hget, "refuses a head without end", "[pts:1][needs:gets a page][faults][row 43]") {
    trying("The server sends up to 64 MB without a newline.",
           "A line of the head has a limit: else one server fills the memory.");
    by_hand("head -c 64000000 /dev/zero | tr '\\0' x | nc -l 127.0.0.1 8000",
            both_by_hand + "; echo $?     # 1");
    for (const char *way : ways) Page(program, way).expect_to_fail(std::string(64'000'000, 'x'));
}

CHECK_OF_EACH(hget, "prints nothing that drives a terminal",
              "[pts:1][needs:gets a page][faults][row 22]") {
    trying("The server sends a header and a page with escape sequences in them.",
           "Print bytes that are not printable ASCII escaped, as \\x1b: http::show does.");
    by_hand(nc("HTTP/1.0 200 OK\\r\\n\\r\\n\\033[2J\\n"), both_by_hand + " | od -c");
    for (const char *way : ways)
        Page(program, way)
            .expect(ok + "X: \x1b\r\n\r\n\x1b[2J\xff\n", shown_ok + "X: \\x1b\n\n\\x1b[2J\\xff\n");
}

CHECK_OF_EACH(hget, "reports a bad command line", "[pts:1]") {
    check_command_line(program, {{},
                                 {"-Z", "http://localhost/"},
                                 {"-t", "soon", "http://localhost/"},
                                 {"localhost"},
                                 {"https://localhost/"},
                                 {"http://localhost:65536/"},
                                 {"http://localhost/", "surplus"}});
}
