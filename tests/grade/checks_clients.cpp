// What zenc and zuc must do, and what all clients must, against servers that the checks play.
#include "checks_clients.h"

#include <chrono>

using namespace grade;
using test::Connection, test::Datagrams, test::Listener;

namespace {

constexpr auto zenc = only<"zenc">(), zuc = only<"zuc">();
using test::client_programs, test::tcp_clients;

// The course's server, for one terminal: it answers what zenc asks in the order of the table.
const std::string zen_by_nc =
    "(sleep 3; printf 'Ugly.'; sleep 1; printf 'Implicit.'; sleep 1; printf "
    "'Complex.'; sleep 1) | nc -l 127.0.0.1 65432";

} // namespace

// ---- zenc

CHECK_OF_EACH(zenc, "asks the three questions", "[pts:2]") {
    trying("A server answers what the client asks.",
           "Connect to the HOST and PORT of the command line, and ask the three questions in the "
           "order of the table, without a newline.");
    by_hand(zen_by_nc, run(program));
    auto [listener, client, server] = Met(program);
    answer_questions(server);
}

CHECK_OF_EACH(zenc, "asks word for word", "[pts:1][needs:asks the three questions]") {
    trying("A server answers, and compares what came byte by byte, to the end of file.",
           "The question mark ends a question: no newline and no NUL follows it. And no more than "
           "the three questions are asked.");
    by_hand(zen_by_nc, run(program) + "     # look at terminal 1: no line ends");
    auto [listener, client, server] = Met(program);
    std::string asked = answer_questions(server);
    asked += server.receive_all();
    if (asked != test::three_questions)
        fail("other bytes came", test::shown(test::three_questions), test::shown(asked));
}

CHECK_OF_EACH(zenc, "asks one question after the other",
              "[pts:1][needs:asks the three questions]") {
    trying("A server holds back each answer for a moment, and half of each answer for another one.",
           "Ask the next question when the whole answer to the one before has come, not all of "
           "them at once.");
    by_hand("nc -l 127.0.0.1 65432     # shows one question; type Ugly. to see the next",
            run(program, " -t 60"));
    auto [listener, client, server] = Met(program);
    for (const auto &[asked, answer] : test::zen) {
        std::string received = receive_up_to(server, asked);
        for (const std::string_view piece : {answer.substr(0, 2), answer.substr(2)}) {
            received += server.receive(1000, Milliseconds(150));
            if (std::count(received.begin(), received.end(), '?') > 1)
                fail("it asked on before it had the whole answer", test::shown(asked),
                     test::shown(received));
            server.send(piece);
        }
    }
}

CHECK_OF_EACH(zenc, "prints questions and answers", "[pts:2][needs:asks the three questions]") {
    trying("A server answers; then the output of the client and its exit status are looked at.",
           "Print \"Sent: ...\" and \"Received: ...\" for each question, and return 0.");
    by_hand(zen_by_nc, run(program));
    auto [listener, client, server] = Met(program);
    answer_questions(server);
    expect_received(client);
    if (lines(client, "Sent: ") != sent_lines())
        fail("it printed other questions", test::shown(sent_lines()),
             test::shown(lines(client, "Sent: ")));
}

CHECK_OF_EACH(zenc, "prints what it has received", "[pts:1][needs:prints questions and answers]") {
    trying(
        "A server answers the first question with \"Perhaps.\".",
        "Print what recv has brought, not what the table says. (Or refuse it: that is no answer to "
        "the question.)");
    by_hand("(sleep 3; printf Perhaps.; sleep 1) | nc -l 127.0.0.1 65432", run(program));
    auto [listener, client, server] = Met(program);
    server.receive(question(0).size());
    server.send("Perhaps.");
    server.shut_down_sending();
    server.receive_all();
    client.exit_status();
    if (const std::string found = lines(client, "Received: "); found.find("Ugly") != found.npos)
        fail("it printed an answer that has not come", "\"Received: Perhaps.\\n\"",
             test::shown(found));
}

CHECK_OF_EACH(zenc, "takes an answer in pieces",
              "[pts:2][needs:prints questions and answers][faults][row 38]") {
    trying("A server sends its answers byte by byte, each when the client has read the one before.",
           "One recv need not return a whole answer: receive until there is a '.'.");
    by_hand(
        "(sleep 3; printf Ug; sleep 1; printf 'ly.'; sleep 1; printf 'Implicit.'; sleep 1; printf "
        "'Complex.'; sleep 1) | nc -l 127.0.0.1 65432",
        run(program));
    Listener listener;
    Student client(program, at(listener.local()));
    Connection server = listener.accept();
    answer_questions(server, [&](std::string_view bytes) {
        for (const char byte : bytes) {
            server.send({&byte, 1});
            test::wait_until_read(server);
        }
    });
    expect_received(client);
}

CHECK_OF_EACH(zenc, "takes several answers in one segment",
              "[pts:1][needs:takes an answer in pieces]") {
    trying("A server sends all three answers at the first question.",
           "What follows the first '.' belongs to the next answer: keep it.");
    by_hand("(sleep 3; printf 'Ugly.Implicit.Complex.'; sleep 3) | nc -l 127.0.0.1 65432",
            run(program));
    auto [listener, client, server] = Met(program);
    server.receive(question(0).size());
    server.send(test::three_answers);
    server.receive(question(1).size() + question(2).size());
    expect_received(client);
}

CHECK_OF_EACH(zenc, "refuses an answer without end", "[pts:1][needs:asks the three questions]") {
    trying("A server sends 100,000 bytes without a '.'.",
           "After 1024 bytes without a '.', say so on standard error, and return 1.");
    by_hand("head -c 100000 /dev/zero | tr '\\0' x | nc -l 127.0.0.1 65432", run(program));
    auto [listener, client, server] = Met(program, {"-t", "60"});
    server.receive(question(0).size());
    server.send(std::string(100'000, 'x'), Milliseconds(2000));
    expect_failure(client);
}

CHECK_OF_EACH(zenc, "takes an answer of 1024 bytes and no longer one",
              "[pts:1][needs:takes an answer in pieces][needs:refuses an answer without end]") {
    trying("A server answers with 1024 bytes, its full stop included; another one with 1025.",
           "An answer may have 1024 bytes. Look at the limit when an answer is complete as well.");
    by_hand("(sleep 3; printf '%1023s.' x; sleep 3) | nc -l 127.0.0.1 65432", run(program));
    {
        auto [listener, client, server] = Met(program, {"-t", "60"});
        server.receive(question(0).size());
        server.send(std::string(1023, 'x') + ".");
        if (server.receive(question(1).size()) != question(1))
            fail("after an answer of 1024 bytes, the next question was not asked", question(1));
    }
    auto [listener, client, server] = Met(program, {"-t", "60"});
    server.receive(question(0).size());
    server.send(std::string(1024, 'x') + ".");
    expect_failure(client);
}

// ---- zuc

namespace {
const std::string any_server = "make zus && ./zus/zus";
}

CHECK_OF_EACH(zuc, "asks the three questions", "[pts:2]") {
    trying("A server answers what the client asks.",
           "Send each question as one datagram to the HOST and PORT of the command line, and the "
           "next when the answer has come.");
    by_hand(any_server, run(program));
    Datagrams server;
    Student client(program, at(server.local()));
    answer_datagrams(server);
}

CHECK_OF_EACH(zuc, "prints questions and answers", "[pts:2][needs:asks the three questions]") {
    trying("A server answers; then the output of the client and its exit status are looked at.",
           "Print \"Sent: ...\" and \"Received: ...\" for each question, and return 0.");
    by_hand(any_server, run(program));
    Datagrams server;
    Student client(program, at(server.local()));
    answer_datagrams(server);
    expect_received(client);
    require(lines(client, "Sent: ").find("Sent: " + question(2) + "\n") != std::string::npos,
            "it did not print what it sent");
}

CHECK_OF_EACH(zuc, "asks again", "[pts:2][needs:asks the three questions][faults][row 40]") {
    trying(
        "A server does not answer the first datagram, as if it were lost.",
        "A datagram may be lost: after a second without an answer, ask again, until -t is over.");
    by_hand("(none: no server)", run(program, " -t 5"));
    Datagrams server;
    Student client(program, at(server.local()));
    next_question(server, 0); // lost
    const auto again = server.receive(Milliseconds(8000));
    if (!again.arrived || again.bytes != question(0))
        fail("it did not ask again", test::shown(question(0)),
             again.arrived ? test::shown(again.bytes) : "nothing");
    answer_datagrams(server, [&](std::size_t number, const Endpoint &) {
        if (number == 0) server.send_to(again.sender, answer(0));
    });
}

CHECK_OF_EACH(zuc, "asks again each second", "[pts:1][needs:asks again]") {
    trying(
        "With -t 60, a server answers none of the first four datagrams; their times are compared.",
        "Ask again each second, without a pause that grows: who has lost two datagrams waits two "
        "seconds, and no longer.");
    by_hand("(none: no server)", "strace -r -e trace=sendto " + run(program, " -t 5"));
    Datagrams server;
    Student client(program, at(server.local(), {"-t", "60"}));
    next_question(server, 0);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i)
        if (!server.receive(Milliseconds(8000)).arrived)
            fail("it did not ask again", "4 datagrams");
    const auto time =
        std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begin);
    // Three seconds, and as much for a loaded machine; with a pause that doubles, it is seven.
    if (time > Milliseconds(6000))
        fail("it waited too long before it asked again", "three times in three seconds",
             std::to_string(time.count()) + " ms");
}

CHECK_OF_EACH(zuc, "accepts only the server it asked",
              "[pts:2][needs:asks the three questions][faults][row 41]") {
    trying("Before each answer of the server, a stranger sends the client another one.",
           "Compare the address of the sender that recvfrom fills in, or connect the socket: then "
           "the system takes datagrams of that address alone.");
    by_hand(any_server,
            "strace -e trace=network ./zuc/zuc     # connect, or an address in recvfrom");
    Datagrams server, stranger;
    Student client(program, at(server.local()));
    for (std::size_t number = 0; number < 3; ++number) {
        const auto asked = next_question(server, number);
        stranger.send_to(asked.sender, "Stranger.");
        stranger.send_to(asked.sender, answer(number == 0 ? 2 : 0));
        server.send_to(asked.sender, answer(number));
    }
    expect_received(client);
}

CHECK_OF_EACH(zuc, "takes no late answer for the next", "[pts:2][needs:asks the three questions]") {
    trying("A server answers each question twice, as if the datagram had been repeated on its way.",
           "An answer that comes again, or late, waits in the socket when you ask the next "
           "question: find out to which question an answer belongs.");
    by_hand(any_server, run(program));
    Datagrams server;
    Student client(program, at(server.local()));
    answer_datagrams(server, [&](std::size_t number, const Endpoint &sender) {
        server.send_to(sender, answer(number)); // and once more by answer_datagrams
    });
    expect_received(client);
}

// ---- What several of them have in common

CHECK_OF_EACH(tcp_clients, "reports that it cannot connect", "[pts:1]") {
    trying("The client is started while nobody listens on its port.",
           "Look at the result of connect: one line on standard error, and exit status 1.");
    by_hand("(none: no server)", run(program));
    Listener listener; // closed before the client comes, so that nobody else has its port
    const Endpoint closed = listener.local();
    listener.close();
    Student client(program, at(closed));
    expect_failure(client);
}

CHECK_OF_EACH(tcp_clients, "reports a server that closes", "[pts:1][needs:base]") {
    trying("The server takes the question or the frame, sends 3 bytes of its answer, and closes.",
           "recv returns 0 before the answer is complete: say so on standard error, and return 1.");
    by_hand("(sleep 3; printf abc) | nc -N -l 127.0.0.1 " + std::string(program.port),
            run(program));
    auto [listener, client, server] = Met(program);
    take_request(program, server);
    server.send(test::exchanges(program)[0].answer.substr(0, 3));
    server.shut_down_sending();
    server.receive_all();
    expect_failure(client);
}

CHECK_OF_EACH(client_programs, "gives up on a silent server", "[pts:1][needs:base]") {
    trying("With -t 1 (zuc: 3), the server takes what comes and says nothing.",
           "Wait for the answer with a limit of -t seconds (poll, or SO_RCVTIMEO); then say so on "
           "standard error, and return 1.");
    by_hand(program.name == "zuc" ? "nc -u -l 127.0.0.1 65432"
                                  : "nc -l 127.0.0.1 " + std::string(program.port),
            run(program, " -t 1"));
    Listener listener; // it takes the connection: the system does so for it
    Datagrams datagrams;
    const Endpoint silent = program.name == "zuc" ? datagrams.local() : listener.local();
    Student client(program, at(silent, {"-t", program.name == "zuc" ? "3" : "1"}));
    expect_failure(client);
    int datagrams_sent = 0;
    while (datagrams.receive(Milliseconds(0)).arrived) ++datagrams_sent;
    if (datagrams_sent > 8)
        fail("it has asked too often in 3 seconds: once a second is enough", "4 datagrams at most",
             std::to_string(datagrams_sent));
}

CHECK_OF_EACH(client_programs, "reports a bad command line", "[pts:1]") {
    check_command_line(program);
}
