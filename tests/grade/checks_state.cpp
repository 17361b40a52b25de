// What a server knows of a client lives as long as the client does: half a question, unsent answers, the
// decision to hang up. Nobody else gets it, and nothing of it is forgotten too early.
#include "../support/network.h"
#include "checks_stream.h"
#include "watching.h"

#include <thread>

using namespace grade;
using test::tcp_event_loops, test::udp_event_loops, test::wait_until_read;

namespace {

constexpr auto mzts = only<"mzts">(), abs_server = only<"abs">();
constexpr auto other_framing_servers = only<"ads", "afs">();

using Clock = std::chrono::steady_clock;

void expect_read(Talk &client) {
    require(wait_until_read(client.connection()), "what a client sent was not read");
}

// The two halves of a question; the first one tells the questions apart.
std::string first_half(std::size_t number) { return question(number).substr(0, 12); }
std::string second_half(std::size_t number) { return question(number).substr(12); }

// That the server closes the connection of a client that it has refused, and that stays: a second is
// what it should take.
void expect_to_be_dropped(Talk &client, const std::string &when, const std::string &sends = {}) {
    const bool dropped = test::eventually(
        [&] {
            if (!sends.empty()) {
                client.connection().send(sends, Milliseconds(1));
                std::this_thread::sleep_for(Milliseconds(20));
            }
            return test::is_closed_by_peer(client.connection());
        },
        Milliseconds(8000));
    require(dropped, "8 seconds after an unrecognized question, " + when +
                         ", the server still has the connection");
}

// Three questions or frames in one segment, again and again.
void expect_answers_together(const Program &program) {
    trying("A client sends three questions or frames at once, and the next three when all have "
           "been answered; each time it is measured how long that takes.",
           "Put the answers together and send them with one call, or set TCP_NODELAY: a second "
           "send waits until the client's kernel has acknowledged the first, mostly 40 ms.");
    by_hand("", "strace -r -e trace=recvfrom,sendto -p PID     # one sendto for all answers");
    Server server(program);
    Talk client(server);
    test::Exchange three = test::pipelined(program);
    if (test::is_framing_server(program))
        three.question = three.answer = test::repeat(test::framed(program, "Hello"), 3);
    Milliseconds least = patience;
    for (int i = 0; i < 40; ++i) { // the first ones are acknowledged at once, by the kernel's rules
        const auto begin = Clock::now();
        client.send(three.question);
        if (client.connection().receive(three.answer.size()).size() < three.answer.size())
            fail("not all answers came");
        const auto time = std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
        if (i >= 20) least = std::min(least, time);
    }
    if (least > Milliseconds(30))
        fail("each time, the last answer came late", "less than a millisecond",
             std::to_string(least.count()) + " ms and more, 20 times in a row");
}

} // namespace

CHECK_OF_EACH(stream_programs, "forgets what a client has left",
              "[pts:1][needs:takes a question in pieces]") {
    trying("Six clients send half a question each and leave; after each, another client asks a "
           "whole question.",
           "The buffer belongs to the connection: empty it when the next client gets it, and with "
           "it the descriptor number of the one before.");
    by_hand("",
            "for i in 1 2 3; do printf 'Simple is ' | nc -N 127.0.0.1 65432; ./zenc/zenc; done");
    Server server(program, few_workers(program));
    for (int i = 0; i < 6; ++i) {
        {
            Talk leaves(server);
            leaves.send(first_half(2));
            expect_read(leaves);
        }
        serve_another(server, "after a client had left in mid-question, another was not served");
    }
}

CHECK_OF_EACH(concurrent_servers, "keeps half questions when others leave",
              "[pts:1][needs:keeps its clients apart]") {
    trying("Six clients send half a question each. Two of them leave, another client comes, and "
           "the others send the rest of theirs.",
           "Whatever is kept by place in a list or by descriptor moves with its client: when one "
           "is taken out of one list, it is taken out of all others at the same place.");
    by_hand("",
            "for i in 1 3 5; do (printf 'Simple is '; sleep $i; printf 'better than?'; sleep 1) "
            "| nc -N 127.0.0.1 65432 & done; wait     # Complex. three times");
    Server server(program);
    std::vector<Talk> clients;
    for (std::size_t i = 0; i < 6; ++i) {
        clients.emplace_back(server);
        clients.back().send(first_half(i % 3));
        expect_read(clients.back());
    }
    clients[1].leave();
    clients[3].leave();
    serve_another(server, "when others had left, a new client was not served");
    Talk late(server);
    late.send(first_half(1));
    expect_read(late);
    for (const std::size_t i : {5u, 0u, 4u, 2u}) {
        clients[i].send(second_half(i % 3));
        clients[i].expect(letter(i % 3), "the half question of client " + std::to_string(i + 1) +
                                             " was lost or exchanged when others left");
    }
    late.send(second_half(1));
    late.expect(letter(1), "the half question of the client that came last was lost");
}

CHECK_OF_EACH(mzts, "has a worker for each of N clients", "[pts:1][needs:makes client N+1 wait]") {
    trying("With -w 3, three clients connect and ask while the server is stopped; it goes on, and "
           "all three must be answered while they stay. This is done 15 times.",
           "Each client that is put on the queue needs a notify_one: without one because the "
           "queue was not empty, a worker sleeps on while a client waits.");
    by_hand("make mzts && ./mzts/mzts -w 3",
            "kill -STOP PID; for i in 1 2 3; do (printf 'Simple is better than?'; sleep 3) | nc "
            "-N 127.0.0.1 65432 & done; sleep 1; kill -CONT PID; wait     # three answers at "
            "once");
    Server server(program, {"-w", "3"});
    for (int round = 0; round < 15; ++round) {
        std::vector<Talk> clients;
        {
            const Stopped while_they_come(server);
            for (int i = 0; i < 3; ++i) {
                clients.emplace_back(server);
                clients.back().send(question(2));
            }
            while_they_come.go_on();
        }
        for (Talk &client : clients)
            client.expect(letter(2), "with three workers, one of three clients was not served");
        for (Talk &client : clients) client.finish();
        for (Talk &client : clients) client.expect_end();
    }
}

CHECK_OF_EACH(stream_programs, "drops a refused client that stays",
              "[pts:1][needs:answers what came before an unrecognized question]"
              "[needs:closes its descriptors][faults][row 44]") {
    trying("Clients ask an unrecognized question and then stay: one is silent, one goes on sending "
           "a byte now and then.",
           "Wait about a second for the client to close, so that it gets its last answers, and no "
           "longer, whatever it does: the second is for all of it, not for each recv.");
    chapter("The protocol");
    by_hand("", "(printf 'What?'; for i in $(seq 99); do sleep 0.2; printf x; done) | nc -q -1 "
                "127.0.0.1 65432 & sleep 5; ss -tn sport = 65432     # no such connection");
    Server server(program);
    Talk silent(server);
    silent.send(question(0) + "What?");
    silent.expect(letter(0), "the question before the unrecognized one was not answered");
    silent.expect_end();
    if (program.name == "zens") expect_to_be_dropped(silent, "while the client was silent");
    Talk sends(server);
    sends.send("What?");
    sends.expect_end();
    expect_to_be_dropped(sends, "while the client went on sending", "x");
    expect_to_be_dropped(silent, "while the client was silent");
    serve_another(server, "after that, another client was not served");
}

CHECK_OF_EACH(tcp_event_loops, "drops nobody else for a refused client",
              "[pts:1][needs:drops a refused client that stays]") {
    trying("Clients ask an unrecognized question and leave, each in another way; others come, and "
           "one that was refused stays until it is dropped. Then the others ask.",
           "A note of whom to drop, and when, must go when its client goes: the next client gets "
           "the number of the descriptor, and is dropped in its place.");
    Server server(program);
    std::vector<Talk> others;
    // Once more if that took long: the others are to come before the time for the refused is over.
    for (int attempt = 0; attempt < 8; ++attempt) {
        others.clear();
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 9; ++i) {
            Talk refused(server);
            refused.send("What?");
            if (i % 3 == 0) refused.expect_end();
            if (i % 3 == 1) refused.connection().reset();
        }
        // When the witness has its answers, the server has seen that the refused have left.
        Talk witness(server);
        for (std::size_t i = 0; i < 3; ++i) {
            witness.send(question(i));
            witness.expect(letter(i), "after clients that were refused, another was not served");
        }
        for (int i = 0; i < 5; ++i) others.emplace_back(server);
        for (Talk &other : others) {
            other.send(question(0));
            other.expect(letter(0), "after clients that were refused, another was not served");
        }
        if (std::chrono::steady_clock::now() - start < Milliseconds(500)) break;
    }
    Talk stays(server); // comes last, as the others are to get the numbers of those who have left
    stays.send("What?");
    stays.expect_end();
    expect_to_be_dropped(stays, "while the client was silent");
    for (Talk &other : others) {
        other.send(question(1));
        other.expect(letter(1), "the connection of a client was closed in place of a refused one");
    }
}

CHECK_OF_EACH(test::answer_keepers, "drops a refused client that does not read",
              "[pts:1][needs:drops a refused client that stays]"
              "[needs:stops reading from a client that does not read][faults][row 44]") {
    trying("A client reads nothing, asks until the server has answers that it cannot send, and "
           "then an unrecognized question.",
           "A refused client that reads nothing is never writable: without a limit of time on the "
           "wait, it is kept for ever.");
    chapter("The protocol");
    Server server(program, {"-q"});
    Talk client(server, 4096);
    const test::Exchange some = test::pipelined(program, 50);
    std::size_t answers = 0;
    // From 65,536 bytes on, it would not read the question.
    while (kept_for(client, answers) < 10'000) {
        client.send(some.question);
        answers += some.answer.size();
        // It may stop reading before that: then it sees nothing here that it could refuse.
        if (!wait_until_read(client.connection())) return;
    }
    client.send("What?");
    expect_read(client);
    expect_to_be_dropped(client, "while the client read nothing");
}

CHECK_OF_EACH(stream_programs, "sends answers together",
              "[pts:1][needs:takes several questions in one segment]"
              "[needs:answers word for word][faults][row 45]") {
    expect_answers_together(program);
}
CHECK_OF_EACH(abs_server, "sends frames together",
              "[pts:1][needs:takes several small frames in one segment][faults][row 45]") {
    expect_answers_together(program);
}
CHECK_OF_EACH(other_framing_servers, "sends frames together",
              "[pts:1][needs:takes several frames in one segment][faults][row 45]") {
    expect_answers_together(program);
}

CHECK_OF_EACH(stream_programs, "counts white space that drips",
              "[pts:1][needs:skips white space before a question]"
              "[needs:refuses a question without end][needs:takes a question in pieces]"
              "[needs:closes after an unrecognized question]"
              "[needs:answers question after question][faults][row 52]") {
    trying("A client sends white space, in pieces: 900 bytes and a question, three times; then "
           "1023 bytes, after which it must be connected still, and one more.",
           "The white space that is skipped counts as a part of the question, or one byte a minute "
           "holds the server for ever. Begin to count anew after each question.");
    by_hand("", "(printf '%1024s' ''; sleep 5) | nc -N 127.0.0.1 65432     # must end at once");
    Server server(program);
    Talk client(server);
    const auto drip = [&](int pieces) {
        for (int i = 0; i < pieces; ++i) {
            client.send(i % 2 ? std::string(33, ' ') : test::repeat(" \r\n", 11));
            expect_read(client);
        }
    };
    for (int i = 0; i < 3; ++i) {
        drip(27);
        client.send(question(0));
        client.expect(letter(0), "a question after 891 bytes of white space was not answered");
    }
    drip(31);
    require(!client.ends(Milliseconds(50)), "after 1023 bytes the connection was closed");
    client.send(" ");
    client.expect_end("1024 bytes of white space were taken, and the connection is still open");
}

CHECK_OF_EACH(udp_event_loops, "echoes nothing to itself",
              "[pts:1][needs:echoes with -e][faults][row 50]") {
    trying("With -e, a datagram comes that claims to be sent by the server itself, from its own "
           "address and port.",
           "Compare the sender with your own address before you echo: the server would get its "
           "echo, echo that, and so on for ever.");
    Server server(program, {"-e"});
    for (int i = 0; i < 3; ++i)
        if (!test::send_forged(server.address(), server.address(), "Hello"))
            undetermined("a datagram with a forged sender can be sent by root alone");
    Ask client(server);
    client.send("later");
    client.expect_bytes("later");
    check_idle(server);
}
