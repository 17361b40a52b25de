// The guessing game for many players, with threads and with tasks: from outside both are the same.
#include "support/kit.h"
#include "support/lines.h"

using namespace test;

namespace {

constexpr bool is_game(const Program &program) { return program.name.starts_with("game"); }
constexpr auto games = select<is_game, own_programs>();

const std::string welcome = "I have a number from 1 to 100. Guess!";

// Plays as one does who halves what is left. Returns the last answer; adds the guesses.
std::string play(LineClient &player, int &guesses) {
    for (int low = 1, high = 100; low <= high;) {
        const int guess = (low + high) / 2;
        player.send(std::to_string(guess) + "\n");
        ++guesses;
        const std::string answer = player.line().value_or("(nothing)");
        if (answer == "Too low.") low = guess + 1;
        else if (answer == "Too high.") high = guess - 1;
        else return answer;
    }
    return "(it has no number from 1 to 100)";
}
std::string correct(int guesses, int record) {
    return "Correct, after " + std::to_string(guesses) + ". The record is " +
           std::to_string(record) + ".";
}

} // namespace

TEST_OF_EACH(games, "plays as often as one likes, and keeps the record of all", "[conversation]") {
    Server server(program);
    LineClient ada(server.address()), bob(server.address());
    CHECK(ada.line() == welcome);
    CHECK(bob.line() == welcome);
    int record = 100;
    for (int round = 0; round < 20; ++round) {
        LineClient &player = round % 2 ? ada : bob;
        int guesses = 0;
        const std::string answer = play(player, guesses);
        record = std::min(record, guesses);
        CHECK(answer == correct(guesses, record));
        CHECK(player.line() == welcome);
    }
}

TEST_OF_EACH(games, "what is no number from 1 to 100 does not count", "[conversation][hostile]") {
    Server server(program);
    LineClient player(server.address());
    CHECK(player.line() == welcome);
    for (const std::string line :
         {"", "0", "101", "-5", "4294967346", "five", "50x", " 50", "+50", "\x1b[2J", "1 2"}) {
        CHECK_PROGRAM(server, player.send(line + "\r\n"));
        CHECK(player.line() == "Please guess a number from 1 to 100.");
    }
    int guesses = 0;
    const std::string answer = play(player, guesses);
    CHECK(answer == correct(guesses, guesses));
}

TEST_OF_EACH(games, "takes guesses however they are cut", "[stream][faults][row 1][row 2]") {
    Server server(program);
    LineClient player(server.address());
    CHECK(player.line() == welcome);
    CHECK_PROGRAM(server, player.dribble("0\n10"));
    CHECK(player.line() == "Please guess a number from 1 to 100.");
    CHECK_PROGRAM(server, player.send("1\n0\n102\n"));
    for (int i = 0; i < 3; ++i) CHECK(player.line() == "Please guess a number from 1 to 100.");
    std::string all;
    for (int guess = 1; guess <= 100; ++guess) all += std::to_string(guess) + "\n";
    player.send(all);
    player.shut_down_sending();
    const auto answers = player.all_lines();
    CHECK(answers.size() >= 101); // one for each guess, and a welcome after each right one
    CHECK(std::count(answers.begin(), answers.end(), welcome) >= 1);
    CHECK(player.ended());
}

TEST_OF_EACH(games, "a line has at most 64 bytes", "[limits]") {
    Server server(program);
    const std::string longest(63, ' ');
    LineClient player(server.address());
    CHECK(player.line() == welcome);
    CHECK_PROGRAM(server, player.send(longest + "\n"));
    CHECK(player.line() == "Please guess a number from 1 to 100.");
    CHECK_PROGRAM(server, player.send("0\n" + longest + "x\n0\n"));
    CHECK(player.all_lines() == std::vector<std::string>{"Please guess a number from 1 to 100.",
                                                         "This line is too long. Goodbye!"});
    CHECK(player.ended());
    CHECK_PROGRAM(server, server.wait_for("Line too long from "));
}

TEST_OF_EACH(games, "300 players play at once", "[storm]") {
    Server server(program, {"-q"});
    std::vector<LineClient> players;
    for (int i = 0; i < 300; ++i) players.emplace_back(server.address());
    for (LineClient &player : players) CHECK(player.line() == welcome);
    for (LineClient &player : players) { // others are in the middle of a game
        player.send("50\n");
        CHECK(player.line().has_value());
    }
    int wins = 0;
    for (LineClient &player : players) {
        int guesses = 0;
        if (player.line(Milliseconds(0)) == welcome) ++wins; // 50 was right
        wins += play(player, guesses).starts_with("Correct, after ");
    }
    CHECK(wins >= 300);
}
