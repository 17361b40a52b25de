// What a client prints: its lines and their order, also when no answer comes; what a server may
// send that is not to be printed as it is; and what becomes of a client that cannot print.
#include "checks_clients.h"

using namespace grade;
using test::Connection, test::Datagrams, test::Listener;

namespace {

constexpr auto zen_clients = only<"zenc", "zuc">();
constexpr auto zuc = only<"zuc">();
using test::client_programs;

// Plays the server of that client for the whole conversation.
class Player {
  public:
    explicit Player(const Program &program) : program_(program) {}
    Endpoint address() const {
        return program_.name == "zuc" ? datagrams_.local() : listener_.local();
    }
    void serve() {
        if (program_.name == "zuc") return answer_datagrams(datagrams_);
        Connection server = listener_.accept();
        play(program_, server);
        server.receive_all(); // until the client leaves
    }
    // As long as the client is there, whatever it asks.
    void serve_while_there(Student &client) {
        for (int i = 0; i < 500 && !client.wait_exit(Milliseconds(20), false); ++i)
            for (auto asked = datagrams_.receive(Milliseconds(0)); asked.arrived;
                 asked = datagrams_.receive(Milliseconds(0)))
                for (const auto &[question, answer] : test::zen)
                    if (asked.bytes == question) datagrams_.send_to(asked.sender, answer);
    }
    // Answers the first question with these bytes, and no other; TCP: closes then.
    void answer_once(std::string_view bytes) {
        if (program_.name == "zuc")
            return datagrams_.send_to(next_question(datagrams_, 0).sender, bytes);
        Connection server = listener_.accept();
        take_request(program_, server);
        server.send(bytes);
        server.shut_down_sending();
        server.receive_all();
    }

  private:
    const Program &program_;
    Listener listener_;
    Datagrams datagrams_;
};

// The lines for questions and answers, in the order in which they were printed.
std::string conversation(const Student &client) {
    std::istringstream text(client.standard_output());
    std::string found;
    for (std::string line; std::getline(text, line);)
        if (line.rfind("Sent: ", 0) == 0 || line.rfind("Received: ", 0) == 0) found += line + "\n";
    return found;
}

std::string server_by_hand(const Program &program) {
    if (program.name == "zenc") return "make zens && ./zens/zens";
    if (program.name == "zuc") return "make zus && ./zus/zus";
    const std::string server = std::string(program.name.substr(0, 2)) + "s";
    return "make " + server + " && ./framing/" + server;
}

} // namespace

CHECK_OF_EACH(zen_clients, "prints each answer below its question",
              "[pts:1][needs:prints questions and answers]") {
    trying(
        "A server answers; then the order of the lines is looked at.",
        "\"Sent: ...\", then \"Received: ...\" for the first question, then the same for the next "
        "one: print each when it happens.");
    by_hand(server_by_hand(program), run(program));
    Player player(program);
    Student client(program, at(player.address()));
    player.serve();
    expect_status(client, 0);
    std::string wanted;
    for (const auto &[asked, answer] : test::zen)
        wanted += "Sent: " + std::string(asked) + "\nReceived: " + std::string(answer) + "\n";
    if (const std::string found = conversation(client); found != wanted)
        fail("the lines stand in another order", test::shown(wanted), test::shown(found));
}

CHECK_OF_EACH(zen_clients, "prints what it has sent although no answer comes",
              "[pts:1][needs:asks the three questions]") {
    trying("The server takes the first question and does not answer (TCP: it closes).",
           "Print \"Sent: ...\" when you have sent the question, and \"Received: ...\" only for an "
           "answer that has come.");
    by_hand("(none: no server)", run(program, " -t 1"));
    Player player(program);
    Student client(program, at(player.address(), {"-t", "1"}));
    if (program.name == "zenc") player.answer_once("");
    expect_status(client, 1);
    const std::string wanted = "Sent: " + question(0) + "\n";
    if (const std::string found = conversation(client); found != wanted)
        fail("it printed otherwise", test::shown(wanted), test::shown(found));
}

CHECK_OF_EACH(zuc, "prints a question once", "[pts:1][needs:asks again]") {
    trying("A server does not answer the first datagram, but the second one, in which the same "
           "question comes again.",
           "Print \"Sent: ...\" once for a question, however often you send it.");
    by_hand("(none: no server)", run(program, " -t 3"));
    Datagrams server;
    Student client(program, at(server.local()));
    next_question(server, 0); // lost
    const auto again = server.receive();
    require(again.arrived, "it did not ask again");
    server.send_to(again.sender, answer(0));
    answer_datagrams(
        server, [](std::size_t, const Endpoint &) {}, 1);
    expect_status(client, 0);
    if (const std::string found = lines(client, "Sent: "); found != sent_lines())
        fail("it printed other questions", test::shown(sent_lines()), test::shown(found));
}

CHECK_OF_EACH(client_programs, "prints nothing that drives a terminal",
              "[pts:1][needs:base][faults][row 21][row 22]") {
    trying("A server answers with escape sequences, a newline, a backslash and other bytes.",
           "What a server sends may clear the screen or look like another line: print bytes that "
           "are not printable ASCII escaped, as \\x1b or \\n, and a backslash as two. (Or refuse "
           "what is no answer.)");
    const bool framing = test::is_framing_client(program);
    const std::string newline = program.name == "adc" ? "" : "\nSent: no question";
    const std::string text = "a\x1b[2J\\b" + newline + "\x07\xff!";
    by_hand("(sleep 3; printf 'a\\033[2J\\\\b.') | nc -N -l 127.0.0.1 " + std::string(program.port),
            run(program));
    Player player(program);
    Student client(program, at(player.address(), {"-t", "1"}));
    std::string sent = framing ? test::framed(program, text) : text + ".";
    player.answer_once(sent);
    client.exit_status();
    for (const std::string &output : {client.standard_output(), client.standard_error()})
        for (const char c : output)
            if ((c < ' ' || c > '~') && c != '\n')
                fail("a byte was printed that is not printable ASCII", "escapes such as \\x1b",
                     test::shown(output));
    if (lines(client, "Sent: no question") != "")
        fail("a line was printed that the server has forged", "the newline as \\n",
             test::shown(client.standard_output()));
    const std::string line = lines(client, framing ? "Received response: " : "Received: ");
    for (const char *escape : {"[2J", "\\x1b", "\\\\b", "\\n"})
        if (!line.empty() && line.find(escape) == line.npos &&
            (escape != std::string("\\n") || !newline.empty()))
            fail("bytes were left out, or printed in another way",
                 test::shown("a\x1b[2J\\b" + newline), line);
}

CHECK_OF_EACH(client_programs, "says when it cannot print", "[pts:1][needs:base]") {
    trying("The pipe that takes the output of the client is closed; then the server answers.",
           "Output may fail, for a closed pipe or a full disk: then say so on standard error and "
           "return 1. SIGPIPE, which would end the program, must be ignored; and with printf or "
           "cout, only flushing shows what has failed.");
    by_hand(server_by_hand(program),
            "./" + std::string(program.path) + " > /dev/full; echo $?     # 1");
    Player player(program);
    Student client(program, at(player.address()));
    client.close_output();
    try {
        if (program.name == "zuc") player.serve_while_there(client);
        else player.serve();
    } catch (const Failed &) { // it has given up already
    }
    expect_failure(client);
}
