// The rule "a co_await stands alone", by the sources that keep it and those that do not.
#include "grade/co_await.h"

#include "catch.h"

using grade::crowded_co_awaits;

TEST_CASE("co_await: what stands alone keeps the rule", "[asyncio][co_await]") {
    for (const char *statement :
         {"co_await f();", "const auto x = co_await f(name, g(1), \"?{\");", "x = co_await f;",
          "if (x) co_await f();", "else co_await f();", "for (;;) co_await f();",
          "try { co_await f();", "co_return co_await f(a);", "co_await a.b->c();",
          "co_await asyncio::f<int>(x[0], 20'000);", "const std::vector<int> x = co_await f();",
          "g('\"'); // f(co_await g())\n co_await f();", "again: co_await f();",
          "case 1: co_await f();", "Awaiter operator co_await() const;"}) {
        CAPTURE(statement);
        CHECK(crowded_co_awaits("C f() {\n" + std::string(statement) + "\n}").empty());
    }
}

TEST_CASE("co_await: what does not stand alone breaks the rule", "[asyncio][co_await]") {
    for (const char *statement :
         {"if (co_await f()) g();", "while (co_await f()) {}", "g(co_await f());",
          "auto [a, b] = co_await f();", "x = 1 + co_await f();", "x = co_await f() + 1;",
          "x = y ? co_await f() : 0;", "co_await f([=] { g(); });", "co_await f(T{1, 2});",
          "co_await f(x ? a : b);", "co_await f(co_await g());", "co_return co_await f() == 1;",
          "(co_await f()).g();", "std::cout << co_await f();", "a, co_await f();",
          "co_await f(), g();"}) {
        CAPTURE(statement);
        const auto found = crowded_co_awaits("C f() {\n" + std::string(statement) + "\n}");
        REQUIRE(found.size() >= 1);
        CHECK(found.front() == "2: " + std::string(statement));
    }
}
