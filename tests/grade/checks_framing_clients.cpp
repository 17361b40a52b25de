// What the clients of framing/ must do, against servers that the checks play themselves.
#include "checks_clients.h"

using namespace grade;
using test::Connection, test::Listener, test::framing_clients;

namespace {

// No command line is too long for abc.
constexpr auto clients_with_short_frames = only<"adc", "afc">();

std::string listen_by_nc(const Program &program) {
    return "nc -l 127.0.0.1 " + std::string(program.port) + " | od -c";
}

} // namespace

CHECK_OF_EACH(framing_clients, "sends its message", "[pts:2]") {
    trying("A server takes what the client sends.",
           "Connect to the HOST and PORT of the command line, and send the message.");
    by_hand(listen_by_nc(program), run(program));
    auto [listener, client, server] = Met(program);
    take_request(program, server);
}

CHECK_OF_EACH(framing_clients, "sends its message as a frame", "[pts:2][needs:sends its message]") {
    trying("A server compares what the client sends byte by byte.",
           "Make the whole frame, header, message and delimiter or padding, and send it with as "
           "many calls as it takes.");
    by_hand(listen_by_nc(program), run(program));
    auto [listener, client, server] = Met(program);
    const std::string &frame = first_frame(program);
    std::string received = take_request(program, server);
    received += server.receive(frame.size() - std::min(frame.size(), received.size()));
    received += server.receive(1000, Milliseconds(50)); // nothing may follow
    if (received != frame) fail("it sent another frame", test::shown(frame), test::shown(received));
}

CHECK_OF_EACH(framing_clients, "sends the message of -m", "[pts:1][needs:sends its message]") {
    trying("The client is started with -m 'Hello, Server?'.", "-m TEXT is the message to send.");
    by_hand(listen_by_nc(program), run(program, " -m 'Hello, Server?'"));
    auto [listener, client, server] = Met(program, {"-m", "Hello, Server?"});
    receive_up_to(server, "Hello, Server?");
}

CHECK_OF_EACH(framing_clients, "prints the response", "[pts:1][needs:sends its message]") {
    trying("A server sends the frame back.",
           "Print \"Received response: ...\" with the message alone, and return 0.");
    by_hand("make " + std::string(program.name.substr(0, 2)) + "s && ./framing/" +
                std::string(program.name.substr(0, 2)) + "s",
            run(program));
    auto [listener, client, server] = Met(program);
    take_request(program, server);
    server.send(first_frame(program));
    expect_status(client, 0);
    const std::string found = lines(client, "Received response: ");
    if (found != "Received response: Hello, Server!\n")
        fail("it printed otherwise", "\"Received response: Hello, Server!\\n\"",
             test::shown(found));
}

CHECK_OF_EACH(framing_clients, "prints what it has received",
              "[pts:1][needs:prints the response]") {
    trying(
        "A server sends back another frame: of \"Hello, Client!\".",
        "Print the message of the frame that has come, not the one that was sent. (Or refuse it.)");
    const std::string response = program.name == "abc"
                                     ? "printf '\\000\\000\\000\\016Hello, Client!'"
                                 : program.name == "adc" ? "echo 'Hello, Client!'"
                                                         : "printf '%-1024s' 'Hello, Client!'";
    by_hand("(sleep 3; " + response + "; sleep 1) | nc -l 127.0.0.1 " + std::string(program.port),
            run(program));
    auto [listener, client, server] = Met(program);
    std::string frame = first_frame(program);
    take_request(program, server);
    server.send(frame.replace(frame.find("Server"), 6, "Client"));
    client.exit_status();
    if (const std::string found = lines(client, "Received response: ");
        found.find("Server") != found.npos)
        fail("it printed a response that has not come", "\"Received response: Hello, Client!\\n\"",
             test::shown(found));
}

CHECK_OF_EACH(clients_with_short_frames, "takes the longest message that its frame can carry",
              "[pts:1][needs:sends its message]") {
    const std::size_t size = program.name == "adc" ? 65'535 : 1024;
    trying("The client is started with a message of " + std::to_string(size) + " bytes.",
           "A frame of adc may have 65,536 bytes, the newline included, and one of afc 1024.");
    by_hand(listen_by_nc(program),
            run(program, " -m \"$(printf '%" + std::to_string(size) + "s' x)\""));
    Listener listener;
    const std::string message(size, 'x');
    Student client(program, at(listener.local(), {"-m", message}));
    Connection server = listener.accept();
    receive_up_to(server, message);
}

CHECK_OF_EACH(framing_clients, "takes the response in pieces",
              "[pts:2][needs:prints the response][faults][row 38]") {
    trying("A server sends the frame back in pieces, each when the client has read the one before.",
           "One recv need not return a whole frame: receive until it is complete.");
    by_hand("(cut it with sleep, as in the chapter)", run(program));
    auto [listener, client, server] = Met(program);
    take_request(program, server);
    const std::string_view frame = first_frame(program);
    for (std::size_t begin = 0; begin < frame.size(); begin += begin < 10 ? 1 : 300) {
        server.send(frame.substr(begin, begin < 10 ? 1 : 300));
        test::wait_until_read(server);
    }
    expect_status(client, 0);
    require(lines(client, "Received response: ") == "Received response: Hello, Server!\n",
            "it printed another response");
}

CHECK_OF_EACH(clients_with_short_frames, "refuses a message that its frame cannot carry",
              "[pts:1][needs:sends its message]") {
    const bool delimited = program.name == "adc";
    trying(delimited
               ? "The client is started with a message that has a newline in it, and with one "
                 "of 65,536 bytes."
               : "The client is started with a message of 1025 bytes.",
           "Such a message cannot be sent in one frame: a usage error, exit status 2, and nothing "
           "is sent. So make the frame before you connect.");
    by_hand("(none)",
            run(program, delimited ? " -m $'Hello\\nServer'" : " -m \"$(printf '%1025s' x)\""));
    Listener listener;
    for (const std::string &message :
         {delimited ? std::string("Hello\nServer") : std::string(1025, 'x'),
          std::string(65'536, 'x')}) {
        Student client(program, at(listener.local(), {"-m", message}));
        expect_status(client, 2);
        std::string sent;
        try {
            sent = listener.accept(Milliseconds(0)).receive_all();
        } catch (const std::runtime_error &) { // nobody has connected
        }
        if (!sent.empty()) fail("it sent something", "nothing", test::shown(sent));
    }
}
