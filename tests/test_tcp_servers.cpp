// What every TCP server of the kit does.
#include "support/kit.h"
#include "support/procfs.h"

#include <sys/resource.h>

using namespace test;

namespace {

constexpr bool has_delimiter(const Program &program) {
    return is_zen_tcp_server(program) || program.name == "ads";
}
constexpr auto servers_with_delimiter = select<has_delimiter>();

} // namespace

TEST_OF_EACH(tcp_servers, "answers questions that are cut in two at any place",
             "[stream][faults][row 3]") {
    Server server(program);
    const auto [questions, answers] = pipelined(program);
    const std::size_t step = 1 + questions.size() / 300; // any place, or 300 of them
    for (std::size_t cut = 1; cut < questions.size(); cut += step) {
        Connection client(server.address());
        CHECK_PROGRAM(server, client.send(questions.substr(0, cut)));
        CHECK_PROGRAM(server, wait_until_read(client));
        CHECK_PROGRAM(server, client.send(questions.substr(cut)));
        client.shut_down_sending();
        INFO("cut after " << cut << " bytes");
        check_bytes(server, questions, answers, client.receive_all());
    }
}

TEST_OF_EACH(tcp_servers, "answers all that is pipelined before a half-close, in order",
             "[stream][faults][row 4]") {
    Server server(program, {"-q"});
    for (const int times : {1, 100, 1000, 10'000}) {
        Connection client(server.address());
        const auto [questions, answers] = pipelined(program, times);
        check_bytes(server, questions, answers, client.exchange(questions));
        CHECK_PROGRAM(server, client.ended());
    }
}

TEST_OF_EACH(framing_servers, "gives a slow reader every byte", "[stream][faults][row 6]") {
    Server server(program, {"-q"});
    Connection client(server.address(), 4096);
    const auto [questions, answers] = pipelined_bytes(program, 4'000'000);
    const int sends = is_straight_line(program) ? 6 : 1; // 545,000 of them take their time
    check_bytes(server, questions, answers, client.exchange(questions, sends * patience));
}

TEST_OF_EACH(tcp_servers, "logs a reset connection, and that it is closed then", "[hostile]") {
    Server server(program);
    const Exchange &one = exchanges(program)[0];
    Connection client(server.address());
    const std::string peer = client.local().name();
    CHECK_PROGRAM(server, client.send(one.question + one.question.substr(0, 3)));
    check_bytes(server, one.question, one.answer, client.receive(one.answer.size()));
    client.reset();
    CHECK_PROGRAM(server, server.wait_for("Error with " + peer +
                                          ": cannot receive: Connection reset by peer\n" +
                                          "Connection with " + peer + " closed\n"));
}

TEST_OF_EACH(servers_with_delimiter, "keeps nothing of a stream without an end",
             "[hostile][faults][row 18]") {
    Server server(program);
    Connection client(server.address());
    const long before = peak_memory(server.pid());
    CHECK_PROGRAM(server,
                  !client.send(std::string(256'000'000, 'x'))); // it closes long before that
    check_bytes(server, "(x without an end)", "", client.receive_all());
    CHECK_PROGRAM(server, client.ended() || client.was_reset());
    client.close();
    if (!sanitized) CHECK(peak_memory(server.pid()) <= before + 16'384);
    check_alive(server);
}

TEST_OF_EACH(tcp_servers, "survives clients that reset, leave without reading, or send urgent data",
             "[hostile][faults][row 7][row 8][row 9][row 10][row 13]") {
    const auto &[asked, answered] = exchanges(program)[0];
    Server server(program);
    Live live(server);
    for (int i = 0; i < 30; ++i) {
        Connection in_mid_question(server.address());
        CHECK_PROGRAM(server, in_mid_question.send(asked.substr(0, 9)));
        CHECK_PROGRAM(server, wait_until_read(in_mid_question));
        in_mid_question.reset();
        Connection after_an_exchange(server.address());
        CHECK_PROGRAM(server, after_an_exchange.send(asked));
        after_an_exchange.receive(answered.size());
        after_an_exchange.reset();
        Connection at_once(server.address());
        at_once.reset();
        Connection does_not_read(server.address());
        // The second send to somebody who has gone fails; so there are questions for several.
        const std::size_t bytes = i % 2 ? 300 : 20'000;
        CHECK_PROGRAM(server, does_not_read.send(pipelined_bytes(program, bytes).question));
    }
    server.signal(SIGSTOP);
    for (int i = 0; i < 3; ++i) Connection(server.address()).reset(); // before they are accepted
    server.signal(SIGCONT);
    Connection urgent(server.address());
    CHECK(send(urgent.get(), "!", 1, MSG_OOB) == 1); // this byte is not part of the stream
    check_bytes(server, asked, answered, urgent.exchange(asked));
    live.check();
}

TEST_OF_EACH(framing_servers, "goes on where it was stopped in mid-conversation",
             "[signals][faults][row 29]") {
    const auto &[asked, answered] = exchanges(program)[0];
    Server server(program);
    Connection client(server.address());
    CHECK_PROGRAM(server, client.send(asked.substr(0, 5)));
    CHECK_PROGRAM(server, wait_until_read(client));
    stop_and_continue(server.pid());
    check_bytes(server, asked, answered, client.exchange(asked.substr(5)));
}

TEST_OF_EACH(tcp_servers, "answers a storm of clients", "[storm][faults][row 14]") {
    const auto &[asked, answered] = exchanges(program)[0];
    Server server(program, {"-q"});
    for (int round = 0; round < 10; ++round) {
        std::vector<Connection> storm;
        for (int i = 0; i < 50; ++i) storm.emplace_back(server.address());
        for (Connection &client : storm) {
            CHECK_PROGRAM(server, client.send(asked));
            client.shut_down_sending();
        }
        for (Connection &client : storm) check_bytes(server, asked, answered, client.receive_all());
    }
}

TEST_OF_EACH(tcp_servers, "pauses when it runs out of descriptors, says so once, and goes on",
             "[limits][faults][row 15]") {
    const auto &[asked, answered] = exchanges(program)[0];
    Server server(program);
    rlimit none = {}, enough = {};
    REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &enough) == 0);
    none.rlim_max = enough.rlim_max;
    none.rlim_cur = 3;
    REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
    Connection first(server.address()), second(server.address());
    CHECK_PROGRAM(server, first.send(asked)); // is answered if accept had a descriptor already
    first.shut_down_sending();
    CHECK_PROGRAM(server, second.send(asked));
    CHECK_PROGRAM(server, server.wait_for("Cannot accept: Too many open files\n"));
    const Milliseconds used = processor_time(server.pid());
    CHECK_PROGRAM(server, second.receive(1, Milliseconds(500)).empty());
    CHECK_PROGRAM(server,
                  processor_time(server.pid()) - used < Milliseconds(100)); // it does not spin
    REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, &enough, nullptr) == 0);
    check_bytes(server, asked, answered, first.receive_all());
    check_bytes(server, asked, answered, second.receive(answered.size()));
    second.close();
    check_alive(server);
    const std::string log = server.standard_output();
    CHECK_PROGRAM(server, log.find("Cannot accept") == log.rfind("Cannot accept"));
}
