// The edges of the Zen protocol: what just is a question and what just is none, over TCP and UDP.
#include "checks_stream.h"

using namespace grade;
using namespace std::string_literals;

namespace {

using test::tcp_echo_servers;

// The last question of the table with so many spaces before it that there are `size` bytes.
std::string padded(std::size_t size) {
    return std::string(size - question(2).size(), ' ') + question(2);
}

// What is sent as a question, and is none: white space belongs nowhere but around it, and only
// space, tab, CR and LF are white space.
const std::vector<std::string> no_questions = {
    "Simple is better than ?",  "Simple is\nbetter than?",  "Simple\tis better than?",
    "\vSimple is better than?", "\fSimple is better than?", "\0Simple is better than?"s};

// That a UDP server says nothing to this.
void expect_silence(Ask &client, const std::string &datagram, const std::string &what) {
    client.send(datagram);
    if (const auto answer = client.receive(Milliseconds(60)); answer.arrived)
        fail(what, "nothing", test::shown(answer.bytes));
}

} // namespace

// ---- TCP

CHECK_OF_EACH(stream_programs, "takes white space before a question and nowhere else",
              "[pts:1][needs:closes after an unrecognized question]") {
    trying(
        "One client asks two questions with white space of all four kinds before each. Others "
        "have a space before the question mark, a newline or a tab inside, or \\v, \\f or NUL "
        "before the question, and must not be answered.",
        "Skip space, tab, CR and LF before each question, not only before the first, and no more: "
        "isspace takes \\v and \\f as well. What stands in a question is part of it.");
    Server server(program);
    {
        Talk client(server);
        client.send(" \t\r\n" + question(0) + "\n\r\t " + question(1));
        client.expect("UI", "not both questions were answered");
    }
    for (const std::string &similar : no_questions) {
        Talk client(server);
        client.send(similar);
        client.expect_nothing_but_end();
    }
}

CHECK_OF_EACH(stream_programs, "takes a question of 1024 bytes and no longer one",
              "[pts:1][needs:skips white space before a question]"
              "[needs:refuses a question without end][faults][row 52]") {
    trying("A client sends questions of 1023 bytes and of 1024 bytes, the white space before each "
           "included, two at once, and is answered. Then one sends 1025 bytes, two others send "
           "1024 bytes without a question mark, after a question.",
           "A question may have 1024 bytes, with its question mark and the white space before it. "
           "Begin to count anew at each question; and when 1024 bytes have come without one, "
           "close at once, as the next byte may never come.");
    by_hand("",
            "(printf '%1003s' ''; printf 'Simple is better than?'; sleep 2) | nc 127.0.0.1 65432"
            "     # nothing; with 1002, Complex.");
    Server server(program);
    {
        Talk client(server);
        for (const std::size_t size : {1023u, 1024u}) { // both at once, so that it counts anew
            client.send(padded(size) + padded(size));
            client.expect("CC",
                          "a question of " + std::to_string(size) + " bytes was not answered");
        }
    }
    Talk too_long(server);
    too_long.send(padded(1025));
    too_long.expect_nothing_but_end();
    Talk endless(server);
    endless.send(question(0) + std::string(1023, 'x'));
    endless.expect("U", "the question before was not answered");
    require(!endless.ends(Milliseconds(50)), "the connection was closed after 1023 bytes already");
    endless.send("x");
    endless.expect_end("1024 bytes have come without a '?', and the connection is still open");
    Talk at_once(server);
    at_once.send(question(0) + std::string(1024, 'x'));
    at_once.expect("U", "the question before the one that is too long was not answered");
    at_once.expect_nothing_but_end();
}

CHECK_OF_EACH(stream_programs, "answers no question after an unrecognized one",
              "[pts:1][needs:takes several questions in one segment]"
              "[needs:closes after an unrecognized question]") {
    trying(
        "A client sends, at once, a question of the table, one that is not in it, and two more of "
        "the table. Another one sends the last two later.",
        "The conversation is over with an unrecognized question: do not look for the next '?', "
        "neither in the buffer nor in what comes while you wait for the end of file.");
    by_hand("", "printf 'Simple is better than?Flat is better than?Simple is better than?' | nc -N "
                "127.0.0.1 65432     # Complex. once");
    Server server(program);
    {
        Talk client(server);
        client.send(question(2) + "Flat is better than?" + question(0) + question(1));
        client.expect("C", "the question before the unrecognized one was not answered");
        client.expect_nothing_but_end();
    }
    Talk client(server);
    client.send(question(2) + "Flat is better than?");
    client.expect("C", "the question before the unrecognized one was not answered");
    client.connection().send(question(0) + question(1)); // it may be closed already
    client.expect_nothing_but_end();
}

CHECK_OF_EACH(stream_programs, "answers no half a question",
              "[pts:1][needs:closes when the client has closed]") {
    trying("A client sends a question without its question mark, and shuts down its sending side.",
           "The question mark ends a question, not the end of file: log it, and close.");
    Server server(program);
    Talk client(server);
    client.send("Simple is better than");
    client.finish();
    client.expect_nothing_but_end();
}

CHECK_OF_EACH(tcp_echo_servers, "echoes whatever has come", "[pts:1][needs:echoes with -e]") {
    trying(
        "With -e, a client sends half a line, the rest of it, then 5000 bytes without a '?' or a "
        "newline, then an unrecognized question, and shuts down its sending side.",
        "An echo server waits for no end of a line and for no '?', and has no limit for a "
        "question. At the end of file, it has sent back everything.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -e",
            "(printf Hel; sleep 1; printf lo; sleep 1) | nc -N 127.0.0.1 65432     # at once");
    Server server(program, {"-e"});
    Talk client(server);
    std::string all;
    for (const std::string &piece :
         {"Hel"s, "lo"s, std::string(5000, 'x'), "Flat is better than?"s, "  "s}) {
        client.send(piece);
        all += piece;
        client.expect_bytes(all, "what was sent has not come back");
    }
    client.finish();
    client.expect_end();
}

// ---- UDP

CHECK_OF_EACH(datagram_programs, "takes white space around a question and nowhere else",
              "[pts:1][needs:ignores white space around a question]") {
    trying(
        "A client asks with white space of all four kinds on both sides. Other datagrams have a "
        "space before the question mark, a newline or a tab inside, or \\v, \\f or NUL before or "
        "after the question, and must not be answered.",
        "Trim space, tab, CR and LF on both sides, and no more: isspace takes \\v and \\f as well. "
        "What stands in a question is part of it.");
    Server server(program);
    Ask client(server);
    client.send("\n\r\t " + question(1) + " \t\r\n");
    client.expect(letter(1));
    for (const std::string &similar : no_questions)
        expect_silence(client, similar, "what is no question was answered");
    for (const std::string &end : {"\v"s, "\f"s, "\0"s})
        expect_silence(client, question(0) + end, "what is no question was answered");
    client.send(question(0));
    client.expect(letter(0));
}

CHECK_OF_EACH(datagram_programs, "takes a datagram of 1024 bytes and no longer one",
              "[pts:1][needs:ignores a datagram that is too long]") {
    trying("A client sends questions with spaces before them, of 1023, 1024 and 1025 bytes in all.",
           "A datagram may have 1024 bytes, with the white space. Look at its size before you trim "
           "it.");
    by_hand("",
            "printf '%1025s' 'Simple is better than?' | nc -u -w 2 127.0.0.1 65432     # nothing; "
            "with 1024, Complex.");
    Server server(program);
    Ask client(server);
    for (const std::size_t size : {1023u, 1024u}) {
        client.send(padded(size));
        client.expect("C");
    }
    expect_silence(client, padded(1025), "a datagram of 1025 bytes was answered");
    expect_silence(client, question(2) + std::string(1025 - question(2).size(), ' '),
                   "a datagram of 1025 bytes was answered");
    client.send(question(0));
    client.expect(letter(0));
}

CHECK_OF_EACH(datagram_programs, "takes each datagram for itself",
              "[pts:1][needs:ignores an unrecognized question]") {
    trying("A client sends a question in two datagrams, another one the end of a question that the "
           "first has begun; then each asks.",
           "A datagram is whole: what it brings is a question or none. Keep nothing of it for the "
           "next one, as TCP's servers do.");
    by_hand("", "(printf 'Simple is '; sleep 1; printf 'better than?') | nc -u -w 2 127.0.0.1 65432"
                "     # nothing");
    Server server(program, few_workers(program));
    Ask first(server), second(server);
    for (const char *half : {"Simple is ", "better than?", "Simple is "})
        expect_silence(first, half, "half a question was answered");
    expect_silence(second, "better than?", "half a question was answered");
    first.send(question(0));
    first.expect(letter(0));
    second.send(question(1));
    second.expect(letter(1));
}

// ---- -t of the servers

CHECK_OF_EACH(servers_with_time_limit, "counts the seconds of -t",
              "[pts:1][needs:serves one client]") {
    trying(
        "With -t 3, a client is silent for half a second, asks, is silent for half a second, and "
        "asks again.",
        "-t counts seconds. What takes the time limit may count in another unit: poll in "
        "milliseconds, SO_RCVTIMEO in seconds and microseconds.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " -t 3",
            "(for i in 1 2; do sleep 1; printf 'Simple is better than?'; done; sleep 1) | nc -N "
            "127.0.0.1 65432");
    Server server(program, {"-t", "3"});
    Talk client(server);
    for (int i = 0; i < 2; ++i) {
        require(!client.ends(Milliseconds(500)), "with -t 3, it has given up after half a second");
        client.send(question(2));
        client.expect("C", "with -t 3, a client was not served after half a second");
    }
}
