// How long a client waits: -t, and what it is for.
#include "checks_clients.h"

#include <chrono>
#include <memory>
#include <thread>

using namespace grade;
using test::Connection, test::Datagrams, test::Listener;

namespace {

constexpr auto zen_clients = only<"zenc", "zuc">();
constexpr auto zenc = only<"zenc">(), zuc = only<"zuc">();
using test::client_programs, test::framing_clients, test::tcp_clients;
using Clock = std::chrono::steady_clock;

// A client, and a server that is silent until it plays the whole conversation.
class Conversation {
  public:
    Conversation(const Program &program, const std::vector<std::string> &options)
        : program_(program),
          client(program, exactly_at(is_udp() ? datagrams_.local() : listener_.local(), options)) {}

    void serve() {
        if (is_udp()) return answer_datagrams(datagrams_);
        Connection server = listener_.accept();
        play(program_, server);
        expect_status(client, 0);
    }

  private:
    bool is_udp() const { return program_.name == "zuc"; }
    const Program &program_;
    Listener listener_;
    Datagrams datagrams_;

  public:
    Student client;
};

// What a client of that kind has to say of an answer or a response.
const char *received(const Program &program) {
    return test::is_framing_client(program) ? "Received response: " : "Received: ";
}

} // namespace

CHECK_OF_EACH(client_programs, "waits as long as -t says", "[pts:1][needs:base]") {
    trying("Three clients at once: one without -t, one with -t 30, one with -t 0. The server is "
           "silent for 6 seconds, and answers then.",
           "The number after -t is the limit, in seconds. Without -t it is 5, and 0 stands for no "
           "limit.");
    const std::string port(program.port);
    by_hand(program.name == "zuc" ? "nc -u -l 127.0.0.1 " + port : "nc -l 127.0.0.1 " + port,
            run(program, " -t 30") + "     # must wait for half a minute, and without -t for 5 s");
    Conversation by_default(program, {}), patient(program, {"-t", "30"}),
        endless(program, {"-t", "0"});
    const auto start = Clock::now();
    const auto require_patience = [&](Conversation &one, const std::string &option) {
        if (one.client.wait_exit(Milliseconds(0), false))
            fail("with " + option + ", it has given up before an answer came", "patience",
                 one.client.status_text());
    };
    const auto status = by_default.client.wait_exit(Milliseconds(14'000));
    const auto waited = std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    require(status.has_value(), "without -t, it has not given up after 14 seconds");
    if (waited < Milliseconds(4000))
        fail("without -t, it has given up too early", "after 5 seconds",
             "after " + std::to_string(waited.count()) + " ms");
    std::this_thread::sleep_until(start + std::chrono::seconds(6));
    require_patience(patient, "-t 30");
    require_patience(endless, "-t 0");
    patient.serve();
    endless.serve();
}

CHECK_OF_EACH(zen_clients, "begins -t anew with each question",
              "[pts:1][needs:asks the three questions]") {
    trying("With -t 2, the server answers each question after 0.8 seconds.",
           "The limit is for each answer, not for the whole conversation.");
    by_hand("(none)", run(program, " -t 2"));
    const auto pause = [] { std::this_thread::sleep_for(Milliseconds(800)); };
    Listener listener;
    Datagrams datagrams;
    if (program.name == "zuc") {
        Student client(program, at(datagrams.local(), {"-t", "2"}));
        answer_datagrams(datagrams, [&](std::size_t, const Endpoint &) { pause(); });
        return expect_status(client, 0);
    }
    Student client(program, at(listener.local(), {"-t", "2"}));
    Connection server = listener.accept();
    answer_questions(server, [&](std::string_view answer) {
        pause();
        server.send(answer);
    });
    expect_status(client, 0);
}

CHECK_OF_EACH(zenc, "limits the whole answer with -t", "[pts:1][needs:asks the three questions]") {
    trying("With -t 1, the server sends an answer byte by byte, one each 0.3 seconds, so that the "
           "full stop comes after 6 seconds.",
           "The time limit of a socket (SO_RCVTIMEO) is for a single recv: look at the clock as "
           "well, or wait for what is left of the time.");
    by_hand("(sleep 3; for c in U g l y , \\  b u t \\  s l o w .; do sleep 0.5; printf \"$c\"; "
            "done) | nc -l 127.0.0.1 65432",
            run(program, " -t 1"));
    auto [listener, client, server] = Met(program, {"-t", "1"});
    receive_up_to(server, question(0));
    for (const char c : std::string("Ugly, but very slow.")) {
        if (client.wait_exit(Milliseconds(300), false)) break;
        server.send({&c, 1});
    }
    expect_status(client, 1);
    if (const std::string found = lines(client, received(program)); !found.empty())
        fail("it printed an answer that came too late", "no answer", test::shown(found));
}

CHECK_OF_EACH(framing_clients, "limits the silence with -t and not the whole response",
              "[pts:1][needs:prints the response]") {
    trying("With -t 2, the server sends the frame back in six pieces, one each half a second.",
           "Here -t is for the wait for each piece: a response may be slow, but not silent.");
    by_hand("(none)", run(program, " -t 2"));
    auto [listener, client, server] = Met(program, {"-t", "2"});
    take_request(program, server);
    std::string_view left = first_frame(program);
    for (int pieces = 6; pieces > 0; --pieces) {
        std::this_thread::sleep_for(Milliseconds(500));
        const std::size_t size = pieces == 1 ? left.size() : left.size() / 6;
        server.send(left.substr(0, size));
        left.remove_prefix(size);
    }
    expect_status(client, 0);
}

CHECK_OF_EACH(tcp_clients, "limits connecting with -t", "[pts:1]") {
    trying(
        "With -t 1, the client is started while the backlog of the server is full, so that "
        "nobody takes its connection.",
        "connect sleeps, too, for two minutes and more: set SO_SNDTIMEO before it, or let it not "
        "block and wait with poll.");
    by_hand("(none)", run(program, " -t 1"));
    Listener listener("127.0.0.1", 0);
    std::vector<std::unique_ptr<Connection>> waiting; // as many as it takes, and one more
    const Milliseconds patience_before = std::exchange(test::patience, Milliseconds(300));
    try {
        while (waiting.size() < 16)
            waiting.push_back(std::make_unique<Connection>(listener.local()));
    } catch (const std::exception &) { // one that is not connected
    }
    test::patience = patience_before;
    if (waiting.size() == 16) undetermined("here, the system takes connections without end");
    Student client(program, at(listener.local(), {"-t", "1"}));
    require(client.wait_exit(Milliseconds(8000)).has_value(),
            "it is still trying to connect, 8 seconds later");
    expect_failure(client);
}

CHECK_OF_EACH(zuc, "is not kept from its time by other datagrams", "[pts:1][needs:asks again]") {
    trying(
        "With -t 3, the server answers the first question. Of the second one it hears, too, but it "
        "sends the first answer each 0.2 seconds, as if it were late.",
        "A datagram that is no answer must not start the second anew after which you ask again, "
        "nor the time of -t: wait for what is left of it.");
    by_hand("(none)", run(program, " -t 3"));
    Datagrams server;
    Student client(program, at(server.local(), {"-t", "3"}));
    const auto first = next_question(server, 0);
    server.send_to(first.sender, answer(0));
    const auto second = next_question(server, 1);
    int asked = 1;
    for (int i = 0; i < 50 && !client.wait_exit(Milliseconds(200), false); ++i) {
        server.send_to(second.sender, answer(0));
        while (server.receive(Milliseconds(0)).arrived) ++asked;
    }
    require(client.wait_exit(Milliseconds(0)).has_value(), "10 seconds later it still waits");
    expect_status(client, 1);
    require(asked > 1, "it did not ask again");
}
