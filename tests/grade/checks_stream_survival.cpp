// What every TCP server of the Zen protocol must survive: clients that reset, are slow or silent, and
// signals.
#include "checks_stream.h"

using namespace grade;
using test::zen_tcp_servers;

namespace {

// The children of sszt -f live on when it is killed, and so do their conversations.
constexpr bool has_no_children(const Program &program) {
    return test::is_zen_tcp_server(program) && !test::is_forking_server(program);
}
constexpr auto one_process_servers = test::select<has_no_children>();

} // namespace

CHECK_OF_EACH(stream_programs, "survives clients that reset", "[pts:1][needs:serves one client]") {
    trying("Clients reset their connection in mid-question and with answers on their way, then "
           "another client asks.",
           "recv and send fail with ECONNRESET or EPIPE then: drop that client alone. SIGPIPE ends "
           "a server unless it sends with MSG_NOSIGNAL or ignores the signal.");
    by_hand("",
            "(for i in $(seq 9999); do printf 'Simple is better than?'; done) | timeout -s KILL "
            "0.1 nc 127.0.0.1 65432 > /dev/null; ./zenc/zenc     # some times over");
    Server server(program, few_workers(program));
    for (int i = 0; i < 12; ++i) {
        Talk client(server);
        client.send(i % 2 ? "Simple is" : questions(3000));
        if (i % 4 < 2) test::wait_until_read(client.connection());
        client.connection().reset();
    }
    for (int i = 0; i < 12;
         ++i) { // closed: the first answer brings the reset, the next one SIGPIPE
        Talk client(server);
        client.send(questions(3000));
        client.leave();
    }
    serve_another(server, "after that, another client was not served");
    require(!server.wait_exit(Milliseconds(300), false), "a moment later the server has ended");
    serve_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(stream_programs, "loses no answer of a slow reader",
              "[pts:2][needs:answers everything before the end of file][faults][row 6]") {
    trying("A client sends 40,000 questions and reads no answer until the server takes no more of "
           "them; then it reads them all.",
           "send may take only a part of the bytes, or none (EAGAIN): what is left must be sent "
           "later, in order.");
    by_hand("", "(for i in $(seq 300000); do printf 'Simple is better than?'; done) | nc -N "
                "127.0.0.1 65432 | (sleep 3; wc -c)     # 2400000 bytes");
    Server server(program, patient(program));
    Talk client(server, 4096);
    const std::string all = questions(40'000);
    // What the server does not take within a while goes on its way when the client reads.
    const std::string received = client.converse_late(all);
    const std::string answers = answers_in(received), expected = letters(40'000);
    if (answers != expected) {
        const auto first_difference = static_cast<std::size_t>(
            std::mismatch(answers.begin(), answers.end(), expected.begin(), expected.end()).first -
            answers.begin());
        fail("answers are missing or wrong", "40000 answers",
             std::to_string(answers.size()) + " answers, right up to number " +
                 std::to_string(first_difference));
    }
}

CHECK_OF_EACH(zen_tcp_servers, "closes its descriptors", "[pts:1][needs:serves one client]") {
    trying("180 clients one after the other, of which some leave without a word and some ask an "
           "unrecognized question, while the server may have 40 descriptors.",
           "Close the socket of each client on every way out: after the end of file, an error, an "
           "unrecognized question.");
    by_hand(
        "",
        "for i in 1 2 3 4 5 6 7 8 9; do ./zenc/zenc > /dev/null; done; ls /proc/PID/fd | wc -l");
    Limits limits;
    limits.descriptors = 40;
    Server server(program, {}, "127.0.0.1", limits);
    bool closes = true; // after an unrecognized question: that is a check of its own
    for (int i = 0; i < 60; ++i) {
        Talk(server).leave();
        if (closes) {
            Talk refused(server);
            refused.send("Flat is better than?");
            closes = refused.ends(patience);
        }
        serve_another(server, "client " + std::to_string(3 * i + 3) + " was not served");
    }
}

CHECK_OF_EACH(zen_tcp_servers, "sleeps when it has nothing to do",
              "[pts:1][needs:serves one client]") {
    trying(
        "A silent client is connected, and another one has left; the processor time of the server "
        "is measured for half a second, and once more when both have left.",
        "A server that waits must sleep in a system call: no loop with a timeout of 0, no "
        "interest in POLLOUT while there is nothing to send.");
    by_hand("", "nc -d 127.0.0.1 65432 & top -b -n 1 -p PID     # the column %CPU");
    Server server(program);
    {
        Talk first(server);
        first.send(question(0));
        first.expect(letter(0));
    }
    {
        Talk silent(server);
        silent.send(question(0));
        silent.expect(letter(0));
        check_idle(server);
    }
    check_idle(server);
}

CHECK_OF_EACH(zen_tcp_servers, "stops on SIGINT and SIGTERM",
              "[pts:2][needs:serves one client][faults][row 27][stop]") {
    trying("The server gets SIGINT (Ctrl-C), and another one SIGTERM, while a client is connected.",
           "Wait for signals where you wait for clients; then print \"Server stopped\", end all "
           "threads and children, and return 0.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; kill -INT PID");
    for (const int signal : {SIGINT, SIGTERM}) {
        Server server(program);
        Talk client(server);
        client.send(question(0));
        client.expect(letter(0));
        check_stops(server, signal);
    }
}

CHECK_OF_EACH(one_process_servers, "starts again on the same port",
              "[pts:1][needs:listens where it is told][faults][row 28]") {
    trying("A server is ended while a client is connected, and started again on the same port at "
           "once.",
           "Set SO_REUSEADDR on the listening socket before bind: connections of the first server "
           "are in TIME_WAIT for a minute.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; kill -KILL PID; make " + program.file() +
                    " && ./" + std::string(program.path));
    const std::string host = host_of_our_own();
    std::uint16_t port = 0;
    {
        Server first(program, {}, host);
        port = first.address().port;
        Talk client(first);
        client.send(question(0));
        client.expect(letter(0));
        first.signal(SIGKILL); // the system closes: now its side of the connection waits
        first.wait_exit();
        client.expect_end();
    }
    Server second(program, {}, host, {}, port);
    serve_another(second, "the second server did not answer");
}

CHECK_OF_EACH(stream_programs, "prints nothing that drives a terminal",
              "[pts:1][needs:serves one client]") {
    trying("A client sends a question with escape sequences, a newline and other bytes in it.",
           "What a client sends may clear the screen or look like another line of the log: print "
           "bytes that are not printable ASCII escaped, as \\x1b or \\n.");
    Server server(program);
    Talk client(server);
    client.send("\x1b[2Jgo\nConnected by nobody\x07\xff?");
    client.ends(Milliseconds(2000)); // that it does is a check of its own
    check_clean_output(server);
}

CHECK_OF_EACH(servers_with_time_limit, "gives up on a silent client",
              "[pts:1][needs:serves one client][faults][row 23]") {
    trying(
        "With -t 1, a client connects and says nothing, and another one asks before it falls "
        "silent. With -t 0, a client is silent for 1.5 seconds and asks then.",
        "Set SO_RCVTIMEO, or wait with a timeout, for each question, and close the connection when "
        "it is over; 0 stands for no limit.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -t 1",
            "nc -d 127.0.0.1 65432     # must end after a second");
    {
        Server server(program, {"-t", "1"});
        for (const bool asks : {false, true}) {
            Talk client(server);
            if (asks) {
                client.send(question(0));
                client.expect(letter(0));
            }
            client.expect_end("10 seconds later the connection is still open");
        }
    }
    Server patient(program, {"-t", "0"});
    Talk client(patient);
    require(!client.ends(Milliseconds(1500)), "with -t 0 it has given up");
    client.send(question(0));
    client.expect(letter(0), "with -t 0, a client was not served after 1.5 seconds");
}

CHECK_OF_EACH(concurrent_servers, "keeps its clients apart",
              "[pts:2][needs:takes a question in pieces]") {
    trying(
        "Eight clients send their questions in pieces, a piece of each in turn.",
        "Each client needs a buffer of its own: a static or shared one mixes what they send. And "
        "no lock may be held while a client is served: all others would wait.");
    by_hand("", "(printf 'Simple is '; sleep 5; printf 'better than?'; sleep 1) | nc -N 127.0.0.1 "
                "65432 & ./zenc/zenc     # both must be answered");
    Server server(program, patient(program));
    std::vector<Talk> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(server);
    for (std::size_t piece = 0; piece < 4; ++piece)
        for (std::size_t i = 0; i < clients.size(); ++i) {
            const std::string asked = question(i % 3);
            const std::size_t size = asked.size() / 4 + 1;
            clients[i].send(asked.substr(piece * size, size));
            require(test::wait_until_read(clients[i].connection()),
                    "what client " + std::to_string(i + 1) + " sent was not read");
        }
    for (std::size_t i = 0; i < clients.size(); ++i)
        clients[i].expect(letter(i % 3), "client " + std::to_string(i + 1) + " was not answered");
}

CHECK_OF_EACH(concurrent_servers, "answers clients that ask at the same time",
              "[pts:1][needs:keeps its clients apart][needs:answers question after question]") {
    trying(
        "Eight clients ask 100 questions each at the same time.",
        "What threads share (a buffer, a variable of the conversation) needs a mutex, or better, "
        "should not be shared.");
    by_hand("", "for i in 1 2 3 4 5 6 7 8; do ./zenc/zenc & done; wait");
    Server server(program);
    std::vector<Talk> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(server);
    for (std::size_t round = 0; round < 100; ++round) {
        for (std::size_t i = 0; i < clients.size(); ++i) clients[i].send(question((i + round) % 3));
        for (std::size_t i = 0; i < clients.size(); ++i)
            clients[i].expect(letter((i + round) % 3),
                              "client " + std::to_string(i + 1) + " got another answer, or none");
    }
}
