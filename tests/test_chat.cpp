// The chat server, chats: who is there hears the same as all others, and nobody waits for anybody.
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

TEST_CASE("chats: says who comes, speaks and leaves, to all and in the same order",
          "[asyncio][chats][conversation]") {
    Server server(chats);
    User ada(server, "ada");
    {
        LineClient bob(server.address());
        CHECK_PROGRAM(server, bob.send("CONNECT bob\n"));
        CHECK(bob.line() == "Welcome! 2 user(s) are online!");
        CHECK(bob.line() == "bob connected!");
        CHECK(ada.line() == "bob connected!");
        CHECK_PROGRAM(server, ada.send("Hello!\n"));
        CHECK(bob.line() == "ada: Hello!");
        CHECK(ada.line() == "ada: Hello!");                     // who speaks hears it as well
        CHECK_PROGRAM(server, bob.dribble("Hi\r\n\nand good")); // an empty line is nothing
        bob.shut_down_sending();
        CHECK(bob.all_lines() ==
              std::vector<std::string>{"bob: Hi", "bob: and good", "bob has left the chat"});
        CHECK(bob.ended());
    }
    CHECK(ada.line() == "bob: Hi");
    CHECK(ada.line() == "bob: and good"); // the last line may lack its newline
    CHECK(ada.line() == "bob has left the chat");
    const User bob_again(server, "bob");
    CHECK(ada.line() == "bob connected!");
    CHECK_PROGRAM(server, server.wait_for("bob: and good\nbob has left the chat\n"));
}

TEST_CASE("chats: takes no name that is in use, too long, or not to be told from what is said",
          "[asyncio][chats][names]") {
    Server server(chats);
    User ada(server, "ada");
    CHECK(refusal(server, "CONNECT ada\n") == "The name ada is in use\n");
    const std::string longest(32, 'x');
    for (const std::string first :
         {"Hello\n", "\n", "CONNECT\n", "CONNECT \n", "CONNECT a b\n", "CONNECT a:\n",
          "CONNECT \x1b[2J\n", "CONNECT \xc3\xa9\n", "connect bob\n"})
        CHECK(refusal(server, first) == no_name);
    CHECK(refusal(server, "CONNECT " + longest + "x\n") == no_name);
    const User long_name(server, longest);
    CHECK(ada.line() == longest + " connected!"); // of the others, nobody has heard
    ada.close();
    CHECK_PROGRAM(server, server.wait_for("ada has left the chat\n"));
    const User ada_again(server, "ada");
}

TEST_CASE("chats: a name is refused also when much has been sent behind it",
          "[asyncio][chats][names][faults][row 5]") {
    Server server(chats);
    const User ada(server, "ada");
    for (int i = 0; i < 20; ++i)
        CHECK(refusal(server, "CONNECT ada\n" + std::string(100'000, 'x')) ==
              "The name ada is in use\n");
}

TEST_CASE("chats: a line has at most 1024 bytes", "[asyncio][chats][limits]") {
    Server server(chats);
    User ada(server, "ada"), bob(server, "bob");
    const std::string longest(1024, 'x');
    CHECK_PROGRAM(server, bob.send(longest + "\n" + longest + "x\n"));
    CHECK(ada.wait_for("bob connected!"));
    CHECK(ada.line() == "bob: " + longest);
    CHECK(ada.line() == "bob has left the chat: line too long");
    CHECK(bob.wait_for("bob has left the chat: line too long"));
    CHECK(bob.receive_all().empty());
    CHECK(bob.ended());
}

TEST_CASE("chats: nothing that is said drives the terminals of others",
          "[asyncio][chats][hostile][faults][row 21][row 22]") {
    Server server(chats);
    User ada(server, "ada");
    const std::string said("\x1b[2J\rbob: \0\x7f\xc3\xa9", 14);
    CHECK_PROGRAM(server, ada.send(said + "\n"));
    CHECK(ada.line() == "ada: ?[2J?bob: ??\xc3\xa9"); // letters of UTF-8 are left
}

TEST_CASE("chats: who says nothing for -t seconds leaves", "[asyncio][chats][time limit]") {
    Server server(chats, {"-t", "1"});
    User ada(server, "ada"), bob(server, "bob");
    const auto start = std::chrono::steady_clock::now();
    std::size_t heard = 0;
    const auto ada_speaks_until = [&](const std::string &line) {
        while (std::chrono::steady_clock::now() - start < patience) {
            CHECK_PROGRAM(server, ada.send("I am here\n"));
            const auto next = ada.line(Milliseconds(200));
            heard += next == "ada: I am here";
            if (next == line) return true;
        }
        return false;
    };
    CHECK(ada_speaks_until("bob has left the chat: idle"));
    CHECK(heard > 0);
    CHECK(std::chrono::steady_clock::now() - start >= Milliseconds(900));
    CHECK(bob.wait_for("bob has left the chat: idle"));
    bob.receive_all();
    CHECK(bob.ended());
}

TEST_CASE("chats: says that somebody's connection has failed", "[asyncio][chats][hostile][row 8]") {
    Server server(chats);
    User ada(server, "ada"), bob(server, "bob");
    bob.send("half a li");
    bob.reset();
    CHECK(ada.line() == "bob connected!");
    CHECK(ada.line() ==
          "bob has left the chat: cannot receive: Connection reset by peer"); // no half line
}

TEST_CASE("chats: drops who does not read, says so, and nobody has to wait",
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

TEST_CASE("chats: who shouts does not keep others from being heard", "[asyncio][chats][hostile]") {
    Server server(chats, {"-q"});
    User shouter(server, "shouter"), ada(server, "ada");
    shouter.send(repeat("HEY\n", 15'000), Milliseconds(2'000)); // which the server has to read yet
    CHECK_PROGRAM(server, ada.send("Quiet, please\n"));
    int before = 0; // lines of the shouter that ada hears before her own
    for (auto line = ada.line(); line && line != "ada: Quiet, please"; line = ada.line()) ++before;
    CHECK(before < 15'000);
    CHECK(ada.wait_for("shouter: HEY"));
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

TEST_CASE("chats: 200 users hear all that all say, in one order", "[asyncio][chats][storm]") {
    Server server(chats, {"-q"});
    std::vector<User> users;
    for (int i = 0; i < 200; ++i) users.emplace_back(server, "user" + std::to_string(i));
    for (int round = 0; round < 3; ++round)
        for (std::size_t i = 0; i < users.size(); ++i)
            CHECK_PROGRAM(server, users[i].send(std::to_string(round) + "\n"));
    std::size_t coming = 0; // bytes: what is said, and for each user those who have come later
    for (int i = 0; i < 200; ++i) coming += 3 * ("user" + std::to_string(i) + ": 0\n").size();
    const std::size_t said = coming;
    std::vector<std::string> heard;
    for (int i = 199; i >= 0; --i) {
        const std::string all = users[std::size_t(i)].receive(coming, 3 * patience);
        CHECK(all.size() == coming);
        heard.push_back(all.substr(all.size() - std::min(said, all.size())));
        coming += ("user" + std::to_string(i) + " connected!\n").size();
    }
    CHECK(std::all_of(heard.begin(), heard.end(), [&](auto &each) { return each == heard[0]; }));
    std::vector<int> next(200, 0); // what each one says next
    for (const std::string &line : lines_of(heard[0])) {
        int user = -1, round = -1;
        std::sscanf(line.c_str(), "user%d: %d", &user, &round);
        REQUIRE((user >= 0 && user < 200));
        CHECK(round == next[std::size_t(user)]++);
    }
    CHECK(next == std::vector<int>(200, 3));
}
