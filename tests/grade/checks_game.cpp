// The guessing game for many players, with threads and with tasks: from outside both are the same.
#include "checks_lines.h"

#include <algorithm>
#include <cstdio>

using namespace grade;

namespace {

constexpr auto games = only<"game", "gamec">();

const std::string welcome = "I have a number from 1 to 100. Guess!",
                  no_number = "Please guess a number from 1 to 100.";
std::string nc(const std::string &input) { return input + " | nc -N 127.0.0.1 65432"; }

// The end of a game: the number, how many guesses it took, and the two numbers of the answer.
struct Won {
    int number = 0, guesses = 0, said = 0, record = 0;
};

// Plays as one does who halves what is left.
Won play(Talk &player) {
    Won won;
    for (int low = 1, high = 100; low <= high;) {
        won.number = (low + high) / 2;
        player.send(std::to_string(won.number) + "\n");
        ++won.guesses;
        const std::string answer = player.line("a guess was not answered");
        if (answer == "Too low.") low = won.number + 1;
        else if (answer == "Too high.") high = won.number - 1;
        else if (std::sscanf(answer.c_str(), "Correct, after %d. The record is %d.", &won.said,
                             &won.record) == 2)
            return won;
        else
            fail("an answer is none of the three", "Too low. or Too high. or Correct, after ...",
                 test::shown(answer));
    }
    fail("it has no number from 1 to 100", "Correct, after 7 guesses at most", "Too low, too high");
}

Talk welcomed(Server &server) {
    Talk player(server);
    player.expect_line(welcome, "the player was not welcomed");
    return player;
}

} // namespace

CHECK_OF_EACH(games, "plays a game", "[pts:3][needs:serves one client]") {
    trying("A player is welcomed, guesses by halving until the number is found, and plays again.",
           "Answer Too low., Too high., or Correct, after N. The record is M., and then welcome "
           "the player again: see asyncio/guessing.h.");
    by_hand("", nc("seq 100"));
    Server server(program);
    Talk player = welcomed(server);
    for (int round = 0; round < 3; ++round) {
        const Won won = play(player);
        if (won.said != won.guesses)
            fail("the number of guesses is wrong", std::to_string(won.guesses),
                 std::to_string(won.said));
        player.expect_line(welcome, "after the right guess, no other game began");
    }
}

CHECK_OF_EACH(games, "keeps the record of all", "[pts:2][needs:plays a game]") {
    trying("Two players play ten games each, one after the other; the record is compared.",
           "There is one record for all players: the fewest guesses that anybody has needed.");
    by_hand("", nc("seq 100") + " | grep Correct     # several times");
    Server server(program);
    Talk ada = welcomed(server), bob = welcomed(server);
    int record = 100;
    for (int round = 0; round < 20; ++round) {
        Talk &player = round % 2 ? ada : bob;
        const Won won = play(player);
        record = std::min(record, won.guesses);
        if (won.record != record)
            fail("the record is wrong", std::to_string(record), std::to_string(won.record));
        player.expect_line(welcome);
    }
}

CHECK_OF_EACH(games, "has a number for each player", "[pts:1][needs:plays a game]") {
    trying("20 players play at the same time; the numbers that they find are compared.",
           "Each player has a number of its own, and another one in each game.");
    by_hand("", "for i in 1 2 3 4 5 6 7 8 9; do " + nc("seq 100") + " | grep Correct; done");
    Server server(program);
    std::vector<Talk> players;
    for (int i = 0; i < 20; ++i) players.push_back(welcomed(server));
    std::vector<int> numbers;
    for (Talk &player : players) numbers.push_back(play(player).number);
    require(std::count(numbers.begin(), numbers.end(), numbers[0]) < 20,
            "all players had the same number");
}

CHECK_OF_EACH(games, "does not count what is no number", "[pts:1][needs:plays a game]") {
    trying(
        "A player sends an empty line, 0, 101, -5, a number over 2^32, words, blanks and an "
        "escape sequence, and then plays.",
        "A line that is no number from 1 to 100 and nothing else is answered with Please guess a "
        "number from 1 to 100., and does not count.");
    by_hand("", nc("printf '0\\nfive\\n50x\\n'"));
    Server server(program);
    Talk player = welcomed(server);
    for (const std::string line :
         {"", "0", "101", "-5", "4294967346", "five", "50x", " 50", "+50", "\x1b[2J", "1 2"}) {
        player.send(line + "\r\n");
        player.expect_line(no_number, "another answer came to " + test::shown(line));
    }
    if (const Won won = play(player); won.said != won.guesses)
        fail("what was no number was counted", std::to_string(won.guesses),
             std::to_string(won.said));
}

CHECK_OF_EACH(games, "answers all guesses before the end of file",
              "[pts:1][needs:plays a game][needs:takes several lines in one segment]") {
    trying("A player sends all numbers from 1 to 100 at once, and the end of file; then it reads.",
           "The end of file comes after all that was sent before it: answer that first.");
    by_hand("", nc("seq 100") + " | wc -l     # 102 or more");
    Server server(program);
    Talk player = welcomed(server);
    std::string all;
    for (int guess = 1; guess <= 100; ++guess) all += std::to_string(guess) + "\n";
    player.send(all);
    player.finish();
    int wins = 0;
    for (int answers = 0; answers < 100; ++answers) {
        std::string answer = player.line("not all guesses were answered");
        if (answer.starts_with("Correct")) {
            ++wins;
            player.expect_line(welcome);
        } else if (answer != "Too low." && answer != "Too high.")
            fail("another answer came", "Too low. or Too high.", test::shown(answer));
    }
    require(wins > 0, "none of the numbers was right");
    player.expect_end("after the end of file, the connection is still open");
}

CHECK_OF_EACH(games, "takes a line of 64 bytes and no longer one",
              "[pts:1][needs:serves one client][needs:takes several lines in one segment]") {
    trying(
        "A player sends a line of 64 bytes, newline included; then 0, a line of 65, and 0.",
        "64 bytes with the newline are the most. A longer line is answered with This line is too "
        "long. Goodbye!, and ends the game; what came before it is answered.");
    by_hand("", nc("printf '%64s\\n' 0"));
    Server server(program);
    const std::string longest(63, ' ');
    Talk player = welcomed(server);
    player.send(longest + "\n");
    player.expect_line(no_number, "the line of 64 bytes was not answered");
    player.send("0\n" + longest + "x\n0\n");
    player.expect_line(no_number, "the line before was not answered");
    player.expect_line("This line is too long. Goodbye!");
    player.expect_end("after a line that is too long, the connection is still open");
    require(player.received().ends_with("Goodbye!\n"), "more was answered after the Goodbye");
}

CHECK_OF_EACH(games, "lets many play at once",
              "[pts:1][needs:plays a game][needs:serves 200 clients at once]") {
    trying("300 players make a first guess; then each plays to the end.",
           "What belongs to a game belongs to the player: nothing of it may be a global variable.");
    by_hand("", "for i in $(seq 50); do " + nc("(echo 50; sleep 2; seq 100)") +
                    " | grep -c Correct & done; wait");
    Server server(program, patient(program, {"-q"}));
    std::vector<Talk> players;
    std::vector<bool> won(300);
    for (int i = 0; i < 300; ++i) players.push_back(welcomed(server));
    for (Talk &player : players) player.send("50\n");
    for (std::size_t i = 0; i < players.size(); ++i)
        if ((won[i] = players[i].line().starts_with("Correct"))) players[i].expect_line(welcome);
    for (std::size_t i = 0; i < players.size(); ++i) {
        const Won end = play(players[i]);
        if (const int guesses = end.guesses + !won[i]; end.said != guesses)
            fail("the guesses of a player are counted wrong", std::to_string(guesses),
                 std::to_string(end.said));
    }
}
