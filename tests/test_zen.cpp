// Unit tests of zen.h: the table, and the messages in a stream of bytes.
#include "../zen.h"
#include "catch.h"

#include <random>
#include <vector>

namespace {

// What Messages must do, the simple way: the whole stream at once.
struct Cut {
    std::vector<std::string> messages;
    std::string rest;
    bool too_long = false;
    bool operator==(const Cut &) const = default;
};

Cut cut_simply(std::string_view stream, char delimiter, std::size_t limit,
               std::string_view skipped) {
    Cut cut;
    while (true) {
        const auto begin = std::min(stream.find_first_not_of(skipped), stream.size());
        const auto end = std::min(stream.find(delimiter, begin), stream.size());
        cut.too_long = end + 1 > limit; // what is skipped counts
        if (cut.too_long || end == stream.size()) {
            cut.rest = stream.substr(begin);
            return cut;
        }
        cut.messages.emplace_back(stream.substr(begin, end + 1 - begin));
        stream.remove_prefix(end + 1);
    }
}

// Feeds `stream` in pieces that end at `cuts`; a message that is too long ends it, as in the
// programs.
Cut cut_in_pieces(std::string_view stream, const std::vector<std::size_t> &cuts, char delimiter,
                  std::size_t limit, std::string_view skipped) {
    zen::Messages messages(delimiter, limit, skipped);
    Cut cut;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= cuts.size() && !cut.too_long; ++i) {
        const std::size_t end = i < cuts.size() ? cuts[i] : stream.size();
        messages.feed(stream.substr(begin, end - begin));
        begin = end;
        while (const auto message = messages.next()) cut.messages.emplace_back(*message);
        cut.too_long = messages.too_long();
    }
    cut.rest = messages.rest();
    return cut;
}

} // namespace

TEST_CASE("the table answers its questions and no other", "[zen][table]") {
    CHECK(zen::answer_to("Beautiful is better than?") == "Ugly.");
    CHECK(zen::answer_to("Explicit is better than?") == "Implicit.");
    CHECK(zen::answer_to("Simple is better than?") == "Complex.");
    for (const char *other : {"", "?", "Beautiful is better than", "beautiful is better than?",
                              " Beautiful is better than?", "Beautiful is better than??", "Ugly."})
        CHECK(zen::answer_to(other).empty());
}

TEST_CASE("trim takes the white space off both ends", "[zen][trim]") {
    CHECK(zen::trim(" \t\r\na b\n\n ") == "a b");
    CHECK(zen::trim("a") == "a");
    CHECK(zen::trim("").empty());
    CHECK(zen::trim(" \n ").empty());
    CHECK(zen::trim(std::string_view("\0 ", 2)) == std::string_view("\0", 1));
}

TEST_CASE("messages are found however the stream is cut in two", "[zen][messages]") {
    const std::string stream = "\r\n one? two?\n\tthree?? ?fo";
    const Cut expected = cut_simply(stream, '?', 8, zen::white_space);
    REQUIRE(expected.messages == std::vector<std::string>{"one?", "two?", "three?", "?", "?"});
    REQUIRE(expected.rest == "fo");
    for (std::size_t i = 0; i <= stream.size(); ++i)
        CHECK((cut_in_pieces(stream, {i}, '?', 8, zen::white_space) == expected));
}

TEST_CASE("messages are as a simple parser finds them, for random streams and cuts",
          "[zen][messages]") {
    std::mt19937 random(20);
    const auto upto = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n)(random);
    };
    const std::string alphabet("ab ?.\n\0", 7);
    for (int round = 0; round < 20'000; ++round) {
        std::string stream(upto(40), ' ');
        for (char &c : stream) c = alphabet[upto(alphabet.size() - 1)];
        std::vector<std::size_t> cuts(upto(8));
        for (std::size_t &cut : cuts) cut = upto(stream.size());
        std::sort(cuts.begin(), cuts.end());
        const std::size_t limit = 1 + upto(9);
        const std::string_view skipped = upto(1) ? zen::white_space : std::string_view();
        for (const char delimiter : {'?', '.', '\n'}) {
            if (skipped.find(delimiter) != skipped.npos) continue;
            Cut expected = cut_simply(stream, delimiter, limit, skipped);
            Cut actual = cut_in_pieces(stream, cuts, delimiter, limit, skipped);
            // What is too long is found before all of the stream has been fed: the rest is its
            // beginning.
            if (expected.too_long) expected.rest = actual.rest = "";
            INFO("stream " << Catch::Detail::stringify(stream) << ", delimiter " << delimiter
                           << ", limit " << limit);
            REQUIRE((actual == expected));
        }
    }
}

TEST_CASE("a message may have as many bytes as the limit, its delimiter included",
          "[zen][messages]") {
    for (const std::size_t size : {1023u, 1024u, 1025u}) {
        zen::Messages messages('?', 1024);
        messages.feed(std::string(size - 1, 'x') + '?');
        INFO(size);
        CHECK(messages.next().has_value() == (size <= 1024));
        CHECK_FALSE(messages.next().has_value());
        CHECK(messages.too_long() == (size > 1024));
    }
    for (const std::size_t size : {1023u, 1024u, 1025u}) { // and no delimiter yet
        zen::Messages messages('?', 1024);
        messages.feed(std::string(size, 'x'));
        INFO(size);
        CHECK_FALSE(messages.next().has_value());
        CHECK(messages.too_long() == (size >= 1024));
    }
}

TEST_CASE("messages before one that is too long are found", "[zen][messages]") {
    zen::Messages messages('?', 8);
    messages.feed("one?two?" + std::string(100, 'x'));
    CHECK(messages.next() == "one?");
    CHECK(messages.next() == "two?");
    CHECK_FALSE(messages.next());
    CHECK(messages.too_long());
}

TEST_CASE("messages can be fed before all have been taken", "[zen][messages]") {
    zen::Messages messages('?', 8);
    messages.feed("a?b");
    CHECK(messages.next() == "a?");
    messages.feed("c?d?");
    CHECK(messages.next() == "bc?");
    messages.feed("e?");
    CHECK(messages.next() == "d?");
    CHECK(messages.next() == "e?");
    CHECK_FALSE(messages.next());
}

TEST_CASE("skipped characters take no room, but count", "[zen][messages]") {
    zen::Messages messages('?', 8, " ");
    messages.feed("      a?"); // 8 bytes
    CHECK(messages.next() == "a?");
    messages.feed("       ");
    CHECK_FALSE(messages.next());
    CHECK(messages.rest().empty());
    CHECK_FALSE(messages.too_long());

    SECTION("the eighth without a message is too much") {
        messages.feed(" ");
        CHECK_FALSE(messages.next());
        CHECK(messages.too_long());
    }
    SECTION("so is a message that comes then") {
        messages.feed("a?");
        CHECK_FALSE(messages.next());
        CHECK(messages.too_long());
        CHECK(messages.rest() == "a?");
    }
    SECTION("after a message they are counted anew") {
        messages.feed("?");
        CHECK(messages.next() == "?");
        messages.feed("       ");
        CHECK_FALSE(messages.next());
        CHECK_FALSE(messages.too_long());
    }
}

TEST_CASE("a megabyte fed one byte at a time takes linear time", "[zen][messages]") {
    // Quadratic, these would be 10^12 steps: the test would not end.
    zen::Messages one('\n', 2'000'000);
    for (int i = 0; i < 1'000'000; ++i) {
        one.feed("x");
        REQUIRE_FALSE(one.next().has_value());
    }
    one.feed("\n");
    CHECK(one.next()->size() == 1'000'001);

    zen::Messages many('?', 1024);
    many.feed(std::string(1'000'000, '?')); // all at once
    int count = 0;
    while (many.next()) ++count;
    CHECK(count == 1'000'000);
}

TEST_CASE("a warm parser allocates nothing: its messages lie in one buffer", "[zen][messages]") {
    zen::Messages messages('?', 1024, zen::white_space);
    const std::string chunk = "Beautiful is better than?Explicit is better than? Simple is bet";
    const std::string tail = "ter than?\r\n";
    const char *buffer = nullptr;
    for (int round = 0; round < 1000; ++round) {
        messages.feed(chunk);
        const char *const first = messages.next()->data();
        if (round > 1)
            REQUIRE(first == buffer); // the first time, it has the end of the round before
        buffer = first;
        REQUIRE(messages.next()->data() == first + 25);
        REQUIRE_FALSE(messages.next());
        messages.feed(tail);
        REQUIRE(messages.next() == "Simple is better than?");
        REQUIRE_FALSE(messages.next());
    }
}
