// The chat client, chatc, with a pipe as its standard input: two tasks, one for each side. What a person
// sees at a terminal is tested in tests/test_chatc.cpp.
#include "checks_clients.h"

using namespace grade;
using test::Connection, test::Listener;

namespace {

constexpr auto chatc = only<"chatc">();

const std::string welcome = "Welcome! 1 user(s) are online!\n",
                  server_by_hand = "make chats && ./asyncio/chats";

std::vector<std::string> as_ada(const Endpoint &server, std::vector<std::string> options = {}) {
    options.insert(options.end(), {"ada", server.host, std::to_string(server.port)});
    return options;
}

// chatc with a pipe, at a server that the check plays and that has welcomed it.
struct Welcomed {
    explicit Welcomed(const Program &program, const std::string &typed = {})
        : client(program, as_ada(listener.local()), {}, typing(typed)), server(listener.accept()) {
        receive_up_to(server, "CONNECT ada\n");
        server.send(welcome);
    }
    const std::string &typing(const std::string &typed) {
        if (!typed.empty()) keyboard.write(typed);
        return keyboard.path();
    }
    // Waits until it has printed that line.
    void expect_shown(const std::string &line, const std::string &otherwise) {
        if (!client.wait_for(line + "\n"))
            fail(otherwise, test::shown(line), test::shown(client.standard_output()));
    }
    Listener listener;
    Pipe keyboard;
    Student client;
    Connection server;
};

} // namespace

CHECK_OF_EACH(chatc, "says its name and is welcomed", "[pts:2]") {
    trying(
        "The client is run with a pipe as its standard input; the server waits for CONNECT ada, "
        "and says welcome.",
        "Connect, send CONNECT, a blank, the name and a newline, and print the line that comes.");
    by_hand(server_by_hand, "sleep 9 | ./asyncio/chatc ada");
    Welcomed ada(program);
    ada.expect_shown("Welcome! 1 user(s) are online!", "it did not print the welcome");
}

CHECK_OF_EACH(chatc, "sends what comes out of the pipe",
              "[pts:2][needs:says its name and is welcomed]") {
    trying("Two lines, an empty one and a last one without its newline come out of the pipe, and "
           "then its end.",
           "send_lines reads until the input ends; what is there then is a line as well. Then send "
           "the end of file (write_eof).");
    by_hand(server_by_hand, "printf 'Hello\\nHow are you?\\n\\nand good' | ./asyncio/chatc ada");
    Welcomed ada(program, "Hello\nHow are you?\n\nand good");
    const std::string expected = "Hello\nHow are you?\n\nand good\n";
    const std::string before = receive_up_to(ada.server, "How are you?\n");
    ada.keyboard.end();
    const std::string came = before + ada.server.receive_all();
    if (came != expected) fail("other lines came", test::shown(expected), test::shown(came));
    require(ada.server.ended(), "after the end of its input, the end of file did not come");
}

CHECK_OF_EACH(chatc, "prints what the others say",
              "[pts:2][needs:says its name and is welcomed][faults][row 38]") {
    trying("Nothing is typed, and the server says two lines, the second one in pieces.",
           "The keyboard and the server are two tasks, as neither may wait for the other.");
    by_hand(server_by_hand, "sleep 99 | ./asyncio/chatc ada     # and ./asyncio/chatc bob in a "
                            "third terminal");
    Welcomed ada(program);
    ada.server.send("bob: How are you?\n");
    ada.expect_shown("bob: How are you?", "it did not print what another one says");
    send_in_pieces(ada.server, "bob: Hello?\n", 3);
    ada.expect_shown("bob: Hello?", "it did not print what came in pieces");
}

CHECK_OF_EACH(chatc, "sends a line as soon as it is typed",
              "[pts:1][needs:sends what comes out of the pipe]") {
    trying("A line comes out of the pipe, which stays open; what is typed later is sent later.",
           "Send each line when it is complete, and not at the end of the input; and do not send "
           "what is not complete.");
    by_hand(server_by_hand, "(echo Hello; sleep 99) | ./asyncio/chatc ada");
    Welcomed ada(program, "Hello\nHow ");
    receive_up_to(ada.server, "Hello\n");
    if (const std::string more = ada.server.receive(1, Milliseconds(200)); !more.empty())
        fail("a line was sent before it was complete", "nothing yet", test::shown(more));
    ada.server.send("bob: Hi\n");
    ada.expect_shown("bob: Hi", "it did not print what another one says while a line is typed");
    ada.keyboard.write("are you?\n");
    if (const std::string came = receive_up_to(ada.server, "you?\n"); came != "How are you?\n")
        fail("another line came", "How are you?", test::shown(came));
}

CHECK_OF_EACH(chatc, "hears to the end",
              "[pts:1][needs:sends what comes out of the pipe]"
              "[needs:prints what the others say]") {
    trying("The input ends; after that, the server says two more lines, and closes.",
           "At the end of the input send the end of file, and read on until the server closes: "
           "status 0.");
    by_hand(server_by_hand, "echo Hello | ./asyncio/chatc ada; echo $?     # 0");
    Welcomed ada(program, "Hello\n");
    receive_up_to(ada.server, "Hello\n");
    ada.keyboard.end();
    ada.server.receive_all();
    require(ada.server.ended(), "after the end of its input, the end of file did not come");
    ada.server.send("ada: Hello\nada has left the chat\n");
    ada.server.close();
    expect_status(ada.client, 0);
    const std::string expected = welcome + "ada: Hello\nada has left the chat\n";
    if (const std::string found = ada.client.standard_output(); found != expected)
        fail("it printed something else", test::shown(expected), test::shown(found));
}

CHECK_OF_EACH(chatc, "ends when the server has gone", "[pts:1][needs:prints what the others say]") {
    trying("The pipe stays open, and the server closes, or resets the connection.",
           "The end of file is an error if the user has not ended: gather throws what the first "
           "task throws. One line on standard error, status 1.");
    by_hand(server_by_hand + "     # then Ctrl-C",
            "sleep 99 | ./asyncio/chatc ada; echo $?     # 1");
    for (const bool reset : {false, true}) {
        Welcomed ada(program);
        ada.expect_shown("Welcome! 1 user(s) are online!", "it did not print the welcome");
        reset ? ada.server.reset() : ada.server.close();
        expect_failure(ada.client);
    }
}

CHECK_OF_EACH(chatc, "says why it is refused", "[pts:1][needs:says its name and is welcomed]") {
    trying("The server answers CONNECT ada with The name ada is in use, and closes.",
           "If the first line is no welcome, it says why: print it on standard error, status 1.");
    by_hand(server_by_hand, "sleep 99 | ./asyncio/chatc ada & sleep 1; ./asyncio/chatc ada");
    Listener listener;
    const Pipe keyboard;
    Student client(program, as_ada(listener.local()), {}, keyboard.path());
    Connection server = listener.accept();
    receive_up_to(server, "\n");
    server.send("The name ada is in use\n");
    server.close();
    expect_failure(client);
    if (const std::string said = client.standard_error();
        said.find("The name ada is in use") == said.npos)
        fail("it did not say why", "chatc: The name ada is in use", test::shown(said));
}

CHECK_OF_EACH(chatc, "gives up without a server and without a welcome",
              "[pts:1][needs:says its name and is welcomed][faults][row 39]") {
    trying("The client is run where no server is; against one that closes at once; and with -t 1 "
           "against a silent one.",
           "Limit the wait for the connection and for the first line (wait_for), and catch what is "
           "thrown: one line on standard error, status 1.");
    by_hand("nc -l 127.0.0.1 8000", "./asyncio/chatc -t 1 ada; echo $?     # 1");
    Listener listener;
    {
        Student client(program, as_ada(listener.local(), {"-t", "1"}));
        const Connection silent = listener.accept();
        expect_failure(client);
    }
    {
        Student client(program, as_ada(listener.local()));
        Connection server = listener.accept();
        receive_up_to(server, "\n");
        server.close();
        expect_failure(client);
    }
    const Endpoint nobody = listener.local();
    listener.close();
    Student client(program, as_ada(nobody));
    expect_failure(client);
}

CHECK_OF_EACH(chatc, "prints nothing that drives a terminal",
              "[pts:1][needs:prints what the others say][faults][row 22]") {
    trying("Somebody says a line with an escape sequence in it.",
           "Print bytes that are not printable ASCII escaped, as \\x1b: typed->print does.");
    by_hand(server_by_hand, "(sleep 1; printf '\\033[2J\\n') | ./asyncio/chatc ada | od -c");
    Welcomed ada(program);
    ada.server.send("bob: \x1b[2J\xff\nbob: end\n");
    ada.expect_shown("bob: end", "it did not print the next line");
    for (const char c : ada.client.standard_output())
        if (c != '\n' && (c < ' ' || c > '~'))
            fail("a byte was printed that is not printable ASCII", "escapes such as \\x1b",
                 test::shown(ada.client.standard_output()));
}

CHECK_OF_EACH(chatc, "reports a bad command line", "[pts:1]") {
    check_command_line(program, {{},
                                 {"-Z", "ada"},
                                 {"-t", "soon", "ada"},
                                 {"ada", "localhost", "65536"},
                                 {"ada", "localhost", "80", "surplus"}});
}
