// What is exact of hget, by a protocol and by streams, against a web server that the tests play: what it
// says is wrong. What it does is in grade/checks_hget.cpp.
#include "support/kit.h"
#include "support/redirected.h"

#include <sys/wait.h>

using namespace test;

namespace {

const Program &hget = named("hget");
const std::string ok = "HTTP/1.0 200 OK\r\n", shown_ok = "HTTP/1.0 200 OK\n";

// A page that is asked for, by both ways.
class Page {
  public:
    explicit Page(std::string path = "/") : path_(std::move(path)) {}
    Endpoint address() const { return listener_.local(); }
    std::string url() const { return "http://" + address().name() + path_; }

    // What hget prints of a response; `respond` sends it, and may leave the connection open.
    template <class Respond> std::string shown(const std::string &way, Respond respond,
                                               const std::string &error = "",
                                               const std::string &limit = "5") {
        Process client(command(hget, {way, "-t", limit, url()}));
        Connection server = listener_.accept();
        check_request(client, server);
        respond(server);
        check_exit(client, error.empty() ? 0 : 1);
        const std::string wrong = error.empty() ? "" : "hget: " + error + "\n";
        INFO("standard error, expected: " << wrong);
        CHECK_PROGRAM(client, client.standard_error() == wrong);
        return client.standard_output();
    }
    std::string closed() const {
        return "no complete response from " + address().name() + ": connection closed";
    }

  private:
    void check_request(Process &client, Connection &server) const {
        const std::string expected =
            "GET " + path_ + " HTTP/1.0\r\nHost: " + address().name() + "\r\n\r\n";
        check_bytes(client, "(nothing)", expected, server.receive(expected.size()));
    }
    Listener listener_;
    std::string path_;
};
auto sends(const std::string &response) {
    return [response](Connection &server) {
        server.send(response);
        server.close();
    };
}
const std::string ways[] = {"-t5", "-s"}; // "-t5" says what holds anyway: by a protocol

} // namespace

TEST_CASE("hget: says in one line that a response is cut",
          "[asyncio][hget][errors][faults][row 39]") {
    for (const std::string &way : ways) {
        Page page;
        CHECK(page.shown(way, sends(""), page.closed()).empty());
        page.shown(way, sends(ok + "Content-Le"), page.closed());
        page.shown(way, sends(ok), page.closed());
        CHECK(page.shown(way, sends(ok + "Content-Length: 6\r\n\r\nHell"), page.closed()) ==
              shown_ok + "Content-Length: 6\n\nHell"); // what has come is shown all the same
    }
}

TEST_CASE("hget: gives up on a silent server after -t, and when there is none",
          "[asyncio][hget][errors][time limit][faults][row 39]") {
    for (const std::string &way : ways) {
        Page page;
        const auto late = "no answer from " + page.address().name() + ": Connection timed out";
        page.shown(
            way, [](Connection &) {}, late, "1");
        page.shown(
            way, [](Connection &server) { server.send(ok + "\r\nHel"); }, late, "1");
        Listener nobody;
        const Endpoint address = nobody.local();
        nobody.close();
        Process client(command(hget, {way, "http://" + address.name()}));
        check_exit(client, 1);
        CHECK_PROGRAM(client,
                      client.standard_error() ==
                          "hget: cannot connect to " + address.name() + ": Connection refused\n");
    }
}

TEST_CASE("hget: says that a name cannot be resolved", "[asyncio][hget][errors][faults][row 33]") {
    const std::string host(70, 'x'); // longer than a name may be: no resolver is asked
    for (const std::string &way : ways) {
        Process client(command(hget, {way, "http://" + host + "/"}));
        check_exit(client, 1);
        CHECK_PROGRAM(client,
                      client.standard_error().rfind("hget: cannot resolve " + host + ": ", 0) == 0);
    }
}

TEST_CASE("hget: shows escaped what drives a terminal",
          "[asyncio][hget][hostile][faults][row 22]") {
    for (const std::string &way : ways) {
        Page page;
        CHECK(page.shown(way, sends(ok + "X: \x1b\r\n\r\n\x1b[2J\xff\\\n")) ==
              shown_ok + "X: \\x1b\n\n\\x1b[2J\\xff\\\\\n");
    }
}

TEST_CASE("hget: a head without end is refused", "[asyncio][hget][hostile][faults][row 43]") {
    for (const std::string &way : ways) {
        Listener listener;
        Process client(command(hget, {way, "http://" + listener.local().name()}));
        Connection server = listener.accept();
        server.send(std::string(64'000'000, 'x')); // until it has closed
        check_exit(client, 1);
        CHECK_PROGRAM(client, client.standard_error() == "hget: line too long\n");
    }
}

TEST_CASE("hget: says that its standard output fails", "[asyncio][hget][output][faults][row 53]") {
    for (const std::string &way : ways) {
        Listener listener;
        Redirected client(hget, {way, "http://" + listener.local().name()}, ">/dev/full");
        Connection server = listener.accept();
        server.send(ok + "\r\nHello");
        server.close();
        check_exit(client, 1);
        CHECK_PROGRAM(client,
                      client.standard_error() == "hget: cannot print: No space left on device\n");
    }
}

TEST_CASE("hget: ends on a signal", "[asyncio][hget][stop]") {
    for (const std::string &way : ways) {
        Listener listener;
        Process client(command(hget, {way, "-t", "0", "http://" + listener.local().name()}));
        const Connection server = listener.accept();
        client.signal(SIGINT);
        check_exit(client, 130, stop_limit);
    }
}

TEST_CASE("hget: says with the usage line what is wrong", "[asyncio][hget][command line]") {
    const auto wrong = [](std::initializer_list<std::string> words, const std::string &what) {
        Process client(command(hget, words));
        check_exit(client, 2);
        CHECK_PROGRAM(
            client, client.standard_error().rfind("hget: " + what + "\nusage: hget [-h]", 0) == 0);
    };
    wrong({}, "too few arguments");
    wrong({"-x", "http://localhost"}, "unknown option -x");
    wrong({"http://localhost", "-s"}, "surplus argument '-s'");
    wrong({"http://localhost:99999/"}, "PORT must be a number from 1 to 65535, not '99999'");
    for (const std::string url : {"localhost", "https://localhost/", "http://", "http://:80/",
                                  "http://localhost/a b", "http://localhost/\x7f"})
        wrong({url}, "the URL must be http://HOST[:PORT][/PATH], not '" +
                         (url.ends_with('\x7f') ? "http://localhost/\\x7f" : url) + "'");
    Process help(command(hget, {"-h"}));
    check_exit(help, 0);
    CHECK_PROGRAM(help, help.standard_output().rfind("usage: hget [-h] [-s]", 0) == 0);
}

TEST_CASE("hget: takes an IPv6 address in brackets", "[asyncio][hget][ipv6]") {
    Listener listener("::1");
    Process client(command(hget, {"http://" + listener.local().name() + "?x#part"}));
    Connection server = listener.accept();
    const std::string request = "GET /?x HTTP/1.0\r\nHost: " + listener.local().name() + "\r\n\r\n";
    CHECK(server.receive(request.size()) == request);
    server.send(ok + "\r\n");
    server.close();
    check_exit(client, 0);
}
