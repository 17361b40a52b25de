// The chat server, chats: who is there hears the same as all others, and nobody waits for anybody.
#include "checks_lines.h"

#include <algorithm>

using namespace grade;

namespace {

constexpr auto chats = only<"chats">();

const std::string typed =
    "nc 127.0.0.1 8000     # type CONNECT ada; and CONNECT bob in a third one";
std::string nc(const std::string &input) { return input + " | nc -N 127.0.0.1 8000"; }

// That a client which comes so is told why not, and hung up on; nothing it said is heard.
void refuse(Server &server, const std::string &first, const std::string &why) {
    Talk client(server);
    client.send(first + "\n");
    client.expect_end("the client that sent " + test::shown(first) + " is still connected");
    if (client.received().find("Welcome!") != std::string::npos)
        fail("it was welcomed with a name that " + why, "one line that says why not",
             test::shown(client.received()));
    require(!client.received().empty(), "the client was not told why it is refused");
}

} // namespace

CHECK_OF_EACH(chats, "says who comes and speaks and leaves", "[pts:3][needs:serves one client]") {
    trying("Ada and Bob connect; each says a line; Bob leaves. Ada is to hear it all.",
           "Say to all who are in the table, also to who speaks: NAME connected!, NAME: what was "
           "said, NAME has left the chat.");
    by_hand("", typed);
    Server server(program);
    User ada(server, "ada");
    {
        User bob(server, "bob");
        ada.expect_line("bob connected!", "who is there does not hear who comes");
        ada.send("Hello!\n");
        bob.expect_line("ada: Hello!", "the other one does not hear what is said");
        ada.expect_line("ada: Hello!", "who speaks does not hear it");
        bob.send("Hi\n");
        ada.expect_line("bob: Hi", "the other one does not hear what is said");
        bob.expect_line("bob: Hi", "who speaks does not hear it");
        bob.finish();
        bob.expect_end("who has left is still connected");
    }
    ada.expect_line("bob has left the chat", "the others do not hear who leaves");
}

CHECK_OF_EACH(chats, "tells how many are there", "[pts:1][needs:serves one client]") {
    trying("Three connect, one leaves, and another one comes.",
           "Welcome! N user(s) are online! counts all who are in the table, the new one as well.");
    by_hand("", typed);
    Server server(program);
    const auto come = [&](const std::string &name, const std::string &expected) {
        Talk user(server);
        user.send("CONNECT " + name + "\n");
        user.expect_line("Welcome! " + expected + " user(s) are online!", "the number is wrong");
        return user;
    };
    const Talk ada = come("ada", "1");
    Talk bob = come("bob", "2");
    const Talk cyd = come("cyd", "3");
    bob.finish();
    bob.expect_end();
    come("dan", "3");
}

CHECK_OF_EACH(chats, "takes lines however they end",
              "[pts:1][needs:says who comes and speaks and leaves]") {
    trying("Bob sends a line with CR before the newline, an empty one, and one without a newline "
           "before he leaves.",
           "The end of a line is \\n or \\r\\n, and is not said. An empty line is nothing. What is "
           "there at the end of file is a line, too.");
    by_hand("", nc("printf 'CONNECT bob\\nHi\\r\\n\\nand good'"));
    Server server(program);
    User ada(server, "ada"), bob(server, "bob");
    ada.expect_line("bob connected!");
    bob.send("Hi\r\n\nand good");
    bob.finish();
    ada.expect_line("bob: Hi");
    ada.expect_line("bob: and good");
    ada.expect_line("bob has left the chat");
}

CHECK_OF_EACH(chats, "refuses a name that is in use",
              "[pts:2][needs:says who comes and speaks and leaves]") {
    trying(
        "A second ada comes while the first is there; and again when she has left.",
        "Between \"is it free\" and \"it is taken\" there must be no co_await. Take the name out "
        "of the table when its user leaves.");
    by_hand("",
            typed.substr(0, typed.find('#')) + "# type CONNECT ada; and the same in a third one");
    Server server(program);
    User bob(server, "bob");
    {
        User ada(server, "ada");
        bob.expect_line("ada connected!");
        refuse(server, "CONNECT ada", "is in use");
        refuse(server, "CONNECT ada\nHello", "is in use");
        ada.send("Still here\n");
        bob.expect_line("ada: Still here", "the refused one was heard, or the first one not");
        ada.finish();
        ada.expect_end();
    }
    bob.expect_line("ada has left the chat");
    User again(server, "ada");
    bob.expect_line("ada connected!");
}

CHECK_OF_EACH(chats, "refuses two who come at once with one name",
              "[pts:1][needs:refuses a name that is in use]") {
    trying("Ten connect with the name ada at the same moment: one of them is welcomed.",
           "Between \"is it free\" and \"it is taken\" there must be no co_await.");
    by_hand("", "for i in 1 2 3 4 5; do (echo CONNECT ada; sleep 1) | nc -N 127.0.0.1 8000 & done; "
                "wait");
    Server server(program);
    for (int round = 0; round < 3; ++round) {
        std::vector<Talk> all;
        Stopped stopped(server); // so that all are there when it goes on
        for (int i = 0; i < 10; ++i) {
            all.emplace_back(server);
            all.back().send("CONNECT ada\n");
        }
        stopped.go_on();
        int welcomed = 0;
        for (Talk &each : all) welcomed += each.line().starts_with("Welcome!");
        if (welcomed != 1)
            fail("not one of them was welcomed", "1 of 10", std::to_string(welcomed) + " of 10");
        for (Talk &each : all) each.finish();
        for (Talk &each : all) each.expect_end();
    }
}

CHECK_OF_EACH(chats, "refuses a name that is none", "[pts:2][needs:serves one client]") {
    trying(
        "Clients come without CONNECT, without a name, with one of 33 bytes, with a blank, a "
        "colon, an escape sequence, a letter beyond ASCII; and one with 32 bytes.",
        "A name has 1 to 32 printable characters, no blank and no colon: else it could look like "
        "what others say.");
    by_hand("", nc("echo 'CONNECT a:'"));
    Server server(program);
    User ada(server, "ada");
    const std::string longest(32, 'x');
    for (const std::string &first : std::vector<std::string>{"Hello", "", "CONNECT", "CONNECT "})
        refuse(server, first, "is not there");
    refuse(server, "CONNECT " + longest + "x", "has 33 bytes");
    for (const char *name : {"a b", "a:", "\x1b[2J", "\xc3\xa9"})
        refuse(server, std::string("CONNECT ") + name, "has such a character");
    const User long_one(server, longest);
    ada.expect_line(longest + " connected!", "something was heard of those who were refused");
}

CHECK_OF_EACH(chats, "takes a line of 1024 bytes and no longer one",
              "[pts:1][needs:says who comes and speaks and leaves]") {
    trying("Bob says a line of 1024 bytes, one of 1025, and another one.",
           "1024 bytes without the newline are the most. Who sends more is hung up on, and the "
           "others hear that he has left.");
    by_hand("", nc("(echo CONNECT bob; printf '%1025s\\n' x)"));
    Server server(program);
    User ada(server, "ada"), bob(server, "bob");
    ada.expect_line("bob connected!");
    const std::string longest(1024, 'x');
    bob.send(longest + "\n" + longest + "x\nmore\n");
    ada.expect_line("bob: " + longest, "the line of 1024 bytes was not said");
    if (const std::string line = ada.line(); !line.starts_with("bob has left the chat"))
        fail("the others do not hear that he has left", "bob has left the chat", test::shown(line));
    bob.expect_end("who has sent 1025 bytes is still connected");
    ada.send("end\n");
    ada.expect_line("ada: end", "something was heard after the line that is too long");
}

CHECK_OF_EACH(chats, "says that somebody's connection was reset",
              "[pts:1][needs:says who comes and speaks and leaves][row 8]") {
    trying("Bob sends half a line and resets his connection; a second Bob comes.",
           "Whatever ends a conversation, the user leaves the table, and the others hear it. What "
           "there is of a line then is not said.");
    by_hand("", "(echo CONNECT bob; printf half; sleep 9) | timeout -s KILL 1 nc 127.0.0.1 8000");
    Server server(program);
    User ada(server, "ada");
    for (int i = 0; i < 3; ++i) {
        User bob(server, "bob");
        ada.expect_line("bob connected!");
        bob.send("half a li");
        bob.connection().reset();
        const std::string line = ada.line("nobody heard that he has left");
        if (!line.starts_with("bob has left the chat"))
            fail("another line came", "bob has left the chat", test::shown(line));
    }
}

CHECK_OF_EACH(chats, "says nothing that drives a terminal",
              "[pts:1][needs:says who comes and speaks and leaves][faults][row 21][row 22]") {
    trying("Ada says a line with an escape sequence, a CR and a NUL in it, and letters of UTF-8.",
           "What one user sends is shown by the terminals of the others: take out the control "
           "characters, and leave the letters.");
    by_hand("", nc("printf 'CONNECT ada\\n\\033[2J \\303\\251\\n'") + " | od -c");
    Server server(program);
    User ada(server, "ada"), bob(server, "bob");
    ada.send(std::string("\x1b[2J\rbob: \0\x7f\xc3\xa9 end\n", 19));
    const std::string line = bob.line();
    const bool drives = std::any_of(line.begin(), line.end(),
                                    [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
    if (drives) fail("the others get control characters", "none of them", test::shown(line));
    if (!line.starts_with("ada: ") || !line.ends_with("\xc3\xa9 end"))
        fail("another line came", "ada: and the rest of the line", test::shown(line));
}

CHECK_OF_EACH(chats, "drops who does not read",
              "[pts:3][needs:says who comes and speaks and leaves]"
              "[faults][row 17]") {
    trying(
        "Two say a lot to each other while a third, named deaf, reads nothing; then another deaf "
        "comes.",
        "What is said is queued for each user (write). Over 64 KiB of it, drop the user: abort, "
        "and leave the table, and say so to the others.");
    by_hand("",
            "exec 3<>/dev/tcp/127.0.0.1/8000; echo CONNECT deaf >&3; yes $(printf '%01000d' 0) | "
            "head -n 9000 | ./asyncio/chatc ada | grep left");
    Server server(program, patient(program, {"-q"}));
    User speaker(server, "speaker"), listener(server, "listener");
    const User deaf(server, "deaf", 4096);
    listener.expect_line("deaf connected!");
    const std::string line = "speaker: " + std::string(1000, 'x');
    bool gone = false;
    for (int i = 0; i < 400 && !gone; ++i) { // up to 20 MB: what the kernel keeps is far less
        speaker.send(test::repeat(std::string(1000, 'x') + "\n", 50));
        for (int heard = 0; heard < 50;) {
            const std::string next = listener.line("who listens waits for who does not read");
            gone |= next.starts_with("deaf has left the chat");
            heard += next == line;
        }
        std::string next;
        while (speaker.take_line(next, Milliseconds(0))) {
        } // it hears itself as well
    }
    require(gone, "20 MB were said, and who does not read is still there");
    const User again(server, "deaf");
    listener.expect_line("deaf connected!", "the name is not free again");
}

CHECK_OF_EACH(chats, "keeps no more than 64 KiB for who does not read",
              "[pts:1][needs:drops who does not read]") {
    trying("One says 20 MB while another one reads nothing; the memory of the server is looked at.",
           "Look after each write how much waits (get_write_buffer_size), and drop who has more "
           "than 64 KiB waiting.");
    by_hand("", "(the same as for \"drops who does not read\"); grep VmHWM /proc/PID/status");
    Server server(program, patient(program, {"-q"}));
    User speaker(server, "speaker");
    const User deaf(server, "deaf", 4096);
    const auto memory = [&] {
        const LookAs as_it = server.eyes();
        return test::peak_memory(server.pid()) / 1024;
    };
    const long before = memory();
    const std::string line = std::string(1000, 'x');
    for (int i = 0; i < 400; ++i) {
        speaker.send(test::repeat(line + "\n", 50));
        for (int heard = 0; heard < 50;) heard += speaker.line() == "speaker: " + line;
    }
    if (const long grown = memory() - before; grown > 8 && !test::sanitized)
        fail("it keeps what nobody reads", "less than 1 MiB more", std::to_string(grown) + " MiB");
}

CHECK_OF_EACH(chats, "is not held up by who shouts",
              "[pts:1][needs:says who comes and speaks and leaves]") {
    trying("One user sends 15,000 lines at once; another one says a line meanwhile.",
           "A coroutine whose awaits are ready at once never lets others have their turn: "
           "lines::next_line does.");
    by_hand("", "(echo CONNECT shouter; yes HEY) | nc 127.0.0.1 8000 > /dev/null & (echo CONNECT "
                "ada; echo Quiet; sleep 1) | nc -N 127.0.0.1 8000 | grep Quiet");
    Server server(program, patient(program, {"-q"}));
    User shouter(server, "shouter"), ada(server, "ada");
    const Stopped stopped(server); // so that all that they say is there when it goes on
    shouter.connection().send(test::repeat("HEY\n", 15'000), Milliseconds(2'000));
    ada.send("Quiet, please\n");
    stopped.go_on();
    int before = 0;
    for (std::string line; (line = ada.line()) != "ada: Quiet, please";)
        before += line == "shouter: HEY";
    if (before >= 500)
        fail("the other one has many turns before hers", "some lines before hers",
             std::to_string(before) + " lines before hers");
}

CHECK_OF_EACH(chats, "says with -t that somebody is idle",
              "[pts:1][needs:says who comes and speaks and leaves]"
              "[needs:gives up on a silent client with -t]") {
    trying(
        "With -t 1, Bob says nothing, while Ada goes on speaking.",
        "Who gives up on a user also takes him out of the table, and tells the others; -t begins "
        "anew with each line of a user.");
    by_hand("make chats && ./asyncio/chats -t 1", typed);
    Server server(program, {"-t", "1"});
    User ada(server, "ada");
    const User bob(server, "bob");
    const auto start = std::chrono::steady_clock::now();
    int heard = 0;
    for (std::string line; !line.starts_with("bob has left the chat");) {
        require(std::chrono::steady_clock::now() - start < patience, "Bob is still there");
        ada.send("I am here\n");
        if (ada.take_line(line, Milliseconds(200))) heard += line == "ada: I am here";
    }
    require(heard > 0, "Ada was not heard");
}

CHECK_OF_EACH(chats, "says the same to all in one order",
              "[pts:2][needs:says who comes and speaks and leaves]") {
    trying("200 users say three lines each at the same time; what each of them hears is compared.",
           "Say each line to all before the next one: no co_await in the loop over the table.");
    by_hand("", "for i in $(seq 9); do (echo CONNECT u$i; sleep 1; seq 9; sleep 2) | nc -N "
                "127.0.0.1 8000 > out$i & done; wait; tail -n 40 out1 out2");
    constexpr std::size_t number = 200;
    Server server(program, patient(program, {"-q"}));
    std::vector<User> users;
    for (std::size_t i = 0; i < number; ++i) users.emplace_back(server, "user" + std::to_string(i));
    for (std::size_t i = 0; i + 1 < number; ++i)
        users[i].wait_for("user" + std::to_string(number - 1) + " connected!");
    for (const char *round : {"0\n", "1\n", "2\n"})
        for (User &user : users) user.send(round);
    std::vector<std::vector<std::string>> heard(number);
    for (std::size_t i = 0; i < number; ++i)
        for (std::size_t k = 0; k < 3 * number; ++k)
            heard[i].push_back(users[i].line("not all that was said came"));
    for (std::size_t i = 1; i < number; ++i)
        require(heard[i] == heard[0], "two of them hear other lines, or in another order");
    for (std::size_t i = 0; i < number; ++i) { // what one says stays in order
        std::vector<std::string> own;
        for (const std::string &line : heard[0])
            if (const std::string name = "user" + std::to_string(i) + ": "; line.starts_with(name))
                own.push_back(line.substr(name.size()));
        require(own == std::vector<std::string>{"0", "1", "2"},
                "what one user says is lost, or in another order");
    }
}
