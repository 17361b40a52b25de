// What a check is written with. A check is a test case of Catch2 whose tags say what it is worth,
// "[pts:2]", and what it depends on, "[needs:serves one client]". It ends at the first thing that is
// wrong with a report for the student. The grader runs it in a process of its own, in a sandbox, on
// a program that was handed in; tests/run runs it on the kit's own, as any other test.
#ifndef ZEN_TESTS_GRADE_CHECK_H
#define ZEN_TESTS_GRADE_CHECK_H

#include "../support/kit.h"
#include "../support/procfs.h"
#include "plan.h"
#include "sandbox.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grade {

using test::Endpoint;
using test::Milliseconds;
using test::patience;
using test::Program;

/// All checks, by exercise and in the order in which they are written.
std::vector<Check> &checks();

/// Adds the row's check. Throws if the tags name no points.
void add_check(const Program &program, const std::string &behaviour, const std::string &tags);

/// Runs the body of a check for a program, and turns how it ends into the report of this process.
void run_check(const Program &program, void (*body)(const Program &));

// ---- What a report says. The first three are said before the check tries anything.

/// What is being tried, in one sentence, and the mistake that it most likely finds.
void trying(std::string sentence, std::string likely_mistake);
/// The chapter of LAB.md that explains it; without a call, that of the program.
void chapter(std::string title);
/// How to see it by hand: what is typed in the two terminals. Without a call, the program is
/// started with no argument, and nc sends what the client has sent that the check failed with.
void by_hand(std::string first_terminal, std::string second_terminal);

/// Ends the check as failed. `expected` and `found` may be empty.
[[noreturn]] void fail(const std::string &what, const std::string &expected = {},
                       const std::string &found = {});
/// Ends it as failed unless `holds`.
inline void require(bool holds, const std::string &what) {
    if (!holds) fail(what);
}
/// Ends it as neither passed nor failed: this machine does not let the grader look. Costs nothing;
/// in tests/run, it is a warning.
[[noreturn]] void undetermined(const std::string &why);

// ---- The programs under test, and who talks to them

/// A pipe with a name, in which the check writes what a program of the submission reads.
class Pipe {
  public:
    Pipe(); ///< Throws if it cannot be made.
    ~Pipe();
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    const std::string &path() const { return path_; }
    void write(std::string_view bytes); ///< At most 64 KiB, which a pipe takes at once.
    void end(); ///< The end of file, when all is read, for a program that has opened the pipe.

  private:
    void close_it();
    std::string path_;
    int descriptor_ = -1;
};

/// A program of the submission in its sandbox. The last one made is the one that reports tell of. Its
/// standard input is that file, or /dev/null.
class Student : public test::Process {
  public:
    Student(const Program &program, std::vector<std::string> arguments, const Limits &limits = {},
            const std::string &input = {});
    ~Student();
    /// Ends the check if the program does not end by itself: otherwise its exit status.
    int exit_status(Milliseconds limit = patience);
};

/// A server of the submission, once it can be reached: on the port that the system says it has
/// bound, or that its ready line names where the system does not tell.
class Server : public Student {
  public:
    explicit Server(const Program &program, const std::vector<std::string> &options = {},
                    const std::string &host = "127.0.0.1", const Limits &limits = {},
                    std::uint16_t port = 0);
    const Endpoint &address() const { return address_; }
    const Program &program() const { return program_; }
    /// Its first line of output, if there is one within the limit.
    std::optional<std::string> ready_line(Milliseconds limit);
    /// While the result lives, /proc is looked at with the eyes of the server's user.
    LookAs eyes() const;
    /// As of each process; but after one that ends it, reports do not ask why it has ended.
    void signal(int number) const;

  private:
    const Program &program_;
    Endpoint address_;
    std::optional<std::string> ready_line_;
};

/// A server that is stopped by SIGSTOP, so that what is sent to it waits in its socket.
class Stopped {
  public:
    explicit Stopped(const Server &server) : server_(server) { test::stop(server.pid()); }
    void go_on() const { server_.signal(SIGCONT); }

  private:
    const Server &server_;
};

/// The first letters of the answers in `bytes`, "UIC", however they are written otherwise: that
/// they are right word for word is a check of its own.
std::string answers_in(std::string_view bytes);

/// A client of a TCP server, which knows what has been said.
class Talk {
  public:
    explicit Talk(const Server &server, int receive_buffer = 0);
    void send(std::string_view bytes);
    /// Each piece once the server has read what came before.
    void send_in_pieces(std::string_view bytes, std::size_t size = 1);
    /// Sends until the server takes no more for a second: how many bytes it took.
    std::size_t send_without_reading(std::string_view bytes);
    /// As that; then reads while it sends the rest, to the end of file: all that was received.
    std::string converse_late(std::string_view bytes);
    void finish(); ///< Shuts down sending, as the end of the input of nc -N does.
    /// Waits for these answers, and for no others.
    void expect(const std::string &letters, const std::string &otherwise = "no answer came");
    void expect_any(); ///< Waits for any byte.
    /// Waits for these bytes, and for no others.
    void expect_bytes(std::string_view bytes, const std::string &otherwise = "other bytes came");
    /// Waits until these texts have come in this order, whatever stands between them.
    void expect_texts(const std::vector<std::string> &texts, const std::string &otherwise);
    /// Waits for the next line, without its newline.
    std::string line(const std::string &otherwise = "no line came");
    /// Whether the next line has come within the limit.
    bool take_line(std::string &line, Milliseconds limit);
    /// Waits for the next line, which is to be this one.
    void expect_line(const std::string &line, const std::string &otherwise = "another line came");
    /// Waits until the server closes the connection; a reset counts as well.
    void expect_end(const std::string &otherwise = "the server has not closed the connection");
    bool ends(Milliseconds limit); ///< Whether the connection is closed within the limit.
    /// Whether all answers that were expected and these come within the limit.
    bool gets(const std::string &letters, Milliseconds limit);
    /// Waits for the end of the connection as well, before which nothing else may come.
    void expect_nothing_but_end();
    void leave() { connection_.close(); }
    test::Connection &connection() { return connection_; }
    const std::string &received() const { return received_; }

  private:
    void receive_until(const std::function<bool()> &enough, Milliseconds limit);
    [[noreturn]] void fail_with(const std::string &what, std::string_view expected,
                                const std::string &then = {});

    void note_sent(std::string_view piece, bool in_pieces);
    void tell_story();

    test::Connection connection_;
    std::string sent_, received_, answers_;
    std::size_t taken_ = 0; // of what was received, by line()
    std::string command_;   // that sends the same by hand; empty: too long for that
};

/// The options that give a pool as few workers as will do: a worker that is lost is soon missed.
std::vector<std::string> few_workers(const Program &program);

/// The options, and those with which the program gives up on nobody who is silent, if it knows
/// them: what its -t does is a check of its own.
std::vector<std::string> patient(const Program &program, std::vector<std::string> options = {});

/// A client of a UDP server: asks, and waits for the datagram that comes back.
class Ask {
  public:
    explicit Ask(const Server &server);
    void send(std::string_view datagram);
    void expect(const std::string &letter);
    void expect_bytes(std::string_view bytes);
    std::string name() const { return socket_.local().name(); } ///< As the server logs it.
    /// A datagram that has come within the limit, or nothing.
    test::Datagrams::Datagram receive(Milliseconds limit = patience);

  private:
    Endpoint server_;
    test::Datagrams socket_;
    std::string sent_, received_;
};

/// The question at that place of the table, from 0, and the letter of its answer.
std::string question(std::size_t number);
std::string letter(std::size_t number);

// ---- Checks of what all servers have in common. They end the check that calls them if it fails.

/// That the first line of the server's output is the ready line: "TCP server started at ...".
void check_ready_line(const Program &program, const std::string &kind);
/// That it prints its last line, ends with status 0 and leaves no process behind. It has six seconds
/// for what it should do in one: the machine may be loaded.
void check_stops(Server &server, int signal);
/// That it uses little processor time in half a second in which nothing happens.
void check_idle(Server &server);
/// Ends the server, and checks that it has printed no more than its first and last line.
void check_quiet(Server &server);
/// Ends the server, and checks that it has printed printable ASCII in lines of its own alone.
void check_clean_output(Server &server);
/// That a server on a port in use, of another program or of its like, ends with status 1 and a reason.
void check_port_in_use(const Program &program);
/// That -h, wrong options and values out of range are answered as LAB.md says; for a program that has
/// other words than HOST and PORT, these wrong command lines.
void check_command_line(const Program &program);
void check_command_line(const Program &program, const std::vector<std::vector<std::string>> &wrong);

/// Addresses of loopback that no other check uses meanwhile, 127.x.y.z: one to start a server on, and
/// one at which nobody is to be found.
std::string host_of_our_own();
std::string host_of_nobody();
/// Ends the check as undetermined where there is no IPv6, or where so many descriptors are not had.
void needs_ipv6();
void needs_descriptors(long count);

// ---- What the system tells of a process, asked for as the user that it runs as

/// Whether this machine lets the grader look at a program of its own in the sandbox.
bool machine_lets_look();
/// Whether the system call that a process sleeps in can be seen on this machine. Ends the check as
/// failed if it is the process that hides it.
bool can_look(pid_t pid);
/// The numbers of the system calls in which the process was found asleep, in so many looks.
std::vector<long> calls_slept_in(pid_t pid, int looks);
/// The name of a system call of the kind that programs wait in, or its number.
std::string call_name(long number);

/// A table that the grader goes through without sszt -f and sszu -f: they are the same programs as
/// sszt and sszu, so no student is asked twice for what does not depend on processes. Tests ask.
template <std::size_t rows> struct GradedOnce : std::array<Program, rows> {};
template <std::size_t rows> GradedOnce(std::array<Program, rows>) -> GradedOnce<rows>;

template <class Table> constexpr bool is_graded(const Table &, const Program &) { return true; }
template <std::size_t rows>
constexpr bool is_graded(const GradedOnce<rows> &, const Program &program) {
    return program.option.empty();
}

/// Registers a check for each row of a table of programs, and tells the grader of it.
template <const auto &table, void (*body)(const Program &)> struct CheckOfEach
    : test::TestOfEach<table, body, run_check> {
    CheckOfEach(const std::string &behaviour, const std::string &tags)
        : test::TestOfEach<table, body, run_check>(behaviour, tags) {
        for (const Program &program : table)
            if (is_graded(table, program)) add_check(program, behaviour, tags);
    }
};

/// The programs of these names, as a table.
template <std::size_t size> struct Name {
    char text[size] = {};
    constexpr Name(const char (&name)[size]) { std::copy_n(name, size, text); }
};
template <Name... names> constexpr auto only() {
    std::array<Program, sizeof...(names)> table{};
    std::size_t rows = 0;
    const auto take = [&](const Program &program) {
        if (((program.name == names.text) || ...)) table[rows++] = program;
    };
    for (const Program &program : test::programs) take(program);
    for (const Program &program : test::own_programs) take(program);
    if (rows < table.size()) throw "no program has that name";
    return table;
}

// ---- Tables

constexpr bool is_base_program(const Program &program) { return program.option.empty(); }
constexpr bool is_zen_server(const Program &program) {
    return test::is_server(program) && !test::is_framing_server(program);
}
constexpr bool has_time_limit(const Program &program) {
    return test::is_zen_tcp_server(program) && program.has('t');
}
inline constexpr GradedOnce base_servers{test::select<test::is_server>()};
inline constexpr GradedOnce zen_servers{test::select<is_zen_server>()};
inline constexpr GradedOnce stream_programs{test::select<test::is_zen_tcp_server>()};
inline constexpr GradedOnce datagram_programs{test::select<test::is_udp_server>()};
inline constexpr GradedOnce servers_with_time_limit{test::select<has_time_limit>()};

} // namespace grade

#define ZEN_CHECK_OF_EACH(table, body, name, tags)                                                 \
    static void body(const test::Program &);                                                       \
    static const grade::CheckOfEach<table, body> ZEN_JOIN(register_, body)(name, tags);            \
    static void body([[maybe_unused]] const test::Program &program)

/// CHECK_OF_EACH(table, "does what it should", "[pts:1]") { ... uses `program` ... }
#define CHECK_OF_EACH(table, name, tags)                                                           \
    ZEN_CHECK_OF_EACH(table, ZEN_JOIN(check_at_line_, __LINE__), name, tags)

#endif
