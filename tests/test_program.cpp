// Unit tests of program.h: what can be had without a process.
#include "../program.h"
#include "catch.h"

TEST_CASE("printable escapes all but printable ASCII", "[program][printable]") {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text = zen::printable(std::string(1, static_cast<char>(byte)));
        INFO(byte);
        const bool special = byte != 0 && std::strchr("\n\r\t\\", byte);
        if (byte >= 32 && byte < 127 && !special)
            CHECK(text == std::string(1, static_cast<char>(byte)));
        else CHECK((text[0] == '\\' && text.size() == (special ? 2 : 4)));
    }
    CHECK(zen::printable("a\nb\r\t\x1b[2J\xc3\xa9") == "a\\nb\\r\\t\\x1b[2J\\xc3\\xa9");
    CHECK(zen::printable(std::string_view("\0", 1)) == "\\x00");
    CHECK(zen::printable("\\n") == "\\\\n"); // not to be taken for a newline
}

TEST_CASE("addresses are named with brackets around IPv6", "[program][address]") {
    CHECK(zen::address_name("127.0.0.1", "80") == "127.0.0.1:80");
    CHECK(zen::address_name("::1", "80") == "[::1]:80");
    CHECK(zen::address_name("localhost", "80") == "localhost:80");
}

TEST_CASE("fail names the call and the reason; a time limit is not \"try again\"",
          "[program][errors]") {
    CHECK_THROWS_WITH(zen::fail("cannot listen on 127.0.0.1:80", EADDRINUSE),
                      "cannot listen on 127.0.0.1:80: Address already in use");
    CHECK_THROWS_WITH(zen::fail("cannot receive", EAGAIN), "cannot receive: Connection timed out");
}

TEST_CASE("a descriptor is owned by one and closed once", "[program][descriptor]") {
    const auto is_open = [](int number) { return fcntl(number, F_GETFD) >= 0; };
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    {
        zen::Descriptor first(ends[0]);
        CHECK(first);
        CHECK(fcntl(ends[0], F_GETFD) == FD_CLOEXEC);
        {
            const zen::Descriptor second(std::move(first));
            CHECK(second.get() == ends[0]);
            CHECK_FALSE(first); // the one moved from has none
            CHECK(is_open(ends[0]));
        }
        CHECK_FALSE(is_open(ends[0]));
        CHECK_FALSE(zen::Descriptor(-1));
    }
    CHECK(is_open(ends[1]));
    close(ends[1]);
}

TEST_CASE("of two errors, that an address cannot be used says least", "[program][errors]") {
    CHECK(zen::telling_error(0, EADDRNOTAVAIL) == EADDRNOTAVAIL);
    CHECK(zen::telling_error(EADDRNOTAVAIL, ECONNREFUSED) == ECONNREFUSED);
    CHECK(zen::telling_error(ECONNREFUSED, EADDRNOTAVAIL) == ECONNREFUSED);
    CHECK(zen::telling_error(ECONNREFUSED, EAFNOSUPPORT) == ECONNREFUSED);
    CHECK(zen::telling_error(ETIMEDOUT, ENETUNREACH) == ETIMEDOUT);
}

TEST_CASE("the port of an address is the same for IPv4 and IPv6", "[program][address]") {
    zen::Address four, six;
    reinterpret_cast<sockaddr_in &>(four.storage) = {AF_INET, htons(65'432), {}, {}};
    auto &address = reinterpret_cast<sockaddr_in6 &>(six.storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(65'432);
    CHECK(four.port() == htons(65'432));
    CHECK(six.port() == four.port());
}
