// guessing.h: the game that game and gamec serve: a player guesses a number from 1 to 100, by lines
// of text, as often as it likes. No socket, no thread and no task is in here.
#pragma once

#include <charconv>
#include <random>
#include <string>
#include <string_view>

namespace guessing {
constexpr std::size_t max_line = 64; ///< bytes of a player's line, with its newline
constexpr int highest = 100;

/// The fewest guesses that somebody has needed: all players share it.
struct Record {
    int guesses = 0; ///< 0: nobody has won yet
    /// Notes what a player has needed, and returns the record, which this may be.
    int note(int needed) {
        if (guesses == 0 || needed < guesses) guesses = needed;
        return guesses;
    }
};

/// What one player has to guess. It is used up by the right guess: then comes another one.
class Secret {
  public:
    explicit Secret(unsigned seed = std::random_device()()) : random_(seed) { choose(); }
    /// The answer to a line, or nothing if it is the right guess.
    std::string answer_to(std::string_view line) {
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
        int guess = 0;
        const char *const end = line.data() + line.size();
        const auto [rest, error] = std::from_chars(line.data(), end, guess);
        if (error != std::errc() || rest != end || guess < 1 || guess > highest)
            return "Please guess a number from 1 to 100.\n"; // this does not count
        ++guesses_;
        return guess < number_ ? "Too low.\n" : guess > number_ ? "Too high.\n" : "";
    }
    int guesses() const { return guesses_; }
    void choose() {
        number_ = std::uniform_int_distribution(1, highest)(random_);
        guesses_ = 0;
    }

  private:
    std::minstd_rand random_; // 8 bytes for each player
    int number_ = 0, guesses_ = 0;
};

inline const std::string welcome = "I have a number from 1 to 100. Guess!\n";
inline const std::string too_long = "This line is too long. Goodbye!\n";
inline std::string correct(int guesses, int record) {
    return "Correct, after " + std::to_string(guesses) + ". The record is " +
           std::to_string(record) + ".\n" + welcome;
}
} // namespace guessing
