// The programs of the kit as the tests see them: a behaviour is written once, and a row in one of
// these tables brings a program all the behaviours of its kind.
#ifndef ZEN_TESTS_KIT_H
#define ZEN_TESTS_KIT_H

#include "servers.h"
#include "text.h"

#include "../catch.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

constexpr bool is_zen_tcp_server(const Program &program) {
    return program.kind == Kind::tcp_server;
}
constexpr bool is_framing_server(const Program &program) {
    return program.kind == Kind::framing_server;
}
constexpr bool is_tcp_server(const Program &program) {
    return is_zen_tcp_server(program) || is_framing_server(program);
}
constexpr bool is_udp_server(const Program &program) { return program.kind == Kind::udp_server; }
constexpr bool is_server(const Program &program) { return program.has('q'); }
constexpr bool is_echo_client(const Program &program) {
    return program.kind == Kind::tcp_echo_client || program.kind == Kind::udp_echo_client;
}
constexpr bool is_client(const Program &program) {
    return !program.has('q') && !is_echo_client(program);
}
constexpr bool is_framing_client(const Program &program) {
    return program.kind == Kind::framing_client;
}
constexpr bool is_tcp_client(const Program &program) {
    return program.kind == Kind::tcp_client || is_framing_client(program);
}
constexpr bool is_concurrent_tcp_server(const Program &program) {
    return is_tcp_server(program) && program.name != "zens";
}
constexpr bool is_forking_server(const Program &program) { return program.option == "-f"; }
constexpr bool is_event_loop(const Program &program) { return program.has('e'); }
constexpr bool is_of_asyncio(const Program &program) {
    return program.path.starts_with("asyncio/");
}
constexpr bool is_tcp_event_loop(const Program &program) {
    return is_tcp_server(program) && is_event_loop(program);
}
/// With -e it echoes as long as the client sends; those of asyncio/ do so once.
constexpr bool is_tcp_echo_server(const Program &program) {
    return is_tcp_event_loop(program) && !is_of_asyncio(program);
}
constexpr bool is_course_echo_server(const Program &program) {
    return is_tcp_event_loop(program) && is_of_asyncio(program);
}
/// Reads on while answers wait that its kernel has not taken; tacs waits until they are sent.
constexpr bool keeps_answers(const Program &program) {
    return is_tcp_event_loop(program) && program.name != "tacs";
}
/// Has a coroutine for each client, which sends each answer by itself.
constexpr bool is_straight_line(const Program &program) {
    return program.name == "tacr" || program.name == "tacs";
}
constexpr bool is_udp_event_loop(const Program &program) {
    return is_udp_server(program) && is_event_loop(program);
}
constexpr bool is_server_with_time_limit(const Program &program) {
    return program.has('q') && program.has('t');
}

/// With a thread or a process for each client, and any number of them.
constexpr bool is_unlimited_server(const Program &program) {
    return program.path == "sszt/sszt" || is_framing_server(program);
}

constexpr bool is_line_server(const Program &program) { return program.kind == Kind::line_server; }
constexpr bool has_usual_command_line(const Program &program) {
    return program.kind != Kind::with_words;
}

/// The programs of a table for which `predicate` holds, as a table for TEST_OF_EACH.
template <bool (*predicate)(const Program &), const auto &table = programs>
constexpr auto select() {
    std::array<Program, std::count_if(table.begin(), table.end(), predicate)> selected{};
    std::copy_if(table.begin(), table.end(), selected.begin(), predicate);
    return selected;
}

inline constexpr auto tcp_servers = select<is_tcp_server>();
inline constexpr auto zen_tcp_servers = select<is_zen_tcp_server>();
inline constexpr auto framing_servers = select<is_framing_server>();
inline constexpr auto udp_servers = select<is_udp_server>();
inline constexpr auto concurrent_tcp_servers = select<is_concurrent_tcp_server>();
inline constexpr auto forking_servers = select<is_forking_server>();
inline constexpr auto unlimited_servers = select<is_unlimited_server>();
inline constexpr auto event_loops = select<is_event_loop>();
inline constexpr auto tcp_event_loops = select<is_tcp_event_loop>();
inline constexpr auto answer_keepers = select<keeps_answers>();
inline constexpr auto tcp_echo_servers = select<is_tcp_echo_server>();
inline constexpr auto course_echo_servers = select<is_course_echo_server>();
inline constexpr auto udp_event_loops = select<is_udp_event_loop>();
inline constexpr auto servers = select<is_server>();
inline constexpr auto client_programs = select<is_client>();
inline constexpr auto echo_clients = select<is_echo_client>();
inline constexpr auto tcp_clients = select<is_tcp_client>();
inline constexpr auto framing_clients = select<is_framing_client>();
inline constexpr auto servers_with_time_limit = select<is_server_with_time_limit>();
inline constexpr auto line_servers = select<is_line_server, own_programs>();
inline constexpr auto own_usual_programs = select<has_usual_command_line, own_programs>();

/// Checks that `received` is what had to come for `sent`; otherwise reports all that helps.
void check_bytes(Process &program, std::string_view sent, std::string_view expected,
                 std::string_view received);

/// How long a server may take to stop on a signal. The contract says a second; but on a loaded
/// machine a second may pass before it runs, and one that does not stop hangs much longer than this.
inline constexpr Milliseconds stop_limit{6'000};

/// Sends the signal and checks that the server stops: it prints its last line, exits with 0, and
/// leaves nothing behind in its process group.
void check_stops(Server &server, int signal);

/// Checks that the server is still there; false if not, and then a test had better return.
bool is_there(Server &server);

/// Checks that a fresh client of a TCP server is answered.
void check_alive(Server &server);

/// Asks one question over either transport, as a fresh client. Empty: no answer came.
std::string ask(const Program &program, const Endpoint &server, std::string_view question);

/// Asks each question of exchanges() so.
void check_answers(const Program &program, Process &server, const Endpoint &address);

/// That a server is as it was before the test did to it what it did: the same process, which
/// answers; no more descriptors, threads and children; no processor time while nobody asks.
class Live {
  public:
    explicit Live(Server &server); ///< The server is ready, and nobody asks it.
    void check();
    void check_but_for_silence(); ///< All but the processor time, which takes a while to see.

  private:
    Server &server_;
    std::size_t descriptors_, threads_, children_;
};

/// What a test needs beside the kit: if it is not there, says so, and the test is to return.
bool needs_root(std::string_view tool = {}); ///< and, it may be, a program: "/usr/bin/setpriv"
bool needs_strace();
bool needs_own_network(); ///< for OwnNetwork, see network.h

/// The command that starts a server in which system calls fail as `injection` says, see strace:
/// {"accept,accept4:error=ECONNABORTED:when=2"}.
std::vector<std::string> injecting(std::initializer_list<std::string> injections);

/// Checks that a process ends by itself, with that status.
void check_exit(Process &process, int expected, Milliseconds limit = patience);

/// Checks that a process is still there after a silence, in which it has used so much processor time
/// at most.
void check_sleeps(Process &process, Milliseconds silence, Milliseconds most);

/// Checks that a client with an open connection is answered.
void check_exchange(Server &server, Connection &client, const Exchange &exchange);

/// Checks that a client ends with status 0 and has printed `output`, and nothing on standard error.
void check_succeeds(Client &client, const std::string &output);

/// Checks that a client ends with that status and one line on standard error; with status 2, the
/// usage line follows.
void check_fails(Client &client, const std::string &line, int status = 1);

/// Runs the body of a test for a program.
using Body = void(const Program &);
inline void run_test(const Program &program, Body *body) { body(program); }

/// Registers a test case for each row of a table: "zens: NAME", tagged with the row's exercise and
/// TAGS.
template <const auto &table, Body *body, void (*run_body)(const Program &, Body *) = run_test>
class TestOfEach {
  public:
    TestOfEach(const std::string &behaviour, const std::string &tags) {
        register_rows(behaviour, tags, std::make_index_sequence<table.size()>());
    }

  private:
    template <std::size_t row> static void run() { run_body(table[row], body); }

    template <std::size_t... rows> void register_rows(const std::string &behaviour,
                                                      const std::string &tags,
                                                      std::index_sequence<rows...>) {
        (register_row<rows>(behaviour, tags), ...);
    }

    template <std::size_t row>
    void register_row(const std::string &behaviour, const std::string &tags) {
        const std::string name = std::string(table[row].name) + ": " + behaviour;
        const std::string all_tags = std::string(table[row].tag) + tags;
        REGISTER_TEST_CASE(run<row>, name, all_tags);
    }
};

} // namespace test

#define ZEN_JOIN_(a, b) a##b
#define ZEN_JOIN(a, b) ZEN_JOIN_(a, b)
#define ZEN_TEST_OF_EACH(table, body, name, tags)                                                  \
    static void body(const test::Program &);                                                       \
    static const test::TestOfEach<table, body> ZEN_JOIN(register_, body)(name, tags);              \
    static void body([[maybe_unused]] const test::Program &program)

/// TEST_OF_EACH(table, "does what it should", "[kind]") { ... uses `program` ... }
#define TEST_OF_EACH(table, name, tags)                                                            \
    ZEN_TEST_OF_EACH(table, ZEN_JOIN(test_at_line_, __LINE__), name, tags)

/// A check about a program, whose output and status are reported when it fails.
#define CHECK_PROGRAM(process, condition)                                                          \
    do {                                                                                           \
        if (condition) SUCCEED();                                                                  \
        else FAIL_CHECK(#condition "\n" << (process).description());                               \
    } while (false)

#endif
