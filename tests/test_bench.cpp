// The benchmark: what it computes and draws, and that its clients notice what a server does wrong.
#include "bench/load.h"
#include "bench/meter.h"
#include "bench/report.h"
#include "bench/runner.h"
#include "bench/stats.h"
#include "bench/svg.h"
#include "support/kit.h"
#include "support/procfs.h"
#include "support/xml.h"

#include <cmath>
#include <functional>

using namespace test;
using namespace bench;

namespace {

constexpr Milliseconds little{20}, impatient{300};

// A server with one client, played by the test: it does with each connection what it is told.
class Imposter {
  public:
    explicit Imposter(std::function<void(Connection &)> serve)
        : thread_([this, serve = std::move(serve)] {
              try {
                  Connection client = listener_.accept();
                  serve(client);
              } catch (const std::exception &) { // nobody came
              }
          }) {}
    ~Imposter() { thread_.join(); }
    Endpoint address() const { return listener_.local(); }

  private:
    Listener listener_;
    std::thread thread_;
};

// What the load generator says of a run.
std::string complaint(const std::function<void()> &run) {
    try {
        run();
    } catch (const std::exception &error) {
        return error.what();
    }
    return "";
}

std::string complaint_about(const Endpoint &server, Talk talk = Talk::ping_pong) {
    return complaint([&] { Load(server, talk, 1, zen_script(), impatient).run(little); });
}

bool contains(const std::string &text, const std::string &part) {
    return text.find(part) != text.npos;
}

std::string answer_to(const std::string &question) {
    for (const auto &[asked, answered] : zen)
        if (asked == question) return std::string(answered);
    return "?";
}

Row row(const std::string &scenario, const std::string &server, int clients, double ratio,
        double spread) {
    Row one;
    one.scenario = scenario;
    one.server = server;
    one.clients = clients;
    one.reference = "yardstick";
    one.rate = 1000;
    one.rate_ratio = {ratio, spread};
    return one;
}

Settings smallest() {
    Settings settings;
    settings.slice = Milliseconds(5);
    settings.tries = 1;
    settings.rounds = 2;
    return settings;
}

} // namespace

TEST_CASE("bench: percentiles are values that occurred", "[bench]") {
    std::vector<double> values;
    CHECK(percentile(values, 50) == 0);
    values = {7};
    CHECK(percentile(values, 50) == 7);
    CHECK(percentile(values, 99.9) == 7);
    values.clear();
    for (int i = 1000; i >= 1; --i) values.push_back(i);
    CHECK(percentile(values, 50) == 500);
    CHECK(percentile(values, 99) == 990);
    CHECK(percentile(values, 99.9) == 999);
    CHECK(percentile(values, 100) == 1000);
    CHECK(percentile(values, 0) == 1);
}

TEST_CASE("bench: the median of an even number is between two", "[bench]") {
    CHECK(median({3, 1, 2}) == 2);
    CHECK(median({4, 1, 2, 3}) == 2.5);
    CHECK(median({}) == 0);
}

TEST_CASE("bench: servers are compared turn by turn", "[bench]") {
    // The machine was twice as fast in the second turn: the ratio is the same in each.
    const Comparison same = compare({90, 180, 90}, {100, 200, 100});
    CHECK(std::abs(same.ratio - 0.9) < 1e-9);
    CHECK(same.spread < 1e-9);
    CHECK(same.differs());
    CHECK(compare({1, 2, 3, 4, 5}, {1, 1, 1, 1, 1}).spread == 2);
    CHECK(compare({}, {}).text() == "nothing to compare");
}

TEST_CASE("bench: a difference that is not larger than the spread is none", "[bench]") {
    CHECK(Comparison{0.90, 0.05}.text() == "0.90 ±0.05");
    CHECK(Comparison{1.10, 0.05}.text() == "1.10 ±0.05");
    CHECK(Comparison{0.96, 0.05}.text() == "no difference ±0.05");
    CHECK(Comparison{1.04, 0.05}.text() == "no difference ±0.05");
}

TEST_CASE("bench: CSV has a field for each column, quoted where need be", "[bench]") {
    Row one = row("herd", "sszt -f", 10, 0.5, 0.1);
    one.note = "stops, as it \"says\"";
    const std::string text = csv({one, row("herd", "tae", 10, 1, 0)});
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    REQUIRE(lines.size() == 3);
    CHECK(std::count(lines[2].begin(), lines[2].end(), ',') ==
          std::count(lines[0].begin(), lines[0].end(), ','));
    CHECK(contains(lines[1], ",\"stops, as it \"\"says\"\"\""));
    CHECK(contains(lines[2], "herd,tae,10,0,yardstick,1000.0,1.0000,0.0000,"));
}

TEST_CASE("bench: the table shows each row, and why a server stopped", "[bench]") {
    CHECK(contains(table_line(row("ping-pong", "tae", 64, 0.9, 0.01)), "0.90 ±0.01"));
    Row stopped = row("herd", "tas", 10, 1, 0);
    stopped.rate = 0;
    stopped.idle = 1018;
    stopped.note = "stops";
    CHECK(table_line(stopped) == "1018 idle   stops\n");
    CHECK(short_time(4.6) == "5 us");
    CHECK(short_time(1234) == "1.2 ms");
    CHECK(short_time(12'340) == "12 ms");
    CHECK(short_time(1'234'000) == "1.2 s");
}

TEST_CASE("bench: a figure is reached, missed, or not to be told", "[bench]") {
    const auto verdict = [](double ratio, double spread) {
        return figures({row("ping-pong", "tae", 1, ratio, spread)});
    };
    CHECK(contains(verdict(0.98, 0.01), "  reached"));
    CHECK(contains(verdict(0.96, 0.02), "  within the spread"));
    CHECK(contains(verdict(0.90, 0.02), "  missed"));
    CHECK(contains(verdict(1.90, 0.90), "  too noisy to tell"));
    CHECK(figures({row("ping-pong", "tae", 2, 1, 0)}).empty());
}

TEST_CASE("bench: a logarithmic scale has round ends and ticks", "[bench]") {
    const Scale scale(3, 800, 0, 100);
    CHECK(scale.low() == 2);
    CHECK(scale.high() == 1000);
    CHECK(std::abs(scale(2)) < 1e-9);
    CHECK(std::abs(scale(1000) - 100) < 1e-9);
    CHECK(std::abs(scale(std::sqrt(2000)) - 50) < 1e-9);
    CHECK(Scale(3, 40, 0, 1).ticks() == std::vector<double>{2, 5, 10, 20, 50});
    CHECK(Scale(1, 10'000, 0, 1).ticks() == std::vector<double>{1, 10, 100, 1000, 10'000});
    CHECK(tick_text(0.5) == "0.5");
    CHECK(tick_text(5000) == "5000");
    CHECK(tick_text(20'000) == "20,000");
    CHECK(tick_text(1'500'000) == "1.5M");
}

TEST_CASE("bench: what touches a name in a figure is known", "[bench]") {
    const Box box = {10, 10, 20, 10};
    CHECK(box.touches(Box{25, 15, 20, 10}));
    CHECK_FALSE(box.touches(Box{31, 10, 20, 10}));
    CHECK(box.touches(Point{0, 0}, Point{40, 30}));
    CHECK(box.touches(Point{0, 15}, Point{40, 15}));
    CHECK_FALSE(box.touches(Point{0, 0}, Point{9, 30}));
    CHECK_FALSE(box.touches(Point{0, 25}, Point{40, 25}));
}

TEST_CASE("bench: the figures are well-formed SVG, with a name for each line", "[bench]") {
    Figure herd = {"A & B", "idle <clients>", "per second", {}, true};
    for (const char *name : {"yardstick", "tae", "tap", "tas", "sszt", "sszt -f", "mzts", "new"})
        herd.lines.push_back({name, {{0, 50'000}, {100, 50'000}, {10'000, 50'000}}});
    const std::string document = svg({herd, {"nothing", "x", "y", {}}});
    CHECK(well_formed(document));
    CHECK_FALSE(well_formed("<svg><g></svg>"));
    CHECK(contains(document, "A &amp; B"));
    CHECK(contains(document, "prefers-color-scheme: dark"));
    for (const Line &line : herd.lines) CHECK(contains(document, ">" + line.name + "</text>"));
    CHECK_FALSE(contains(document, "nan"));
    CHECK_FALSE(contains(document, "inf"));
}

TEST_CASE("bench: every kind of load runs against a server, and leaves nothing behind", "[bench]") {
    Server server(named("tae"), {"-q"});
    const std::size_t before = descriptor_count(server.pid()), own = descriptor_count(getpid());
    for (const Talk talk : {Talk::ping_pong, Talk::conversations}) {
        const Sample sample = Load(server.address(), talk, 3, zen_script()).run(little);
        CHECK(sample.answered >= 3);
        CHECK(sample.microseconds.size() == static_cast<std::size_t>(sample.answered));
        CHECK(sample.rate() > 0);
        CHECK(sample.lost == 0);
    }
    CHECK(Load(server.address(), Talk::ping_pong, 2, batch_script(16)).run(little).answered >= 2);
    bool halfway = false;
    {
        Load once(server.address(), Talk::ping_pong, 5, zen_script());
        CHECK(once.run(Milliseconds(0), [&] { halfway = true; }).answered == 5);
        CHECK(eventually([&] { return descriptor_count(server.pid()) == before + 5; }));
    }
    CHECK(halfway);
    CHECK(eventually([&] { return descriptor_count(server.pid()) == before; }));
    CHECK(descriptor_count(getpid()) == own);
    const Server datagrams(named("uae"), {"-q"});
    const Sample sample = Load(datagrams.address(), Talk::datagrams, 3, zen_script()).run(little);
    CHECK(sample.answered + sample.lost >= 3);
}

TEST_CASE("bench: a wrong answer is noticed", "[bench]") {
    const Imposter imposter([](Connection &client) {
        client.receive(1);
        client.send("Ugly?");
        client.receive_all(); // until it has gone
    });
    CHECK(contains(complaint_about(imposter.address()), "a wrong answer: 'Ugly?'"));
}

TEST_CASE("bench: an answer that nobody asked for is noticed", "[bench]") {
    const Imposter imposter([](Connection &client) {
        client.receive(1);
        client.send("Ugly.Ugly.");
        client.receive_all();
    });
    CHECK(contains(complaint_about(imposter.address()), "a wrong answer"));
}

TEST_CASE("bench: a lost answer is noticed", "[bench]") {
    const Imposter imposter([](Connection &client) { client.receive_all(); });
    CHECK(complaint_about(imposter.address()) == "no answer within 300 ms");
}

TEST_CASE("bench: a connection that the server closes is noticed", "[bench]") {
    for (const Talk talk : {Talk::ping_pong, Talk::conversations}) {
        const Imposter imposter([](Connection &client) {
            client.receive(25);
            client.send("Ugly.");
            client.receive(24);
        });
        CHECK(contains(complaint_about(imposter.address(), talk), "the server closed"));
    }
}

TEST_CASE("bench: a server that dies is noticed", "[bench]") {
    Server server(named("tae"), {"-q"});
    Load load(server.address(), Talk::ping_pong, 2, zen_script(), impatient);
    CHECK(complaint([&] { load.run(little); }).empty());
    server.signal(SIGKILL);
    REQUIRE(server.wait_exit());
    CHECK(contains(complaint([&] { load.run(little); }), "the server closed"));
    CHECK(contains(complaint_about(server.address(), Talk::conversations), "the server closed"));
}

TEST_CASE("bench: datagrams that are lost are counted, and none at all is a failure", "[bench]") {
    Datagrams server;
    Load load(server.local(), Talk::datagrams, 1, zen_script());
    std::thread forgetful([&] { // it answers all but the first question
        server.receive();
        for (auto next = server.receive(); next.arrived; next = server.receive(impatient))
            server.send_to(next.sender, answer_to(next.bytes));
    });
    const Sample sample = load.run(impatient);
    forgetful.join();
    CHECK(sample.lost >= 1);
    CHECK(sample.answered >= 1);
    CHECK(contains(complaint_about(server.local(), Talk::datagrams), "no answer"));
}

TEST_CASE("bench: scenarios compare servers with a yardstick", "[bench]") {
    const Script batches = script_for("yardstick", 16);
    CHECK(batches.at(0).answer == repeat("Complex.", 16));
    for (const Scenario &scenario :
         {Scenario{"ping-pong", Talk::ping_pong, 2, {"yardstick", "yardstick+1", "tae"}},
          Scenario{"conversations", Talk::conversations, 2, {"yardstick", "sszt -f"}},
          Scenario{"pipelined", Talk::ping_pong, 2, {"yardstick", "mzts", "tap"}, 16},
          Scenario{"pipelined", Talk::ping_pong, 1, {"yardstick", "zens", "sszt -f"}, 16},
          Scenario{"datagrams", Talk::datagrams, 2, {"yardstick", "yardstick+1", "uas"}}}) {
        std::vector<Row> rows;
        bench::run(scenario, smallest(), [&](const Row &one) { rows.push_back(one); });
        REQUIRE(rows.size() == scenario.servers.size());
        for (const Row &one : rows) {
            INFO(one.scenario << ", " << one.server << ": " << one.note);
            CHECK(one.note.empty());
            CHECK(one.rate > 0);
            CHECK(one.processor_us > 0);
            CHECK(one.p50 > 0);
            CHECK(one.p999 >= one.p50);
            CHECK(one.threads >= 1);
            CHECK(one.threads <= (one.server == "mzts" ? 33 : 1) + sanitizer_threads);
        }
    }
}

TEST_CASE("bench: idle clients are held, and where they end is said", "[bench]") {
    std::vector<Row> rows;
    const auto collect = [&](const Row &one) { rows.push_back(one); };
    run_herd("tae", {20}, smallest(), collect);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].reference == "yardstick");
    CHECK(rows[1].reference == "0 idle");
    CHECK(rows[1].idle == 20);
    CHECK(rows[1].note.empty());

    rows.clear();
    Settings few = smallest();
    few.descriptors = 100;
    run_herd("tap", {10, 1000, 2000}, few, collect);
    REQUIRE(rows.size() == 3);
    CHECK(rows[2].idle == 26);
    CHECK(contains(rows[2].note, "the limit of descriptors (ulimit -Hn) is 100"));

    rows.clear();
    run_herd("mzts", {40, 50}, smallest(), collect);
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].rate == 0);
    CHECK(rows[1].idle == 32);
    CHECK(contains(rows[1].note, "no answer within"));
    CHECK(contains(rows[1].note, "workers"));
}
