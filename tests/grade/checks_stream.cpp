// What every TCP server of the Zen protocol must do with what its clients send: questions, in pieces or
// several at a time. What it must survive stands in checks_stream_survival.cpp.
#include "checks_stream.h"

using namespace grade;
using test::zen_tcp_servers;

namespace {

constexpr auto event_loops = test::select<test::is_tcp_echo_server>();

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

CHECK_OF_EACH(stream_programs, "answers word for word", "[pts:2][needs:serves one client]") {
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

CHECK_OF_EACH(zen_tcp_servers, "takes a question in pieces",
              "[pts:1][needs:serves one client][faults][row 1]") {
    trying("A client sends a question byte by byte, each when the server has read the one before.",
           "TCP is a stream of bytes: what one recv returns need not be a whole question. Keep "
           "what has come until there is a '?'.");
    Server server(program);
    Talk client(server);
    client.send_in_pieces(question(1));
    client.expect(letter(1));
}

CHECK_OF_EACH(stream_programs, "takes several questions in one segment",
              "[pts:1][needs:answers question after question][faults][row 2]") {
    trying("A client sends three questions at once.",
           "One recv may return several questions. Answer each that is complete, and do not drop "
           "what follows the first '?'.");
    Server server(program);
    Talk client(server);
    client.send(questions(3));
    client.expect(letters(3), "not every question was answered, in this order");
}

CHECK_OF_EACH(stream_programs, "keeps the beginning of the next question",
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

CHECK_OF_EACH(stream_programs, "skips white space before a question",
              "[pts:1][needs:serves one client]") {
    trying("A client types: an empty line, a tab, and a question.",
           "nc and telnet send a newline after each line. Skip space, tab, CR and LF before a "
           "question.");
    Server server(program);
    Talk client(server);
    client.send("\r\n \t" + question(2));
    client.expect(letter(2));
}

CHECK_OF_EACH(stream_programs, "answers everything before the end of file",
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

CHECK_OF_EACH(stream_programs, "closes when the client has closed",
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

CHECK_OF_EACH(stream_programs, "closes after an unrecognized question",
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

CHECK_OF_EACH(stream_programs, "answers what came before an unrecognized question",
              "[pts:1][needs:takes several questions in one segment]"
              "[needs:closes after an unrecognized question][faults][row 5]") {
    trying("20 clients send, at once, a question of the table, one that is not in it, and 20,000 "
           "bytes more.",
           "Deliver the answers to the questions before the unrecognized one, then close. A close "
           "with bytes unread resets the connection, and the reset may overtake the answers: shut "
           "down sending, and read until the client has closed.");
    by_hand("",
            "(printf 'Explicit is better than?Flat is better than?'; head -c 20000 /dev/zero | tr "
            "'\\0' x; sleep 2) | nc 127.0.0.1 65432     # Implicit.");
    Server server(program);
    for (int i = 0; i < 20; ++i) { // a reset overtakes the answer now and then
        Talk client(server);
        client.send(question(1) + "Flat is better than?" + std::string(20'000, 'x'));
        client.expect(letter(1), "the question before the unrecognized one was not answered");
        client.expect_end();
        require(!client.connection().was_reset(), "the connection was reset instead of closed");
    }
}

CHECK_OF_EACH(stream_programs, "answers no question that is only similar",
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

CHECK_OF_EACH(stream_programs, "goes on after a stop",
              "[pts:1][needs:takes a question in pieces][faults][row 29]") {
    trying("A client sends half a question; the server is stopped (SIGSTOP) and goes on (SIGCONT); "
           "then comes the other half.",
           "A system call that was interrupted fails with EINTR, as recv with a time limit does "
           "after SIGCONT: that is no error of the client, so make the call again.");
    by_hand("", "(printf 'Simple is '; sleep 3; printf 'better than?'; sleep 1) | nc -N 127.0.0.1 "
                "65432 & sleep 1; kill -STOP PID; sleep 1; kill -CONT PID; wait");
    Server server(program, patient(program));
    Talk client(server);
    client.send("Simple is ");
    require(test::wait_until_read(client.connection()), "what the client sent was not read");
    for (int i = 0; i < 3; ++i) test::stop_and_continue(server.pid());
    client.send("better than?");
    client.expect(letter(2), "the question was not answered");
}

CHECK_OF_EACH(stream_programs, "refuses a question without end",
              "[pts:1][needs:serves one client]") {
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
