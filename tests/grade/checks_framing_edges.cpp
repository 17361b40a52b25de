// The edges of the three framings: empty and longest frames, what is announced and never sent, what
// is padding, and which messages their clients can send and receive.
#include "checks_clients.h"
#include "checks_framing.h"

using namespace grade;
using namespace std::string_literals;
using test::Connection, test::Listener, test::framing_clients, test::framing_servers;

namespace {

constexpr auto abs_server = only<"abs">(), ads_server = only<"ads">(), afs_server = only<"afs">();
constexpr auto abc = only<"abc">(), afc = only<"afc">();
constexpr auto others_than_afc = only<"abc", "adc">();
constexpr auto servers_with_limit = only<"abs", "ads">();

// A client's line for that response, which a server has sent as it is: that it printed.
void expect_response(const Program &program, const std::string &frame, const std::string &message) {
    auto [listener, client, server] = Met(program);
    take_request(program, server);
    server.send(frame);
    expect_status(client, 0);
    const std::string found = lines(client, "Received response:"),
                      wanted = "Received response: " + message + "\n";
    if (found != wanted) fail("it printed otherwise", test::shown(wanted), test::shown(found));
}

} // namespace

// ---- The servers

CHECK_OF_EACH(framing_servers, "echoes a frame when it is complete",
              "[pts:1][needs:takes a frame in pieces]") {
    trying("A client sends a frame but for its last byte, and then that.",
           "What comes back is a frame: nothing of it goes back before all of it has come.");
    by_hand("", program.name == "abs"
                    ? "(printf '\\0\\0\\0\\5Hell'; sleep 3; printf o) | nc -N 127.0.0.1 8888"
                : program.name == "ads" ? "(printf Hello; sleep 3; echo) | nc -N 127.0.0.1 8889"
                                        : "(printf '%-1023s' Hello; sleep 3; printf ' ') | nc -N "
                                          "127.0.0.1 8890");
    Server server(program);
    Talk client(server);
    const std::string sent = frame(program, "complete");
    client.send(sent.substr(0, sent.size() - 1));
    require(test::wait_until_read(client.connection()), "what the client sent was not read");
    if (client.ends(Milliseconds(50))) fail("the connection was closed");
    if (!client.received().empty())
        fail("something came back before the frame was complete", "nothing",
             test::shown(client.received()));
    client.send(sent.substr(sent.size() - 1));
    expect_messages(client, {"complete"});
}

CHECK_OF_EACH(servers_with_limit, "echoes what came before a frame that is too long",
              "[pts:1][needs:refuses a frame over the limit]"
              "[needs:takes several frames in one segment]") {
    const bool prefixed = program.name == "abs";
    trying("A client sends, at once, two frames and one that is too long" +
               std::string(prefixed ? ", of which only the length comes." : "."),
           "Send back the frames that are complete; then close. A close with bytes unread resets "
           "the connection, and the reset may overtake them: shut down sending, and read until the "
           "client has closed.");
    by_hand("", prefixed
                    ? "printf '\\0\\0\\0\\5Hello\\377\\0\\0\\0' | nc -N 127.0.0.1 8888 | od -c"
                    : "(echo Hello; head -c 70000 /dev/zero | tr '\\0' x) | nc -N 127.0.0.1 8889");
    Server server(program);
    Talk client(server);
    client.send(frame(program, "first") + frame(program, "second") +
                (prefixed ? "\xff\0\0\0"s : std::string(70'000, 'x')));
    expect_messages(client, {"first", "second"}, "the frames before it did not come back");
    client.expect_end();
}

CHECK_OF_EACH(ads_server, "takes 65536 bytes and no more",
              "[pts:1][needs:takes a frame of 64 KiB][needs:refuses a frame over the limit]") {
    trying("A client sends a frame of 65,537 bytes, the newline included; another one 65,537 bytes "
           "without a newline.",
           "A frame may have 65,536 bytes with its newline: over that, close the connection, "
           "also when the newline is there.");
    by_hand("", "(printf '%65536s' x; echo) | nc -N 127.0.0.1 8889 | wc -c     # 0");
    Server server(program);
    for (const char *end : {"\n", "x"}) {
        Talk client(server);
        client.send(std::string(65'536, 'x') + end);
        client.expect_end("the connection is still open");
        if (!client.received().empty()) fail("a frame of 65,537 bytes came back");
    }
}

CHECK_OF_EACH(ads_server, "echoes an empty line", "[pts:1][needs:echoes a frame as it was]") {
    trying("A client sends a newline alone, another two of them, and a line.",
           "A newline alone is a frame with an empty message: it comes back, and nothing ends.");
    by_hand("", "printf '\\n\\n\\nHello\\n' | nc -N 127.0.0.1 8889 | od -c");
    Server server(program);
    Talk client(server);
    client.send("\n");
    client.expect_bytes("\n", "the empty line did not come back");
    client.send("\n\nHello\n");
    client.expect_bytes("\n\n\nHello\n", "not every line came back");
}

CHECK_OF_EACH(abs_server, "makes no room for what is only announced",
              "[pts:1][needs:serves several clients at once]") {
    trying(
        "64 clients announce a frame of 1 MiB each and send a byte of it; then the memory of the "
        "server is looked at.",
        "Keep what has come, not what is to come: a vector or string of the announced length "
        "takes the memory at once, and clients need not send anything for it.");
    by_hand("",
            "for i in $(seq 64); do (printf '\\000\\020\\000\\000x'; sleep 9) | nc -N 127.0.0.1 "
            "8888 & done; sleep 3; grep VmRSS /proc/PID/status");
    Server server(program);
    echo_another(server, "a client was not served");
    const long before = test::peak_memory(server.pid());
    std::vector<Talk> clients;
    for (int i = 0; i < 64; ++i) {
        clients.emplace_back(server);
        clients.back().send("\0\x10\0\0x"s);
    }
    for (Talk &client : clients)
        require(test::wait_until_read(client.connection()), "what a client sent was not read");
    const long more = (test::peak_memory(server.pid()) - before) / 1024;
    if (!test::sanitized && more > 32)
        fail("it has taken memory for frames that have not come", "a few MiB",
             std::to_string(more) + " MiB");
}

CHECK_OF_EACH(afs_server, "takes only spaces for the end",
              "[pts:1][needs:ends at a block of spaces][needs:echoes a frame as it was]") {
    trying("A client sends a block of NULs, one of tabs and newlines, and one with a single letter "
           "at its end. Then one of spaces, and another one at once.",
           "Only a block of 1024 spaces ends the conversation, and then the blocks after it do not "
           "come back. NUL and other white space are no padding.");
    by_hand("", "(head -c 1024 /dev/zero; printf '%1024s' x) | nc -N 127.0.0.1 8890 | wc -c     # "
                "2048");
    Server server(program);
    Talk client(server);
    const std::string all =
        std::string(1024, '\0') + test::repeat("\t\n", 512) + std::string(1023, ' ') + "x";
    client.send(all);
    client.expect_bytes(all, "not every block came back as it was");
    client.send(std::string(1024, ' ') + frame(program, "too late"));
    client.expect_end();
    require(client.received() == all, "what came after the block of spaces was sent back");
}

CHECK_OF_EACH(framing_servers, "serves IPv6", "[pts:1][needs:echoes a frame]") {
    trying("The server is started on ::1.",
           "Ask getaddrinfo for addresses of any family (AF_UNSPEC), make the socket of the family "
           "that it returns, and keep addresses of clients in a sockaddr_storage.");
    by_hand("make " + program.file() + " && ./" + std::string(program.path) + " ::1",
            "./" + std::string(test::client_of(program).path) + " ::1");
    needs_ipv6();
    Server server(program, {}, "::1");
    echo_another(server, "a client was not served");
}

// ---- The clients

CHECK_OF_EACH(framing_clients, "sends an empty message",
              "[pts:1][needs:sends its message as a frame][needs:sends the message of -m]") {
    const std::string wanted = program.name == "abc"   ? std::string(4, '\0')
                               : program.name == "adc" ? "\n"
                                                       : std::string(1024, ' ');
    trying("The client is started with -m ''. The server sends the frame back" +
               std::string(program.name == "afc" ? ", or closes as afs does."
                                                 : ": the response is empty, too."),
           "An empty message is a message: a length of 0, a newline alone, a block of spaces.");
    by_hand("nc -l 127.0.0.1 " + std::string(program.port) + " | od -c",
            run(program, " -m '' -t 1"));
    auto [listener, client, server] = Met(program, {"-m", ""});
    const std::string received = server.receive(wanted.size());
    if (received != wanted) fail("it sent otherwise", test::shown(wanted), test::shown(received));
    if (program.name == "afc") {
        server.shut_down_sending();
        return expect_status(client, 1);
    }
    server.send(wanted);
    expect_status(client, 0);
    const std::string found = lines(client, "Received response:");
    if (found != "Received response: \n" && found != "Received response:\n")
        fail("it printed otherwise", "\"Received response: \\n\"", test::shown(found));
}

CHECK_OF_EACH(framing_clients, "prints one response of what has come",
              "[pts:1][needs:prints the response]") {
    trying("A server sends the frame back, and another one right behind it.",
           "The response is one frame: what the same recv brings after it is not part of it.");
    by_hand("(none)", run(program));
    std::string more = first_frame(program);
    more.replace(more.find("Server"), 6, "Client");
    expect_response(program, first_frame(program) + more, "Hello, Server!");
}

CHECK_OF_EACH(abc, "reads the length in network byte order", "[pts:1][needs:prints the response]") {
    trying("A server sends responses of 200, of 40,000 and of 1,048,576 bytes.",
           "The length has four bytes, the highest first, and bytes are unsigned: ntohl, or shifts "
           "of unsigned char.");
    by_hand("(sleep 3; printf '\\000\\000\\000\\310%200s' x; sleep 1) | nc -l 127.0.0.1 8888",
            run(program));
    const std::pair<std::string, std::size_t> lengths[] = {
        {"\0\0\0\xc8"s, 200}, {"\0\0\x9c\x40"s, 40'000}, {"\0\x10\0\0"s, 1 << 20}};
    for (const auto &[length, size] : lengths) {
        const std::string message(size, 'x');
        expect_response(program, length + message, message);
    }
}

CHECK_OF_EACH(others_than_afc, "prints all bytes of a message",
              "[pts:1][needs:prints the response]") {
    trying("A server sends a response with spaces around its message and a NUL in it.",
           "The message is what stands in the frame: do not trim it, and mind that a string of C "
           "ends at a NUL. The NUL is printed escaped.");
    by_hand("(none: a server that sends back '  a\\0b  ')", run(program));
    auto [listener, client, server] = Met(program);
    take_request(program, server);
    server.send(test::framed(program, "  a\0b  "s));
    client.exit_status();
    const std::string found = lines(client, "Received response:");
    if (found != "Received response:   a\\x00b  \n")
        fail("bytes were left out, or printed in another way",
             "\"Received response:   a\\x00b  \\n\"", test::shown(found));
}

CHECK_OF_EACH(afc, "takes away the padding alone", "[pts:1][needs:prints the response]") {
    trying(
        "A server sends a block with spaces before and in the message, a full one, and one in "
        "which NULs follow the message.",
        "Only the spaces at the end are padding. A block may be full, and a NUL is a byte of the "
        "message, which is printed escaped.");
    by_hand("(sleep 3; printf '%-1024s' '  two  spaces'; sleep 1) | nc -l 127.0.0.1 8890",
            run(program));
    const std::string spaces = "  two  spaces", full(1024, 'x');
    expect_response(program, spaces + std::string(1024 - spaces.size(), ' '), spaces);
    expect_response(program, full, full);
    auto [listener, client, server] = Met(program);
    take_request(program, server);
    server.send("Hello\0\0"s + std::string(1017, ' '));
    client.exit_status();
    const std::string found = lines(client, "Received response:");
    if (found == "Received response: Hello\n")
        fail("it took NULs for padding", "\"Received response: Hello\\x00\\x00\\n\"",
             test::shown(found));
}
