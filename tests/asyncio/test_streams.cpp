// Streams: the reader and its buffer.
#include "streams.h"

using namespace asyncio_tests;

namespace {
/// What a reader gets in so many pieces, and then the end of file.
StreamReader fed(const Texts &pieces, std::size_t limit = stream_limit) {
    const StreamReader reader(limit);
    for (const std::string &piece : pieces) reader.feed_data(piece);
    reader.feed_eof();
    return reader;
}
} // namespace

TEST_CASE("59: read(n) gives 1 to n bytes, and nothing at the end of file") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader;
        const auto reading = create_task(reader.read(4));
        co_await settle();
        CHECK_FALSE(reading.done());
        reader.feed_data("ab");
        const std::string first = co_await reading;
        CHECK(first == "ab");
        reader.feed_data("cdefgh");
        reader.feed_eof();
        const Texts expected{"cdef", "gh", "", ""};
        for (const auto &each : expected) {
            const std::string bytes = co_await reader.read(4);
            CHECK(bytes == each);
        }
    });
}

TEST_CASE("59: read(0) gives nothing, at once; read() gives all, more than the limit too") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader empty;
        const std::string nothing = co_await empty.read(0);
        CHECK(nothing.empty());
        const StreamReader reader(2);
        const auto all = create_task(reader.read());
        const Texts pieces{"one ", "two ", "three"};
        for (const auto &piece : pieces) {
            reader.feed_data(piece);
            co_await settle();
        }
        CHECK_FALSE(all.done());
        reader.feed_eof();
        const std::string bytes = co_await all;
        CHECK(bytes == "one two three");
    });
}

TEST_CASE("60: readline gives lines, a part of one at the end, and then nothing") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader = fed({"one\ntw", "o\n\nthree"});
        const Texts expected{"one\n", "two\n", "\n", "three", ""};
        for (const auto &each : expected) {
            const std::string line = co_await reader.readline();
            CHECK(line == each);
        }
    });
}

TEST_CASE("60: a line over the limit: ValueError, and it is thrown away") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader = fed({"12345\n1234\nrest"}, 4);
        const std::string first = co_await outcome(reader.readline());
        CHECK(first == "Separator is found, but chunk is longer than limit");
        const std::string second = co_await reader.readline();
        CHECK(second == "1234\n");
        const StreamReader endless(4);
        endless.feed_data("1234567");
        const std::string third = co_await outcome(endless.readline());
        CHECK(third == "Separator is not found, and chunk exceed the limit");
        endless.feed_data("89\n"); // what was there has gone
        const std::string rest = co_await endless.readline();
        CHECK(rest == "89\n");
        const auto too_long = create_task(fed({"12345\n"}, 4).readline());
        co_await settle();
        CHECK_THROWS_AS(too_long.result(), ValueError);
    });
}

TEST_CASE("61: readuntil over the limit leaves the bytes, and tells how many were looked at") {
    run_in_test_loop([]() -> Coroutine<void> {
        const Texts streams{"12345?", "12345", "12345<"};
        for (const auto &sent : streams) {
            const StreamReader reader(4);
            reader.feed_data(sent);
            const auto task = create_task(reader.readuntil(sent == "12345<" ? "<>" : "?"));
            co_await settle();
            CHECK_THROWS_AS(task.result(), LimitOverrunError);
            try {
                task.result();
            } catch (const LimitOverrunError &error) {
                CHECK(error.consumed == 5);
            }
            const std::string bytes = co_await reader.read(100);
            CHECK(bytes == sent);
        }
        const StreamReader exactly = fed({"1234?"}, 4); // the separator does not count
        const std::string longest = co_await exactly.readuntil("?");
        CHECK(longest == "1234?");
    });
}

TEST_CASE("61: readuntil at the end of file: IncompleteReadError has the bytes") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader = fed({"Simple is"});
        const auto task = create_task(reader.readuntil("?"));
        co_await settle();
        CHECK_THROWS_WITH(task.result(), "9 bytes read on a total of undefined expected bytes");
        try {
            task.result();
        } catch (const IncompleteReadError &error) {
            CHECK(error.partial == "Simple is");
            CHECK_FALSE(error.expected);
        }
        CHECK(reader.at_eof());
        const std::string nothing = co_await outcome(reader.readuntil(""));
        CHECK(nothing == "Separator should be at least one-byte string");
    });
}

TEST_CASE("61: readuntil finds a separator that comes in pieces, and many in one piece") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader;
        const auto task = create_task(reader.readuntil("END"));
        const Texts pieces{"aE", "EN", "ENE", "N"}, expected{"restEND", "END"};
        for (const auto &piece : pieces) {
            reader.feed_data(piece);
            co_await settle();
            CHECK_FALSE(task.done());
        }
        reader.feed_data("DrestENDEND");
        const std::string first = co_await task;
        CHECK(first == "aEENENEND");
        for (const auto &each : expected) {
            const std::string part = co_await reader.readuntil("END");
            CHECK(part == each);
        }
    });
}

TEST_CASE("62: readexactly gives so many bytes, more than the limit too, or tells what has come") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader(2);
        const auto task = create_task(reader.readexactly(5));
        const Texts pieces{"12", "34", "567"};
        for (const auto &piece : pieces) {
            CHECK_FALSE(task.done());
            reader.feed_data(piece);
            co_await settle();
        }
        CHECK(task.result() == "12345");
        reader.feed_eof();
        const std::string none = co_await reader.readexactly(0);
        CHECK(none.empty());
        const std::string text = co_await outcome(reader.readexactly(5));
        CHECK(text == "2 bytes read on a total of 5 expected bytes");
        CHECK(reader.at_eof());
    });
}

TEST_CASE("63: a second reader at the same time: RuntimeError") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader;
        const auto first = create_task(reader.read(10));
        co_await settle();
        const std::string read = co_await outcome(reader.read(10));
        CHECK(read == "read() called while another coroutine is already waiting for incoming data");
        const std::string until = co_await outcome(reader.readuntil());
        CHECK(until ==
              "readuntil() called while another coroutine is already waiting for incoming data");
        reader.feed_data("x");
        const std::string bytes = co_await first; // which waits on
        CHECK(bytes == "x");
        const auto cancelled = create_task(reader.read(10));
        co_await settle();
        cancelled.cancel();
        co_await settle();
        reader.feed_data("y");
        const std::string next = co_await reader.read(10);
        CHECK(next == "y");
    });
}

TEST_CASE("64: over twice the limit the transport is paused, and at the limit it reads again") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto stream = co_await accepted(pair, 4);
        const auto &[reader, writer] = stream;
        const auto transport = writer.transport();
        pair.send("12345678");
        co_await settle();
        CHECK(transport->is_reading()); // not over twice the limit
        pair.send("9");
        co_await settle();
        CHECK_FALSE(transport->is_reading());
        const std::string some = co_await reader.read(4);
        CHECK_FALSE(transport->is_reading()); // 5 are left
        const std::string one = co_await reader.read(1);
        CHECK(transport->is_reading());
        CHECK(some + one == "12345");
    });
}

TEST_CASE("64: who waits while it is paused makes it read again") {
    run_in_test_loop([]() -> Coroutine<void> {
        Pair pair;
        const auto stream = co_await accepted(pair, 4);
        const auto &[reader, writer] = stream;
        pair.send("123456789");
        co_await settle();
        CHECK_FALSE(writer.transport()->is_reading());
        const auto task = create_task(reader.readexactly(20));
        co_await settle();
        pair.send("abcdefghijk");
        const std::string all = co_await task;
        CHECK(all == "123456789abcdefghijk");
    });
}

TEST_CASE("65: at_eof() is true only when the buffer is empty too") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader;
        CHECK_FALSE(reader.at_eof());
        reader.feed_data("ab");
        reader.feed_eof();
        CHECK_FALSE(reader.at_eof());
        co_await reader.read(1);
        CHECK_FALSE(reader.at_eof());
        co_await reader.read(1);
        CHECK(reader.at_eof());
    });
}

TEST_CASE("The exception of a connection comes out of all that read, after what has come before") {
    run_in_test_loop([]() -> Coroutine<void> {
        const StreamReader reader;
        const auto task = create_task(reader.read(10));
        co_await settle();
        reader.feed_data("before");
        reader.set_exception(std::make_exception_ptr(RuntimeError("broken")));
        const std::string bytes = co_await task;
        CHECK(bytes == "before");
        const std::string line = co_await outcome(reader.readline());
        const std::string some = co_await outcome(reader.read(1));
        const std::string all = co_await outcome(reader.read());
        CHECK(line + some + all == "brokenbrokenbroken");
        const StreamReader waited;
        const auto waiting = create_task(outcome(waited.readline()));
        co_await settle();
        waited.set_exception(std::make_exception_ptr(RuntimeError("broken")));
        const std::string text = co_await waiting;
        CHECK(text == "broken");
        CHECK_THROWS_AS(StreamReader(0), ValueError);
    });
}
