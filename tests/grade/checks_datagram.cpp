// What every UDP server of the Zen protocol must do.
#include "check.h"

using namespace grade;

namespace {

using test::udp_event_loops;
using test::udp_servers;

void serve_another(Server &server) {
    Ask another(server);
    another.send(question(2));
    another.expect(letter(2));
}

} // namespace

CHECK_OF_EACH(udp_servers, "serves one client", "[pts:2]") {
    trying("A client sends one question as a datagram and waits for one to come back.",
           "Bind to the HOST and PORT of the command line, take a datagram with recvfrom, and send "
           "the answer with sendto to where it came from.");
    Server server(program);
    Ask client(server);
    client.send(question(0));
    require(client.receive().arrived, "no answer came");
}

CHECK_OF_EACH(datagram_programs, "answers word for word", "[pts:2][needs:serves one client]") {
    trying(
        "A client asks the three questions and compares the answers byte by byte.",
        "The full stop belongs to the answer, no newline and no NUL follows, and upper and lower "
        "case matter.");
    Server server(program);
    Ask client(server);
    for (const auto &[asked, answer] : test::zen) {
        client.send(asked);
        client.expect_bytes(answer);
    }
}

CHECK_OF_EACH(datagram_programs, "answers from the port it was asked at",
              "[pts:1][needs:serves one client]") {
    trying("A client asks, and looks from where the answer comes.",
           "Send the answer by the socket that the question came to: a client takes no answer from "
           "another address.");
    Server server(program);
    Ask client(server);
    client.send(question(0));
    const auto answer = client.receive();
    if (answer.sender.name() != server.address().name())
        fail("the answer came from another address", server.address().name(), answer.sender.name());
}

CHECK_OF_EACH(datagram_programs, "answers each client its own",
              "[pts:2][needs:serves one client]") {
    trying("Eight clients ask different questions at the same time, 20 times.",
           "Keep the address of the sender with each datagram: what threads share mixes clients.");
    by_hand("", "for i in 1 2 3 4 5 6 7 8; do ./zuc/zuc & done; wait");
    Server server(program);
    std::vector<Ask> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(server);
    for (std::size_t round = 0; round < 20; ++round) {
        const Stopped while_they_ask(server);
        for (std::size_t i = 0; i < clients.size(); ++i) clients[i].send(question((i + round) % 3));
        while_they_ask.go_on();
        for (std::size_t i = 0; i < clients.size(); ++i) clients[i].expect(letter((i + round) % 3));
    }
}

CHECK_OF_EACH(datagram_programs, "ignores white space around a question",
              "[pts:1][needs:serves one client]") {
    trying("A client sends a question with white space before it and a newline after it.",
           "nc -u sends the newline as well: trim space, tab, CR and LF on both sides.");
    Server server(program);
    Ask client(server);
    client.send(" \t" + question(1) + "\r\n");
    client.expect(letter(1));
}

CHECK_OF_EACH(datagram_programs, "ignores an unrecognized question",
              "[pts:1][needs:serves one client][faults][row 34]") {
    trying(
        "A client sends what is no question of the table, though it may be similar: other words, "
        "other letters, two questions, nothing, NUL and other bytes; then a question.",
        "A datagram that is not a question of the table, byte for byte, gets no answer, and ends "
        "nothing: an empty datagram is no end of file, and a string of C ends at a NUL.");
    Server server(program, few_workers(program));
    Ask client(server);
    const std::string bytes("\0\xff?\n", 4);
    for (const std::string &no_question :
         {std::string("Flat is better than?"), question(0) + question(1), std::string(), bytes,
          std::string("simple is better than?"), "Oh: " + question(2), question(2).substr(1),
          question(2) + std::string("\0x", 2)}) {
        client.send(no_question);
        if (const auto answer = client.receive(Milliseconds(50)); answer.arrived)
            fail("an answer came", "nothing", test::shown(answer.bytes));
    }
    client.send(question(0));
    client.expect(letter(0));
}

CHECK_OF_EACH(datagram_programs, "ignores a datagram that is too long",
              "[pts:1][needs:ignores white space around a question][faults][row 34]") {
    trying(
        "A client sends a question with 2000 spaces after it, 65,507 bytes, and then a question.",
        "recvfrom cuts what the buffer does not hold: a buffer of 1025 bytes tells a datagram of "
        "over 1024, which is ignored, from a shorter one.");
    by_hand("",
            "printf '%-2024s' 'Simple is better than?' | nc -u -w 2 127.0.0.1 65432     # nothing");
    Server server(program, few_workers(program));
    Ask client(server);
    for (const std::string &long_one :
         {question(0) + std::string(2000, ' '), std::string(65'507, '?')}) {
        client.send(long_one);
        if (const auto answer = client.receive(Milliseconds(100)); answer.arrived)
            fail("a datagram of over 1024 bytes was answered", "nothing",
                 test::shown(answer.bytes));
    }
    client.send(question(1));
    client.expect(letter(1));
}

CHECK_OF_EACH(datagram_programs, "answers a burst", "[pts:1][needs:answers each client its own]") {
    trying("100 clients send a question each while the server is stopped; then it goes on.",
           "Datagrams wait in the socket: after one, take the next, until there is none.");
    by_hand("", "(for i in $(seq 40); do ./zuc/zuc & done; wait) | grep -c Received     # 120");
    Server server(program);
    std::vector<Ask> clients;
    for (int i = 0; i < 100; ++i) clients.emplace_back(server);
    const Stopped while_they_ask(server);
    for (Ask &client : clients) client.send(question(0));
    while_they_ask.go_on();
    for (Ask &client : clients) client.expect(letter(0));
}

CHECK_OF_EACH(udp_servers, "sleeps when it has nothing to do", "[pts:1][needs:serves one client]") {
    trying("After an answer, the processor time of the server is measured for half a second.",
           "A server that waits must sleep in a system call: no loop with a timeout of 0, no "
           "recvfrom on a non-blocking socket again and again.");
    by_hand("", "top -b -n 1 -p PID     # the column %CPU");
    Server server(program);
    serve_another(server);
    check_idle(server);
}

CHECK_OF_EACH(udp_servers, "stops on SIGINT and SIGTERM",
              "[pts:2][needs:serves one client][faults][row 27][stop]") {
    trying("The server gets SIGINT (Ctrl-C), and another one SIGTERM.",
           "Wait for signals where you wait for datagrams; then print \"Server stopped\", end all "
           "threads and children, and return 0.");
    by_hand("", "kill -INT PID");
    for (const int signal : {SIGINT, SIGTERM}) {
        Server server(program);
        serve_another(server);
        check_stops(server, signal);
    }
}

CHECK_OF_EACH(datagram_programs, "prints nothing that drives a terminal",
              "[pts:1][needs:ignores an unrecognized question]") {
    trying("A client sends a datagram with escape sequences, a newline and other bytes in it.",
           "What a client sends may clear the screen or look like another line of the log: print "
           "bytes that are not printable ASCII escaped, as \\x1b or \\n.");
    Server server(program);
    Ask client(server);
    client.send("\x1b[2Jgo\nConnected by nobody\x07\xff?");
    client.send(question(0));
    client.expect(letter(0));
    check_clean_output(server);
}

CHECK_OF_EACH(udp_event_loops, "echoes with -e",
              "[pts:1][needs:serves one client][faults][row 34]") {
    trying("With -e, a client sends a datagram with bytes of all kinds, an empty one, and one of "
           "65,507 bytes.",
           "With -e, send back what came in, byte for byte: NUL and bytes over 127 as well.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -e",
            "printf 'Hello\\n\\000\\377?' | nc -u -w 2 127.0.0.1 65432 | od -c");
    Server server(program, {"-e"});
    Ask client(server);
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    for (const std::string &datagram :
         {bytes, std::string(), test::repeat(bytes, 256).substr(0, 65'507), std::string("?"),
          std::string(" \t Hello \r\n")}) {
        client.send(datagram);
        client.expect_bytes(datagram);
    }
}
