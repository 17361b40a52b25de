// Unit tests of framing/frames.h: what becomes of a message, and of a stream of frames however it
// is cut.
#include "../framing/frames.h"
#include "catch.h"

#include <random>
#include <vector>

namespace {

struct Cut {
    std::vector<std::string> messages;
    std::string rest;
    bool too_long = false;
    bool operator==(const Cut &) const = default;
};

// Feeds `stream` in pieces that end at `cuts`, to its end or to a frame that is too long.
template <class Decoder>
Cut cut_in_pieces(Decoder frames, std::string_view (*message_of)(std::string_view),
                  std::string_view stream, const std::vector<std::size_t> &cuts) {
    Cut cut;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= cuts.size() && !cut.too_long; ++i) {
        const std::size_t end = i < cuts.size() ? cuts[i] : stream.size();
        frames.feed(stream.substr(begin, end - begin));
        begin = end;
        while (const auto frame = frames.next()) cut.messages.emplace_back(message_of(*frame));
        cut.too_long = frames.too_long();
    }
    cut.rest = frames.rest();
    return cut;
}

// One of the three ways to put messages on a stream.
struct Framing {
    const char *name;
    std::string (*frame_of)(std::string_view message);
    Cut (*cut)(std::string_view stream, const std::vector<std::size_t> &cuts);
    std::size_t most;          // bytes of a message
    std::string_view excluded; // characters that a message must not contain, or not at its end
};

const Framing framings[] = {
    {"length prefix", framing::prefixed,
     [](std::string_view stream, const std::vector<std::size_t> &cuts) {
         return cut_in_pieces(framing::prefixed_frames(), framing::message_of_prefixed, stream,
                              cuts);
     },
     1 << 20, ""},
    {"delimiter", framing::delimited,
     [](std::string_view stream, const std::vector<std::size_t> &cuts) {
         return cut_in_pieces(framing::delimited_frames(), framing::message_of_delimited, stream,
                              cuts);
     },
     65535, "\n"},
    {"fixed length", framing::padded,
     [](std::string_view stream, const std::vector<std::size_t> &cuts) {
         return cut_in_pieces(framing::padded_frames(), framing::message_of_padded, stream, cuts);
     },
     1024, " "},
};

std::string stream_of(const Framing &framing, const std::vector<std::string> &messages) {
    std::string stream;
    for (const std::string &message : messages) stream += framing.frame_of(message);
    return stream;
}

const std::vector<std::string> some_messages = {
    "Hello, Server!", "", "x", "a b", std::string("\0\x01\xff", 3), std::string(300, 'y')};

} // namespace

TEST_CASE("frames have the bytes of the course's programs", "[framing][frames]") {
    CHECK(framing::prefixed("Hello") == std::string("\0\0\0\5Hello", 9));
    CHECK(framing::prefixed("") == std::string(4, '\0'));
    CHECK(framing::prefixed(std::string(0x10203, 'x')).substr(0, 4) ==
          std::string("\0\1\2\3", 4)); // the highest byte first
    CHECK(framing::delimited("Hello") == "Hello\n");
    CHECK(framing::delimited("") == "\n");
    CHECK(framing::padded("Hello") == "Hello" + std::string(1019, ' '));
    CHECK(framing::padded("") == std::string(1024, ' '));
    CHECK(framing::padded(std::string(1024, 'x')) == std::string(1024, 'x'));
}

TEST_CASE("frames are found however the stream is cut in two", "[framing][frames]") {
    for (const Framing &framing : framings) {
        const std::string stream = stream_of(framing, some_messages);
        for (std::size_t i = 0; i <= stream.size(); ++i) {
            INFO(framing.name << ", cut after " << i << " bytes");
            REQUIRE((framing.cut(stream, {i}) == Cut{some_messages, "", false}));
        }
    }
}

TEST_CASE("frames are found when the stream comes byte by byte", "[framing][frames]") {
    for (const Framing &framing : framings) {
        const std::string stream = stream_of(framing, some_messages);
        std::vector<std::size_t> cuts;
        for (std::size_t i = 0; i < stream.size(); ++i) cuts.push_back(i);
        INFO(framing.name);
        CHECK((framing.cut(stream, cuts) == Cut{some_messages, "", false}));
    }
}

TEST_CASE("random messages come back from their frames, for random cuts", "[framing][frames]") {
    std::mt19937 random(5);
    const auto upto = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n)(random);
    };
    for (int round = 0; round < 3000; ++round)
        for (const Framing &framing : framings) {
            std::vector<std::string> messages(upto(5));
            for (std::string &message : messages) {
                message.resize(upto(upto(9) ? 20 : std::min<std::size_t>(framing.most, 5000)));
                for (char &c : message) c = static_cast<char>(upto(255));
                std::erase_if(
                    message, [&](char c) { return framing.excluded.find(c) != std::string::npos; });
            }
            const std::string stream = stream_of(framing, messages);
            std::vector<std::size_t> cuts(upto(8));
            for (std::size_t &cut : cuts) cut = upto(stream.size());
            std::sort(cuts.begin(), cuts.end());
            INFO(framing.name << ", round " << round);
            REQUIRE((framing.cut(stream, cuts) == Cut{messages, "", false}));
        }
}

TEST_CASE("of a stream that ends too early, the frames that are whole are found",
          "[framing][frames]") {
    for (const Framing &framing : framings) {
        const std::string stream = stream_of(framing, some_messages);
        std::vector<std::string> whole;
        std::size_t begin = 0; // of the frame that is not whole
        for (std::size_t size = 0; size < stream.size(); ++size) {
            const std::string next = framing.frame_of(some_messages[whole.size()]);
            if (size == begin + next.size()) {
                whole.push_back(some_messages[whole.size()]);
                begin = size;
            }
            const std::string part = stream.substr(0, size);
            INFO(framing.name << ", " << size << " bytes");
            REQUIRE((framing.cut(part, {}) == Cut{whole, part.substr(begin), false}));
        }
    }
}

TEST_CASE("a message may have as many bytes as its frame can carry", "[framing][frames]") {
    for (const Framing &framing : framings) {
        INFO(framing.name);
        for (const std::size_t size : {framing.most - 1, framing.most}) {
            const std::string message(size, 'x');
            CHECK(
                (framing.cut(framing.frame_of(message), {size / 2}) == Cut{{message}, "", false}));
        }
        CHECK_THROWS_AS(framing.frame_of(std::string(framing.most + 1, 'x')),
                        std::invalid_argument);
    }
    for (const char *message : {"\n", "a\nb", "a\n"})
        CHECK_THROWS_AS(framing::delimited(message), std::invalid_argument);
}

TEST_CASE("a length over the limit is too long as soon as it is there", "[framing][frames]") {
    const std::string before = framing::prefixed("Hello");
    for (const std::string &length :
         {std::string("\x00\x10\x00\x01", 4), std::string("\x00\x20\x00\x00", 4),
          std::string("\x40\x00\x00\x00", 4), std::string("\x7f\xff\xff\xff", 4),
          std::string("\x80\x00\x00\x00", 4), std::string("\xff\xff\xff\xff", 4)}) {
        const Framing &framing = framings[0];
        CHECK((framing.cut(before + length, {}) == Cut{{"Hello"}, length, true}));
        CHECK((framing.cut(before + length.substr(0, 3), {}) ==
               Cut{{"Hello"}, length.substr(0, 3), false}));
    }
    CHECK(framing::announced_length("\xff\xfe\xfd\xfc...") == 0xfffefdfc);
}

TEST_CASE("frames can be fed before all have been taken", "[framing][frames]") {
    framing::Frames frames = framing::prefixed_frames();
    frames.feed(framing::prefixed("a") + framing::prefixed("b") + std::string(2, '\0'));
    CHECK(frames.next() == framing::prefixed("a"));
    frames.feed(std::string("\0\1c", 3) + framing::prefixed("d"));
    CHECK(frames.next() == framing::prefixed("b"));
    CHECK(frames.next() == framing::prefixed("c"));
    CHECK(frames.next() == framing::prefixed("d"));
    CHECK_FALSE(frames.next());
    CHECK(frames.rest().empty());
}

TEST_CASE("a megabyte of frames, or one frame of a megabyte, takes linear time",
          "[framing][frames]") {
    // Quadratic, these would be 10^12 steps: the test would not end.
    framing::Frames one = framing::prefixed_frames();
    const std::string big = framing::prefixed(std::string(1 << 20, 'x'));
    for (std::size_t i = 0; i < big.size(); ++i) {
        REQUIRE_FALSE(one.next());
        one.feed(std::string_view(big).substr(i, 1));
    }
    CHECK(one.next() == big);

    framing::Frames many = framing::prefixed_frames();
    many.feed(std::string(4'000'000, '\0')); // all at once
    int count = 0;
    while (many.next()) ++count;
    CHECK(count == 1'000'000);
}

TEST_CASE("of a long message the beginning is shown, and the length", "[framing][frames]") {
    CHECK(framing::excerpt("") == "");
    CHECK(framing::excerpt(std::string(1024, 'x')) == std::string(1024, 'x'));
    CHECK(framing::excerpt(std::string(1025, 'x')) == std::string(1000, 'x') + "... (1025 bytes)");
}
