// What every TCP server of the Zen protocol must do. The checks of the architectures follow in
// checks_architecture.cpp.
#include "check.h"

using namespace grade;
using test::zen_tcp_servers;

namespace {

constexpr bool is_base_row(const Program &program) {
    return test::is_zen_tcp_server(program) && !test::is_forking_server(program);
}
// sszt -f is the same program as sszt: what does not depend on processes is not checked again.
constexpr auto tcp_servers = test::select<is_base_row>();

constexpr bool is_concurrent(const Program &program) {
    return test::is_zen_tcp_server(program) && program.name != "zens";
}
constexpr auto concurrent_servers = test::select<is_concurrent>();

constexpr bool has_time_limit(const Program &program) {
    return is_base_row(program) && program.has('t');
}
constexpr auto servers_with_time_limit = test::select<has_time_limit>();

// `times` questions, beginning with the first of the table, and the letters of their answers.
std::string questions(std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += question(i % 3);
    return text;
}
std::string letters(std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += letter(i % 3);
    return text;
}

// That a fresh client is served, whatever has happened to others.
void serve_another(Server &server, const std::string &otherwise) {
    Talk another(server);
    another.send(question(2));
    another.expect(letter(2), otherwise);
}

} // namespace

CHECK_OF_EACH(zen_tcp_servers, "serves one client", "[pts:2]") {
    trying("A client connects, asks one question and waits for an answer.",
           "The server must bind, listen and accept on the HOST and PORT of its command line, and "
           "send the answer as soon as the question is complete.");
    Server server(program);
    Talk client(server);
    client.send(question(0));
    client.expect_any();
}

CHECK_OF_EACH(tcp_servers, "answers word for word", "[pts:2][needs:serves one client]") {
    trying("Three clients ask one question each and compare the answer byte by byte.",
           "The full stop belongs to the answer, no newline follows, and upper and lower case "
           "matter: the client waits for the '.'.");
    Server server(program);
    for (const auto &[asked, answer] : test::zen) {
        Talk client(server);
        client.send(asked);
        client.expect_bytes(answer, "the answer is not that of the table");
    }
}

CHECK_OF_EACH(zen_tcp_servers, "answers question after question",
              "[pts:1][needs:serves one client]") {
    trying("One client asks four questions, each when it has the answer to the one before.",
           "A conversation is a loop: after an answer the server waits for the next question of "
           "the same client.");
    Server server(program);
    Talk client(server);
    for (const std::size_t number : {1u, 0u, 2u, 0u}) {
        client.send(question(number));
        client.expect(letter(number), "a question was not answered");
    }
}

CHECK_OF_EACH(zen_tcp_servers, "takes a question in pieces", "[pts:1][needs:serves one client]") {
    trying("A client sends a question byte by byte, each when the server has read the one before.",
           "TCP is a stream of bytes: what one recv returns need not be a whole question. Keep "
           "what has come until there is a '?'.");
    Server server(program);
    Talk client(server);
    client.send_in_pieces(question(1));
    client.expect(letter(1));
}

CHECK_OF_EACH(tcp_servers, "takes several questions in one segment",
              "[pts:1][needs:answers question after question]") {
    trying("A client sends three questions at once.",
           "One recv may return several questions. Answer each that is complete, and do not drop "
           "what follows the first '?'.");
    Server server(program);
    Talk client(server);
    client.send(questions(3));
    client.expect(letters(3), "not every question was answered, in this order");
}

CHECK_OF_EACH(tcp_servers, "keeps the beginning of the next question",
              "[pts:1][needs:takes several questions in one segment]") {
    trying("A client sends a question and the beginning of the next; when the first is answered, "
           "it sends the rest.",
           "Answer a complete question although the buffer does not end in '?', and keep the rest "
           "of the buffer for the next recv.");
    Server server(program);
    Talk client(server);
    client.send(question(0) + "Explicit is");
    client.expect(letter(0), "the complete question was not answered");
    client.send(" better than?");
    client.expect(letter(1), "the question that came in two parts was not answered");
}

CHECK_OF_EACH(tcp_servers, "skips white space before a question",
              "[pts:1][needs:serves one client]") {
    trying("A client types: an empty line, a tab, and a question.",
           "nc and telnet send a newline after each line. Skip space, tab, CR and LF before a "
           "question.");
    Server server(program);
    Talk client(server);
    client.send("\r\n \t" + question(2));
    client.expect(letter(2));
}

CHECK_OF_EACH(tcp_servers, "answers everything before the end of file",
              "[pts:1][needs:takes several questions in one segment]") {
    trying(
        "A client sends 300 questions and shuts down its sending side, while the server is "
        "stopped; then it goes on, and the client reads.",
        "The end of file says that no more questions come, not that the client has gone: first "
        "answer what has been asked. With edge-triggered events (EPOLLET), read on until EAGAIN.");
    by_hand("", "(for i in $(seq 300); do printf 'Simple is better than?'; done) | nc -N 127.0.0.1 "
                "65432 | wc -c     # 2400 bytes");
    Server server(program);
    Talk client(server);
    const Stopped until_all_is_there(server);
    client.send(questions(300));
    client.finish();
    until_all_is_there.go_on();
    client.expect(letters(300), "not all questions were answered");
}

CHECK_OF_EACH(tcp_servers, "closes when the client has closed",
              "[pts:1][needs:serves one client]") {
    trying("A client asks, gets its answer, shuts down its sending side, and waits for the end of "
           "file.",
           "When recv returns 0, no more questions come: close the connection.");
    Server server(program);
    Talk client(server);
    client.send(question(0));
    client.expect(letter(0));
    client.finish();
    client.expect_end();
}

CHECK_OF_EACH(tcp_servers, "closes after an unrecognized question",
              "[pts:1][needs:answers question after question]") {
    trying("A client asks a question of the table, then one that is not in it.",
           "After an unrecognized question the server logs it and closes that connection; the "
           "answers before it must still arrive, and the next client must be served.");
    Server server(program);
    {
        Talk client(server);
        client.send(question(0));
        client.expect(letter(0));
        client.send("Flat is better than?");
        client.expect_end();
    }
    serve_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(tcp_servers, "answers what came before an unrecognized question",
              "[pts:1][needs:takes several questions in one segment]"
              "[needs:closes after an unrecognized question]") {
    trying(
        "A client sends, at once, a question of the table, one that is not in it, and 20,000 bytes "
        "more.",
        "Deliver the answers to the questions before the unrecognized one, then close. A close "
        "with bytes unread resets the connection, and the reset may overtake the answers: shut "
        "down sending, and read until the client has closed.");
    by_hand("",
            "(printf 'Explicit is better than?Flat is better than?'; head -c 20000 /dev/zero | tr "
            "'\\0' x; sleep 2) | nc 127.0.0.1 65432     # Implicit.");
    Server server(program);
    Talk client(server);
    client.send(question(1) + "Flat is better than?" + std::string(20'000, 'x'));
    client.expect(letter(1), "the question before the unrecognized one was not answered");
    client.expect_end();
    require(!client.connection().was_reset(), "the connection was reset instead of closed");
}

CHECK_OF_EACH(tcp_servers, "answers no question that is only similar",
              "[pts:1][needs:closes after an unrecognized question]") {
    trying(
        "Clients send what is nearly a question of the table: in other letters, with more before "
        "it, with another space or a NUL in it. Each time the connection must be closed without a "
        "byte.",
        "A question must be one of the table, byte for byte: look for the whole question, not "
        "for a part, and mind that a string of C ends at a NUL. Nothing is said to a client "
        "whose question is not recognized.");
    Server server(program);
    for (const std::string &similar :
         {std::string("simple is better than?"), "Oh: " + question(2), question(2).substr(1),
          std::string("Simple is  better than?"), std::string("Simple is better than\0?", 23)}) {
        Talk client(server);
        client.send(similar);
        client.expect_nothing_but_end();
    }
}

CHECK_OF_EACH(tcp_servers, "goes on after a stop", "[pts:1][needs:takes a question in pieces]") {
    trying("A client sends half a question; the server is stopped (SIGSTOP) and goes on (SIGCONT); "
           "then comes the other half.",
           "A system call that was interrupted fails with EINTR, as recv with a time limit does "
           "after SIGCONT: that is no error of the client, so make the call again.");
    by_hand("", "(printf 'Simple is '; sleep 3; printf 'better than?'; sleep 1) | nc -N 127.0.0.1 "
                "65432 & sleep 1; pkill -STOP -n -x " +
                    program.file() + "; sleep 1; pkill -CONT -n -x " + program.file() + "; wait");
    Server server(program);
    Talk client(server);
    client.send("Simple is ");
    require(test::wait_until_read(client.connection()), "what the client sent was not read");
    for (int i = 0; i < 3; ++i) test::stop_and_continue(server.pid());
    client.send("better than?");
    client.expect(letter(2), "the question was not answered");
}

CHECK_OF_EACH(tcp_servers, "refuses a question without end", "[pts:1][needs:serves one client]") {
    trying("A client sends letters without a '?', up to 8 MiB.",
           "Whoever never sends the '?' must not fill the memory: close the connection when 1024 "
           "bytes have come without one.");
    by_hand("", "head -c 100000 /dev/zero | tr '\\0' x | nc -N 127.0.0.1 65432     # must end");
    Server server(program);
    {
        Talk client(server);
        const std::string letters_only(64 * 1024, 'x');
        bool open = true;
        for (int i = 0; i < 128 && open; ++i) open = client.connection().send(letters_only);
        require(!open || client.ends(patience),
                "8 MiB without a '?' were taken, and the connection is still open");
    }
    serve_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(tcp_servers, "survives clients that reset", "[pts:1][needs:serves one client]") {
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

CHECK_OF_EACH(tcp_servers, "loses no answer of a slow reader",
              "[pts:2][needs:answers everything before the end of file]") {
    trying("A client sends 40,000 questions and reads no answer until the server takes no more of "
           "them; then it reads them all.",
           "send may take only a part of the bytes, or none (EAGAIN): what is left must be sent "
           "later, in order.");
    by_hand("", "(for i in $(seq 300000); do printf 'Simple is better than?'; done) | nc -N "
                "127.0.0.1 65432 | (sleep 3; wc -c)     # 2400000 bytes");
    Server server(program);
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
    by_hand("",
            "for i in 1 2 3 4 5 6 7 8 9; do ./zenc/zenc > /dev/null; done; ls /proc/$(pgrep -n " +
                program.file() + ")/fd | wc -l");
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
    by_hand("", "nc -d 127.0.0.1 65432 & top -b -n 1 -p $(pgrep -n " + program.file() +
                    ")     # the column %CPU");
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

CHECK_OF_EACH(zen_tcp_servers, "stops on SIGINT and SIGTERM", "[pts:2][needs:serves one client]") {
    trying("The server gets SIGINT (Ctrl-C), and another one SIGTERM, while a client is connected.",
           "Wait for signals where you wait for clients; then print \"Server stopped\", end all "
           "threads and children, and return 0.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; pkill -INT -n -x " + program.file());
    for (const int signal : {SIGINT, SIGTERM}) {
        Server server(program);
        Talk client(server);
        client.send(question(0));
        client.expect(letter(0));
        check_stops(server, signal);
    }
}

CHECK_OF_EACH(tcp_servers, "starts again on the same port",
              "[pts:1][needs:listens where it is told]") {
    trying("A server is ended while a client is connected, and started again on the same port at "
           "once.",
           "Set SO_REUSEADDR on the listening socket before bind: connections of the first server "
           "are in TIME_WAIT for a minute.");
    by_hand("", "nc -d 127.0.0.1 65432 & sleep 1; pkill -KILL -n -x " + program.file() + "; make " +
                    program.file() + " && ./" + std::string(program.path));
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

CHECK_OF_EACH(tcp_servers, "prints nothing that drives a terminal",
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
              "[pts:1][needs:serves one client]") {
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
    Server server(program);
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

CHECK_OF_EACH(concurrent_servers, "survives running out of descriptors",
              "[pts:1][needs:closes its descriptors][needs:sleeps when it has nothing to do]") {
    trying("The server may have 24 descriptors; three clients more connect than it can accept, ask "
           "and leave; then another one asks.",
           "accept fails with EMFILE then: log it, do not end, do not call it again and again, and "
           "accept when a client has left.");
    by_hand("make " + program.file() + " && (ulimit -n 24; ./" + std::string(program.path) + ")",
            "(for i in $(seq 40); do timeout 5 nc -d 127.0.0.1 65432 & done; wait); ./zenc/zenc");
    Limits limits;
    limits.descriptors = 24;
    Server server(program, {}, "127.0.0.1", limits);
    {
        const std::size_t least = 4; // in use before the first client, also where it cannot be seen
        const std::size_t used = [&] {
            const LookAs as_it = server.eyes();
            return std::max(test::descriptor_count(server.pid()), least);
        }();
        std::vector<Talk> clients; // no more: the backlog may be short
        for (std::size_t i = used; i < 24 + 3; ++i) clients.emplace_back(server);
        for (int i = 0; i < 8; ++i) clients[static_cast<std::size_t>(i)].send(question(0));
        clients.front().expect(letter(0), "the first client was not served");
        check_idle(server);
    }
    serve_another(server, "when all had left, another client was not served");
}

namespace {
constexpr auto event_loops = test::select<test::is_tcp_event_loop>();
}

CHECK_OF_EACH(event_loops, "echoes with -e", "[pts:1][needs:serves one client]") {
    trying("With -e, a client sends bytes of all kinds.",
           "With -e, send back what came in, byte for byte: NUL and bytes over 127 as well.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -e",
            "printf 'Hello\\n\\000\\377?' | nc -N 127.0.0.1 65432 | od -c");
    Server server(program, {"-e"});
    Talk client(server);
    std::string bytes = "\r\n \t";
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    bytes += "? \n";
    client.send(bytes);
    client.expect_bytes(bytes);
}
