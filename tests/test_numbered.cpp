// What is exact of the clients of the lecture's numbered connections, tacnc and tacl: what they say is
// wrong. What they and their server, tacn, do is in grade/checks_numbered.cpp.
#include "support/kit.h"
#include "support/lines.h"

using namespace test;

namespace {

const Program &tacn = named("tacn"), &tacnc = named("tacnc"), &tacl = named("tacl");

} // namespace

// ---- tacnc

TEST_CASE("tacnc: prints escaped what it sends and receives", "[asyncio][tacnc][output]") {
    Server server(tacn);
    Client client(tacnc, server.address(), {"-m", "a\\b"});
    check_succeeds(client, "Sent: a\\\\b\nReceived: 0 a\\\\b\n");
}

TEST_CASE("tacnc: without a server or an answer, one line and status 1",
          "[asyncio][tacnc][errors][time limit][faults][row 38][row 39][row 43]") {
    Listener listener;
    const Endpoint address = listener.local();
    {
        Client client(tacnc, address);
        Connection server = listener.accept();
        server.receive(10);
        server.send("7 This");
        server.close();
        check_fails(client,
                    "tacnc: no complete answer from " + address.name() + ": connection closed");
    }
    {
        Client client(tacnc, address, {"-t", "1"});
        const Connection server = listener.accept();
        check_fails(client, "tacnc: no answer from " + address.name() + ": Connection timed out");
    }
    {
        Client client(tacnc, address);
        Connection server = listener.accept();
        server.send(std::string(64'000'000, 'x')); // until it has closed
        check_fails(client, "tacnc: answer too long");
    }
    listener.close();
    Client client(tacnc, address);
    check_fails(client, "tacnc: cannot connect to " + address.name() + ": Connection refused");
    Client no_line(tacnc, address, {"-m", "a\nb"});
    check_fails(no_line, "tacnc: the message must be one line of at most 1024 bytes", 2);
}

// ---- tacl

TEST_CASE("tacl: 300 clients at once are all answered, and -q prints only how many",
          "[asyncio][tacl][storm]") {
    Server server(tacn, {"-q"});
    for (const std::string approach : {"2", "3"}) {
        Client load(tacl, server.address(), {"-q", "-t", "60", "-a", approach, "300", "5"});
        check_exit(load, 0, 6 * patience);
        const auto lines = lines_of(load.standard_output());
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].rfind("1500 answers in ", 0) == 0);
    }
}

TEST_CASE("tacl: says in one line what is wrong, and ends",
          "[asyncio][tacl][errors][time limit][faults][row 39]") {
    Listener listener;
    const Endpoint address = listener.local();
    const auto loses = [&](const std::string &answer, const std::string &wrong) {
        Client load(tacl, address, {"-a", "2", "-t", "1", "1", "1"});
        Connection server = listener.accept();
        CHECK(server.receive(10) == "This is 0\n");
        server.send(answer);
        if (answer != "0") server.close(); // or else it is silent
        check_fails(load, "tacl: " + wrong);
    };
    loses("", "no answer from " + address.name() + ": connection closed");
    loses("0 This is 1\n", "a wrong answer: 0 This is 1\\n");
    loses("0", "no answer from " + address.name() + ": Connection timed out");
    listener.close();
    for (const std::string approach : {"1", "2", "3"}) {
        Client load(tacl, address, {"-a", approach, "20", "3"});
        check_fails(load, "tacl: cannot connect to " + address.name() + ": Connection refused");
    }
}

TEST_CASE("tacl: ends on a signal", "[asyncio][tacl][stop]") {
    Listener listener;
    Client load(tacl, listener.local(), {"-t", "0", "-a", "3", "20", "3"});
    const Connection silent = listener.accept();
    load.signal(SIGINT);
    check_exit(load, 130, stop_limit);
}

TEST_CASE("tacl: says with the usage line what is wrong", "[asyncio][tacl][command line]") {
    const auto wrong = [](std::initializer_list<std::string> words, const std::string &what) {
        Process load(command(tacl, words));
        check_exit(load, 2);
        CHECK_PROGRAM(load,
                      load.standard_error().rfind("tacl: " + what + "\nusage: tacl [-h]", 0) == 0);
    };
    wrong({"3"}, "too few arguments");
    wrong({"-a", "4", "3", "3"}, "-a must be a number from 1 to 3, not '4'");
    wrong({"-a"}, "no value for option -a");
    wrong({"-x", "3", "3"}, "unknown option -x");
    wrong({"0", "3"}, "CLIENTS must be a number from 1 to 10000, not '0'");
    wrong({"3", "x"}, "REPETITIONS must be a number from 1 to 1000000, not 'x'");
    wrong({"3", "3", "localhost", "0"}, "PORT must be a number from 1 to 65535, not '0'");
    wrong({"3", "3", "localhost", "80", "-h"}, "surplus argument '-h'");
    Process help(command(tacl, {"-h"}));
    check_exit(help, 0);
    CHECK_PROGRAM(help, help.standard_output().rfind("usage: tacl [-h] [-a APPROACH]", 0) == 0);
}
