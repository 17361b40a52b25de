// Servers and clients of the kit as processes, and what the tests say to them.
#ifndef ZEN_TESTS_SERVERS_H
#define ZEN_TESTS_SERVERS_H

#include "process.h"
#include "programs.h"
#include "sockets.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// A server, started on a free port of `host` and ready.
class Server : public Process {
  public:
    explicit Server(const Program &program, std::initializer_list<std::string> options = {},
                    const std::string &host = "127.0.0.1");
    /// Starts it through another command, which ends with what starts the server: {"/usr/bin/env"}.
    /// If the row has no path, that command ends with one.
    Server(std::vector<std::string> prefix, const Program &program);
    const Program &program() const { return program_; }
    const std::string &ready_line() const { return ready_line_; }
    const Endpoint &address() const { return address_; }

  private:
    void read_ready_line();

    Program program_;
    std::string ready_line_;
    Endpoint address_;
};

/// A client, started on a server's address; `host` takes the place of the one in there.
class Client : public Process {
  public:
    Client(const Program &program, const Endpoint &server,
           std::initializer_list<std::string> options = {}, const std::string &host = {});
};

/// The three questions and answers, and their streams over TCP.
inline constexpr std::pair<std::string_view, std::string_view> zen[] = {
    {"Beautiful is better than?", "Ugly."},
    {"Explicit is better than?", "Implicit."},
    {"Simple is better than?", "Complex."}};
inline const std::string three_questions =
    "Beautiful is better than?Explicit is better than?Simple is better than?";
inline const std::string three_answers = "Ugly.Implicit.Complex.";
std::string repeat(std::string_view text, int times);

/// What the tests say to a server of that kind, and what it must answer; for a client, to its
/// server. For the Zen protocol, the three questions; for framing, three frames, the first of which
/// is what the client sends unless told otherwise.
struct Exchange {
    std::string question, answer;
};
const std::vector<Exchange> &exchanges(const Program &program);
/// What makes a TCP server of that kind close the connection: a question that is in no table, a frame
/// that is too long, or, with frames of one size, a block of spaces, which ends the conversation.
std::string refused(const Program &program);
/// A message as a frame of that kind, or as it is if the program does not frame its messages.
std::string framed(const Program &program, const std::string &message);
/// All of exchanges() `times` times over, as one stream.
Exchange pipelined(const Program &program, int times = 1);
/// As many of them as make a stream of answers of about `bytes`.
Exchange pipelined_bytes(const Program &program, std::size_t bytes);

} // namespace test

#endif
