// What is exact of the chat server, chats: its lines word for word, and its memory. What it does is in
// grade/checks_chat.cpp.
#include "support/kit.h"
#include "support/lines.h"
#include "support/procfs.h"

using namespace test;

namespace {

const Program &chats = named("chats");

// Somebody who has connected with that name, and has been welcomed.
struct User : LineClient {
    User(Server &server, const std::string &name, int receive_buffer = 0)
        : LineClient(server.address(), receive_buffer) {
        CHECK_PROGRAM(server, send("CONNECT " + name + "\n"));
        const auto welcome = line();
        CHECK_PROGRAM(server, welcome && welcome->starts_with("Welcome! "));
        CHECK_PROGRAM(server, line() == name + " connected!");
    }
};

// What the server says to somebody who comes so, before it hangs up.
std::string refusal(Server &server, const std::string &first) {
    LineClient client(server.address());
    const std::string answer = client.exchange(first);
    CHECK_PROGRAM(server, client.ended() && !client.was_reset());
    return answer;
}

const std::string no_name =
    "Say CONNECT and a name first: up to 32 printable characters, no blank or colon\n";

} // namespace

TEST_CASE("chats: says why somebody is refused, or has left", "[asyncio][chats][names]") {
    Server server(chats);
    User ada(server, "ada");
    for (const std::string first : {"Hello\n", "CONNECT \n", "CONNECT a:\n", "connect bob\n"})
        CHECK(refusal(server, first) == no_name);
    CHECK(refusal(server, "CONNECT ada\n") == "The name ada is in use\n");
    {
        User bob(server, "bob");
        bob.send(std::string(1025, 'x') + "\n");
        CHECK(bob.wait_for("bob has left the chat: line too long"));
    }
    CHECK(ada.line() == "bob connected!");
    CHECK(ada.line() == "bob has left the chat: line too long");
    User(server, "bob").reset();
    CHECK(ada.line() == "bob connected!");
    CHECK(ada.line() == "bob has left the chat: cannot receive: Connection reset by peer");
    CHECK_PROGRAM(server, ada.send("\x1b[2J\n"));
    CHECK(ada.line() == "ada: ?[2J");
    CHECK_PROGRAM(server, server.wait_for("\nada: ?[2J\n"));
    Server hasty(chats, {"-t", "1"});
    User bob(hasty, "bob");
    CHECK(bob.all_lines() == std::vector<std::string>{"bob has left the chat: idle"});
    CHECK_PROGRAM(hasty, hasty.wait_for("\nbob has left the chat: idle\n"));
}

TEST_CASE("chats: a name is refused also when much has been sent behind it",
          "[asyncio][chats][names][faults][row 5]") {
    Server server(chats);
    const User ada(server, "ada");
    for (int i = 0; i < 20; ++i)
        CHECK(refusal(server, "CONNECT ada\n" + std::string(100'000, 'x')) ==
              "The name ada is in use\n");
}

TEST_CASE("chats: who does not read costs no memory, and goes with all others who do not",
          "[asyncio][chats][hostile][faults][row 17]") {
    Server server(chats, {"-q"});
    User speaker(server, "speaker"), listener(server, "listener");
    const User deaf(server, "deaf", 4096), deaf_too(server, "deaf2", 4096);
    const long before = peak_memory(server.pid());
    const std::string line(1000, 'x');
    const auto start = std::chrono::steady_clock::now();
    int lines = 0, gone = 0;
    // The lines are heard by two at once, while the deaf fill the buffers of the kernel, then 64
    // KiB.
    const auto hear = [&](LineClient &user, int number) {
        for (int heard = 0; heard < number;) {
            const auto next = user.line();
            REQUIRE(next.has_value());
            heard += next == "speaker: " + line;
            gone += &user == &listener && next->ends_with(" has left the chat: does not read");
        }
    };
    for (; gone < 2 && std::chrono::steady_clock::now() - start < 3 * patience; lines += 50) {
        CHECK(speaker.send(repeat(line + "\n", 50)));
        hear(speaker, 50);
        hear(listener, 50);
    }
    CHECK(gone == 2);
    CHECK(lines > 64);
    if (!sanitized) CHECK(peak_memory(server.pid()) - before <= 4'096);
    const User deaf_again(server, "deaf"); // the name is free again
    CHECK(listener.wait_for("deaf connected!"));
}

TEST_CASE("chats: who has been dropped is not heard any more, and leaves once",
          "[asyncio][chats][hostile]") {
    Server server(chats);
    User ada(server, "ada");
    for (int i = 0; i < 10; ++i) {
        User bob(server, "bob");
        bob.send("one\n" + std::string(1025, 'x') + "\ntwo\n");
        bob.reset();
    }
    CHECK_PROGRAM(server, ada.send("end\n"));
    int left = 0, came = 0;
    for (bool end = false; !end || left < 10;) { // the last reset may come after what ada says
        const auto line = ada.line();
        REQUIRE(line.has_value());
        end = end || line == "ada: end";
        came += line == "bob connected!";
        left += line->starts_with("bob has left the chat");
        CHECK(line != "bob: two");
    }
    CHECK(came == 10);
    CHECK(left == 10);
}
