// What the checks of the clients have in common: how a client is started, and how it must end.
#ifndef ZEN_TESTS_GRADE_CHECKS_CLIENTS_H
#define ZEN_TESTS_GRADE_CHECKS_CLIENTS_H

#include "story.h"

#include <algorithm>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace grade {

/// The arguments of a client, with these options alone.
inline std::vector<std::string> exactly_at(const Endpoint &server,
                                           std::vector<std::string> options) {
    options.insert(options.end(), {server.host, std::to_string(server.port)});
    return options;
}

/// The same. Where the options do not tell how patient the client is to be, it is as patient as it
/// can be told: what its -t does, and that it has one, are checks of their own.
inline std::vector<std::string> at(const Endpoint &server, std::vector<std::string> options = {}) {
    if (std::find(options.begin(), options.end(), "-t") == options.end())
        options = patient(*story.program, options);
    return exactly_at(server, options);
}

/// A client that has connected to a server, which the check plays: auto [listener, client, server].
struct Met {
    explicit Met(const Program &program, const std::vector<std::string> &options = {},
                 const Limits &limits = {})
        : client(program, at(listener.local(), options), limits), server(listener.accept()) {}
    test::Listener listener;
    Student client;
    test::Connection server;
};

/// The lines of the output that begin with `beginning`, in order.
inline std::string lines(const Student &client, const std::string &beginning) {
    std::istringstream text(client.standard_output());
    std::string found;
    for (std::string line; std::getline(text, line);)
        if (line.rfind(beginning, 0) == 0) found += line + "\n";
    return found;
}

inline void expect_status(Student &client, int status) {
    if (const int found = client.exit_status(); found != status)
        fail("it ended otherwise", "exit status " + std::to_string(status), client.status_text());
}

/// That it gives up: status 1, and a reason.
inline void expect_failure(Student &client) {
    expect_status(client, 1);
    require(!client.standard_error().empty(), "it printed nothing on standard error");
}

/// What it has printed, of "Received: " or "Sent: ", for all three questions.
inline std::string received_lines() {
    std::string all;
    for (const auto &[asked, answer] : test::zen) all += "Received: " + std::string(answer) + "\n";
    return all;
}
inline std::string sent_lines() {
    std::string all;
    for (const auto &[asked, answer] : test::zen) all += "Sent: " + std::string(asked) + "\n";
    return all;
}

/// That it ends with status 0, and has printed the three answers.
inline void expect_received(Student &client) {
    expect_status(client, 0);
    if (const std::string found = lines(client, "Received: "); found != received_lines())
        fail("it printed other answers", test::shown(received_lines()), test::shown(found));
}

/// The command that runs it by hand.
inline std::string run(const Program &program, const std::string &options = {}) {
    return "make " + program.file() + " && ./" + std::string(program.path) + options + "; echo $?";
}

/// For framing, what a client sends unless told otherwise; the server sends the same back.
inline const std::string &first_frame(const Program &program) {
    return test::exchanges(program)[0].question;
}

/// Receives what comes until these bytes have: all of it. Ends the check if they do not come.
inline std::string receive_up_to(test::Connection &server, std::string_view bytes) {
    std::string received;
    while (received.find(bytes) == received.npos) {
        const std::string more = server.receive(1);
        if (more.empty())
            fail("what it should send has not come", test::shown(bytes), test::shown(received));
        received += more + server.receive(std::size_t{1} << 20, Milliseconds(0));
    }
    return received;
}

/// Sends each piece once the client has read what came before.
inline void send_in_pieces(test::Connection &server, std::string_view bytes, std::size_t size) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
        server.send(bytes.substr(0, size));
        test::wait_until_read(server);
    }
}

/// Takes what a TCP client sends first: zenc's question, or the message of the others, in whatever
/// frame: that the frame is right is a check of its own.
inline std::string take_request(const Program &program, test::Connection &server) {
    return receive_up_to(server, program.name == "zenc" ? question(0) : "Hello, Server!");
}

/// Plays the server of zenc, and returns all that came; `send` sends each answer. As zens does, it
/// minds nothing that stands between the questions: that they come word for word is another check.
inline std::string answer_questions(test::Connection &server,
                                    const std::function<void(std::string_view)> &send) {
    std::string all;
    std::size_t end = 0; // of the question before
    for (const auto &[asked, answer] : test::zen) {
        while (all.find(asked, end) == all.npos) {
            const std::string more = server.receive(1);
            if (more.empty())
                fail("it did not ask", test::shown(asked), test::shown(all.substr(end)));
            all += more + server.receive(std::size_t{1} << 20, Milliseconds(0));
        }
        end = all.find(asked, end) + asked.size();
        send(answer);
    }
    return all;
}
inline std::string answer_questions(test::Connection &server) {
    return answer_questions(server, [&](std::string_view bytes) { server.send(bytes); });
}

/// Plays the server of a TCP client for one conversation; that of framing sends back the frame.
inline void play(const Program &program, test::Connection &server) {
    if (program.name == "zenc") {
        answer_questions(server);
        return;
    }
    take_request(program, server);
    server.send(first_frame(program));
}

/// The next question of zuc that is not the one before: it may have asked that again.
inline test::Datagrams::Datagram next_question(test::Datagrams &server, std::size_t number) {
    while (true) {
        auto datagram = server.receive();
        if (!datagram.arrived) fail("it did not ask", test::shown(question(number)), "nothing");
        if (datagram.bytes == question(number)) return datagram;
        if (number == 0 || datagram.bytes != question(number - 1))
            fail("it asked otherwise", test::shown(question(number)), test::shown(datagram.bytes));
    }
}

inline std::string answer(std::size_t number) { return std::string(test::zen[number].second); }

/// Plays the server of zuc, from the question with that number on; `before` may send something
/// before each answer.
using Before = std::function<void(std::size_t number, const Endpoint &client)>;
inline void answer_datagrams(
    test::Datagrams &server, const Before &before = [](std::size_t, const Endpoint &) {},
    std::size_t number = 0) {
    for (; number < 3; ++number) {
        const auto datagram = next_question(server, number);
        before(number, datagram.sender);
        server.send_to(datagram.sender, answer(number));
    }
}

} // namespace grade

#endif
