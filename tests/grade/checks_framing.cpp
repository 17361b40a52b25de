// What the servers of framing/ must do: abs, ads and afs echo frames.
#include "checks_framing.h"

using namespace grade;
using test::framing_servers;
using namespace std::string_view_literals;

namespace {

constexpr auto abs_server = only<"abs">(), ads_server = only<"ads">(), afs_server = only<"afs">();
constexpr auto servers_with_limit = only<"abs", "ads">();

// The same by hand: what is typed at the second terminal, with `pause` between the frames.
void by_nc(const Program &program, int frames = 1, const std::string &pause = "; ") {
    const std::string send = program.name == "abs"   ? "printf '\\000\\000\\000\\005Hello'"
                             : program.name == "ads" ? "printf 'Hello\\n'"
                                                     : "printf '%-1024s' Hello";
    std::string all = send;
    for (int i = 1; i < frames; ++i) all += pause + send;
    by_hand("", "(" + all + ") | nc -N 127.0.0.1 " + std::string(program.port) + " | od -c");
}

} // namespace

CHECK_OF_EACH(framing_servers, "echoes a frame", "[pts:2]") {
    trying(
        "A client sends a frame and waits for it to come back.",
        "Bind, listen and accept on the HOST and PORT of the command line, receive until the frame "
        "is complete, and send it back.");
    by_nc(program);
    Server server(program);
    echo_another(server, "the message did not come back");
}

CHECK_OF_EACH(framing_servers, "echoes a frame as it was", "[pts:1][needs:echoes a frame]") {
    trying("A client sends a frame, and compares what comes back byte by byte.",
           "What comes back is the whole frame and nothing else: the header, the delimiter or the "
           "padding as well, in the order in which it came.");
    by_nc(program);
    Server server(program);
    Talk client(server);
    const std::string sent = frame(program, "Hello");
    client.send(sent);
    client.expect_bytes(sent, "the frame did not come back as it was");
}

CHECK_OF_EACH(abs_server, "reads the length in network byte order",
              "[pts:2][needs:echoes a frame as it was]") {
    trying("A client sends the length 00 00 00 0e and 14 bytes, then frames of 200, 40,000 and "
           "70,000 bytes.",
           "The length has four bytes, sent with the most significant first: ntohl and htonl, or "
           "shifts; and the bytes are unsigned.");
    Server server(program);
    Talk client(server);
    std::string sent("\0\0\0\x0eHello, Server!", 18);
    client.send(sent);
    client.expect_bytes(sent, "the frame did not come back");
    const std::pair<std::string_view, int> lengths[] = {
        {"\0\0\0\xc8"sv, 200}, {"\0\0\x9c\x40"sv, 40'000}, {"\0\1\x11\x70"sv, 70'000}};
    for (const auto &[length, size] : lengths) {
        const std::string next = std::string(length) + test::repeat("x", size);
        client.send(next);
        sent += next;
        client.expect_bytes(sent,
                            "a frame of " + std::to_string(size) + " bytes did not come back");
    }
}

CHECK_OF_EACH(abs_server, "echoes an empty frame", "[pts:1][needs:echoes a frame as it was]") {
    trying("A client sends the length 0, and then another frame.",
           "A length of 0 is a frame without a message: it comes back, and nothing ends.");
    by_hand(
        "",
        "printf '\\000\\000\\000\\000\\000\\000\\000\\005Hello' | nc -N 127.0.0.1 8888 | od -c");
    Server server(program);
    Talk client(server);
    const std::string sent = std::string(4, '\0') + frame(program, "Hello");
    client.send(sent);
    client.expect_bytes(sent);
}

CHECK_OF_EACH(framing_servers, "echoes frame after frame", "[pts:1][needs:echoes a frame]") {
    trying("A client sends three frames, each when the one before has come back.",
           "A conversation is a loop: after a frame the server waits for the next one.");
    by_nc(program, 3, "; sleep 1; ");
    Server server(program);
    Talk client(server);
    std::vector<std::string> all;
    for (const char *text : {"first", "second", "third"}) {
        client.send(frame(program, text));
        all.push_back(text);
        expect_messages(client, all, "not every frame came back");
    }
}

CHECK_OF_EACH(framing_servers, "takes a frame in pieces",
              "[pts:2][needs:echoes a frame][faults][row 1]") {
    trying(
        "A client sends a frame in pieces, each when the server has read the one before.",
        "TCP is a stream of bytes: one recv may return a part of a frame, or of its header. Keep "
        "it until the rest has come.");
    by_hand("", program.name == "abs"
                    ? "(printf '\\000\\000'; sleep 1; printf '\\000\\005He'; sleep 1; "
                      "printf llo) | nc -N 127.0.0.1 8888 | od -c"
                : program.name == "ads"
                    ? "(printf He; sleep 1; printf 'llo\\n') | nc -N 127.0.0.1 8889"
                    : "(printf '%-1000s' Hello; sleep 1; printf '%-24s' x) | nc -N "
                      "127.0.0.1 8890 | wc -c     # 1024");
    Server server(program);
    Talk client(server);
    const std::string sent = frame(program, "in pieces");
    client.send_in_pieces(sent.substr(0, 6)); // of abs, the header and two bytes
    client.send_in_pieces(sent.substr(6), sent.size() / 3);
    expect_messages(client, {"in pieces"});
}

CHECK_OF_EACH(
    framing_servers, "takes several frames in one segment",
    "[pts:1][needs:takes a frame in pieces][needs:echoes frame after frame][faults][row 2]") {
    trying("A client sends three frames and the beginning of a fourth at once, then the rest.",
           "One recv may return several frames and a part: answer all that are complete, and keep "
           "the rest.");
    by_nc(program, 3);
    Server server(program);
    Talk client(server);
    const std::string fourth = frame(program, "fourth");
    client.send(frame(program, "first") + frame(program, "second") + frame(program, "third") +
                fourth.substr(0, 5));
    expect_messages(client, {"first", "second", "third"},
                    "the complete frames did not all come back");
    client.send(fourth.substr(5));
    expect_messages(client, {"first", "second", "third", "fourth"},
                    "the frame that came in two parts did not come back");
}

CHECK_OF_EACH(
    abs_server, "takes several small frames in one segment",
    "[pts:1][needs:reads the length in network byte order][needs:takes a frame in pieces]") {
    trying("A client sends three frames of 5 bytes and the beginning of a fourth at once, then the "
           "rest.",
           "One recv may return several frames and a part: answer all that are complete, and keep "
           "the rest.");
    by_nc(program, 3);
    Server server(program);
    Talk client(server);
    const std::string one("\0\0\0\5Hello", 9), three = test::repeat(one, 3);
    client.send(three + one.substr(0, 6));
    client.expect_texts({"Hello", "Hello", "Hello"}, "the complete frames did not all come back");
    client.send(one.substr(6));
    client.expect_texts({"Hello", "Hello", "Hello", "Hello"},
                        "the frame that came in two parts did not come back");
}

CHECK_OF_EACH(abs_server, "takes a frame of 1 MiB and no longer one",
              "[pts:1][needs:reads the length in network byte order]"
              "[needs:refuses a frame over the limit][needs:takes a frame in pieces]") {
    trying("A client sends a frame with a message of 1,048,576 bytes, another one the length "
           "1,048,577 and no more.",
           "A message may have 1 MiB: 1024 times 1024 bytes.");
    by_hand("",
            "(printf '\\000\\020\\000\\001'; sleep 5) | nc -N 127.0.0.1 8888     # ends at once");
    Server server(program);
    {
        Talk client(server);
        const std::string frame = std::string("\0\x10\0\0", 4) + std::string(1 << 20, 'x');
        if (client.connection().exchange(frame) != frame)
            fail("the frame of 1 MiB did not come back");
    }
    Talk client(server);
    client.send(std::string_view("\0\x10\0\1", 4));
    client.expect_end("the length 1,048,577 was not refused");
}

CHECK_OF_EACH(ads_server, "takes a frame of 64 KiB", "[pts:1][needs:echoes a frame]") {
    trying("A client sends a frame of 65,536 bytes, the newline included, and another one.",
           "A frame may have 64 KiB: 64 times 1024 bytes. Count anew with each frame.");
    by_hand("", "(printf '%65535s' x; echo) | nc -N 127.0.0.1 8889 | wc -c     # 65536");
    Server server(program);
    Talk client(server);
    const std::string frame = std::string(65'535, 'x') + "\n";
    const std::string received = client.connection().exchange(frame + frame);
    require(std::count(received.begin(), received.end(), 'x') == 2 * 65'535,
            "the frames did not come back");
}

CHECK_OF_EACH(framing_servers, "echoes any bytes", "[pts:1][needs:echoes a frame as it was]") {
    trying(
        "A client sends a frame with bytes of all kinds: spaces before and in the message, CR, "
        "NUL, and bytes over 127.",
        "A frame comes back as it was: do not trim it, and mind that a string of C ends at a NUL.");
    by_hand("", program.name == "abs" ? "printf '\\000\\000\\000\\005 \\000\\377\\r ' | nc -N "
                                        "127.0.0.1 8888 | od -c"
                : program.name == "ads"
                    ? "printf '  a  \\000\\377\\r\\n' | nc -N 127.0.0.1 8889 | od -c"
                    : "printf '%-1024s' '  a  b' | nc -N 127.0.0.1 8890 | od -c");
    Server server(program);
    Talk client(server);
    std::string bytes = "  two  spaces \r";
    for (int i = 0; i < 256; ++i)
        if (i != '\n') bytes += static_cast<char>(i);
    const std::string sent = frame(program, bytes + "  \r");
    client.send(sent);
    client.expect_bytes(sent, "the frame did not come back as it was");
    const std::string more = test::framed(program, "\r first and last \r");
    client.send(more);
    client.expect_bytes(sent + more, "a CR at the end of a message did not come back");
}

CHECK_OF_EACH(servers_with_limit, "refuses a frame over the limit",
              "[pts:1][needs:echoes a frame]") {
    const bool prefixed = program.name == "abs";
    trying(prefixed ? "A client sends the length ff ff ff ff, and no more."
                    : "A client sends 2 MiB without a newline.",
           prefixed ? "Do not trust a length: over 1 MiB, close the connection at once instead of "
                      "waiting for the bytes or allocating for them."
                    : "Over 64 KiB without a newline, close the connection: else one client fills "
                      "the memory.");
    by_hand(
        "",
        prefixed
            ? "(printf '\\377\\377\\377\\377'; sleep 5) | nc -N 127.0.0.1 8888     # ends at once"
            : "head -c 2000000 /dev/zero | tr '\\0' x | nc -N 127.0.0.1 8889     # ends");
    Server server(program);
    {
        Talk client(server);
        if (prefixed) client.send("\xff\xff\xff\xff");
        else client.connection().send(std::string(2 << 20, 'x'));
        client.expect_end("the connection is still open");
    }
    echo_another(server, "after that, another client was not served");
    const long memory = test::peak_memory(server.pid()) / 1024;
    if (!test::sanitized && memory > 64)
        fail("it has taken memory for that frame", "a few MiB", std::to_string(memory) + " MiB");
}

CHECK_OF_EACH(framing_servers, "serves several clients at once",
              "[pts:1][needs:takes a frame in pieces]") {
    trying(
        "Six clients connect; five send half a frame and fall silent; the sixth sends a frame.",
        "Each client needs a thread of its own, or the server an event loop; and each a buffer of "
        "its own.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & ./framing/" +
                    std::string(test::client_of(program).name));
    Server server(program);
    std::vector<Talk> clients;
    for (int i = 0; i < 5; ++i) {
        clients.emplace_back(server);
        clients.back().send(frame(program, "silent").substr(0, 5));
    }
    echo_another(server, "a client was not served while others were silent");
    clients.back().send(frame(program, "silent").substr(5));
    expect_messages(clients.back(), {"silent"}, "its frame did not come back");
}

CHECK_OF_EACH(framing_servers, "survives clients that reset", "[pts:1][needs:echoes a frame]") {
    trying("Clients reset their connection in mid-frame and with frames on their way back; then "
           "another client sends a frame.",
           "recv and send fail with ECONNRESET or EPIPE then: drop that client alone. SIGPIPE ends "
           "a server unless it sends with MSG_NOSIGNAL or ignores the signal.");
    by_hand("", "(printf Hel; sleep 9) | timeout -s KILL 1 nc 127.0.0.1 " +
                    std::string(program.port) + "; ./framing/" +
                    std::string(test::client_of(program).name));
    Server server(program);
    const std::string many = test::repeat(frame(program, "many"), 20);
    for (int i = 0; i < 20; ++i) {
        Talk client(server, 2048);
        if (i % 2) client.send(many.substr(0, 5));
        else client.connection().send(many, Milliseconds(100));
        if (i % 4 < 2) client.ends(Milliseconds(5));
        client.connection().reset();
    }
    echo_another(server, "after that, another client was not served");
    require(!server.wait_exit(Milliseconds(300), false), "a moment later the server has ended");
    echo_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(framing_servers, "closes when the client has closed",
              "[pts:1][needs:takes a frame in pieces]") {
    trying(
        "A client sends a frame and the beginning of another one, shuts down its sending side, "
        "reads, and waits for the end of file.",
        "When recv returns 0, no more frames come: close the connection. What is there of a frame "
        "that is not complete is no frame.");
    by_nc(program);
    Server server(program);
    Talk client(server);
    const std::string whole = frame(program, "unfinished");
    client.send(frame(program, "last") + whole.substr(0, whole.size() - 2));
    client.finish();
    expect_messages(client, {"last"});
    client.expect_end();
    require(client.received().find("unfinish") == std::string::npos,
            "what was there of a frame that was not complete came back");
}

CHECK_OF_EACH(afs_server, "ends at a block of spaces", "[pts:1][needs:echoes a frame as it was]") {
    trying("A client sends a block, and one of spaces alone; it does not close.",
           "A block of only spaces is no message: do not send it back, and close the connection.");
    by_hand("",
            "(printf '%-1024s' Hello; printf '%-1024s' ''; sleep 5) | nc -N 127.0.0.1 8890     # "
            "ends at once");
    Server server(program);
    Talk client(server);
    const std::string hello = test::framed(program, "Hello");
    client.send(hello);
    client.expect_bytes(hello);
    client.send(std::string(1024, ' '));
    const std::string more = client.connection().receive_all();
    require(client.connection().ended(), "the server has not closed the connection");
    if (!more.empty()) fail("the block of spaces was answered", "nothing", test::shown(more));
}

CHECK_OF_EACH(framing_servers, "sleeps when it has nothing to do",
              "[pts:1][needs:echoes a frame]") {
    trying("A silent client is connected; the processor time of the server is measured for half a "
           "second.",
           "A server that waits must sleep in a system call.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & top -b -n 1 -p PID");
    Server server(program);
    Talk client(server);
    echo(server, client, "Hello");
    check_idle(server);
}

CHECK_OF_EACH(framing_servers, "stops on SIGINT and SIGTERM",
              "[pts:1][needs:echoes a frame][stop][faults][row 27]") {
    trying("The server gets SIGINT (Ctrl-C), and another one SIGTERM, while a client is connected.",
           "Wait for signals where you wait for clients; then print \"Server stopped\", end all "
           "threads and children, and return 0.");
    by_hand("", "nc -d 127.0.0.1 " + std::string(program.port) + " & sleep 1; kill -INT PID");
    for (const int signal : {SIGINT, SIGTERM}) {
        Server server(program);
        Talk client(server);
        echo(server, client, "Hello");
        check_stops(server, signal);
    }
}

CHECK_OF_EACH(framing_servers, "prints nothing that drives a terminal",
              "[pts:1][needs:echoes a frame]") {
    trying("A client sends a message with escape sequences in it.",
           "Print bytes that are not printable ASCII escaped, as \\x1b.");
    by_hand("", "printf '\\033[2JHello\\n' | nc -N 127.0.0.1 " + std::string(program.port));
    Server server(program);
    Talk client(server);
    client.send(frame(program, "\x1b[2JHello\x07\xff"));
    expect_messages(client, {"\x1b[2JHello\x07\xff"});
    check_clean_output(server);
}
