// What servers print on standard output: the lines of LAB.md's table, in the order of the events, as
// many lines as there are events. checks_log_whole.cpp has the log as a whole: who reads it, when it
// begins and how it ends.
#include "check.h"

using namespace grade;

namespace {

using test::framing_servers;
constexpr auto abs_server = only<"abs">(), ads_server = only<"ads">(), afs_server = only<"afs">();

constexpr const char *own_address =
    "CLIENT in a line is the address and port of the client, which accept and recvfrom fill in "
    "(or getpeername), and not those of the server.";

// Reads the lines of a server one by one, and compares each with the one that is due.
class Log {
  public:
    explicit Log(Server &server) : server_(server) { server.ready_line(patience); }

    void expect(const std::string &line) {
        const std::string found = next(line);
        if (found != line) fail("another line was printed", line, found);
    }
    /// Where LAB.md leaves the end of a line open.
    std::string expect_beginning(const std::string &beginning) {
        const std::string found = next(beginning + "...");
        if (found.rfind(beginning, 0) != 0)
            fail("another line was printed", beginning + "...", found);
        return found;
    }
    void expect_end() { // of the output, but for its last line, and nothing on standard error
        server_.signal(SIGTERM);
        server_.wait_exit();
        const auto line = server_.next_line();
        if (line && *line != "Server stopped")
            fail("a line was printed for which nothing has happened", "none", *line);
        if (const std::string errors = server_.standard_error(); !errors.empty())
            fail("something was printed on standard error", "nothing", test::shown(errors));
    }

  private:
    std::string next(const std::string &wanted) {
        const auto found = server_.next_line(patience);
        if (!found) fail("a line is missing on standard output", wanted, "nothing");
        return *found;
    }

    Server &server_;
};

// A client whose conversation is in the log.
class Logged : public Talk {
  public:
    Logged(Server &server, Log &log) : Talk(server), log_(log), name_(connection().local().name()) {
        log_.expect("Connected by " + name_);
    }
    const std::string &name() const { return name_; }
    void closes() { log_.expect("Connection with " + name_ + " closed"); }

  private:
    Log &log_;
    std::string name_;
};

// A long line: 1023 bytes that are shown as four, of which the last one is still in the protocol.
const std::string long_question = std::string(1023, '\x01') + '?';

void expect_long_line(Log &log, const std::string &beginning) {
    const std::string line = log.expect_beginning(beginning);
    if (line.size() > 4095 || line.substr(line.size() - 3) != "...")
        fail("a line of more than 4096 bytes, its newline included, was not cut",
             "a line of at most 4096 bytes that ends in \"...\"",
             std::to_string(line.size() + 1) + " bytes that end in \"" +
                 test::shown(line.substr(line.size() - 8)) + "\"");
}

const std::string odd = "a\\b\x1b[2J\xff", odd_shown = "a\\\\b\\x1b[2J\\xff";

} // namespace

// ---- TCP

CHECK_OF_EACH(stream_programs, "logs a conversation",
              "[pts:1][needs:answers question after question][needs:prints the ready line at once]"
              "[needs:answers word for word][needs:closes when the client has closed]"
              "[needs:stops on SIGINT and SIGTERM]") {
    trying("Two clients ask two questions each and leave, one after the other; each line on "
           "standard output is compared as it comes, and standard error must stay empty.",
           std::string("Print a line for each event, as the table of \"The programs from outside\" "
                       "has them: connected, received, sent, closed. ") +
               own_address);
    chapter("The programs from outside");
    by_hand("", "./zenc/zenc; ./zenc/zenc     # and read terminal 1");
    Server server(program);
    Log log(server);
    for (int i = 0; i < 2; ++i) {
        Logged client(server, log);
        for (const std::size_t number : {2u, 0u}) {
            client.send(question(number));
            client.expect(letter(number));
            log.expect("Received from " + client.name() + ": " + question(number));
            log.expect("Sent to " + client.name() + ": " + std::string(test::zen[number].second));
        }
        client.leave();
        client.closes();
    }
    log.expect_end();
}

CHECK_OF_EACH(stream_programs, "logs what ends a conversation",
              "[pts:1][needs:logs a conversation][needs:closes after an unrecognized question]"
              "[needs:takes a question in pieces][needs:refuses a question without end]"
              "[needs:survives clients that reset]") {
    trying("Clients end their conversations in four ways: with an unrecognized question, in the "
           "middle of a question, with 1024 bytes without a '?', and by a reset.",
           "Each has a line of its own in the table of \"The programs from outside\", before the "
           "one that says that the connection is closed.");
    chapter("The programs from outside");
    by_hand("", "for i in 'Flat is better than?' 'Simple is'; do printf \"$i\" | nc -N 127.0.0.1 "
                "65432; done; head -c 1024 /dev/zero | tr '\\0' x | nc -N 127.0.0.1 65432");
    Server server(program);
    Log log(server);
    {
        Logged client(server, log);
        client.send("Flat is better than?");
        client.expect_end();
        log.expect("Unrecognized question from " + client.name() + ": Flat is better than?");
        client.leave();
        client.closes();
    }
    {
        Logged client(server, log);
        client.send("Simple is better");
        client.finish();
        client.expect_end();
        log.expect("End of file in mid-question from " + client.name() + ": Simple is better");
        client.closes();
    }
    {
        Logged client(server, log);
        client.send(std::string(1024, 'x'));
        client.expect_end();
        log.expect("Question too long from " + client.name());
        client.leave();
        client.closes();
    }
    {
        Logged client(server, log);
        client.connection().reset();
        log.expect_beginning("Error with " + client.name() + ": ");
        client.closes();
    }
    log.expect_end();
}

CHECK_OF_EACH(stream_programs, "logs no white space before a question",
              "[pts:1][needs:logs what ends a conversation]"
              "[needs:skips white space before a question]") {
    trying(
        "A client asks with white space before its question, sends a newline, and shuts down its "
        "sending side; each line on standard output is compared.",
        "White space before a question is skipped: it is no part of what is logged. A client of "
        "which only that has come since its last question is not in the middle of one.");
    chapter("The programs from outside");
    by_hand("", "printf '\\n  Simple is better than?\\n' | nc -N 127.0.0.1 65432");
    Server server(program);
    Log log(server);
    Logged client(server, log);
    client.send("\n\r\t " + question(2) + "\r\n");
    client.expect(letter(2));
    log.expect("Received from " + client.name() + ": " + question(2));
    log.expect("Sent to " + client.name() + ": " + std::string(test::zen[2].second));
    client.finish();
    client.expect_end();
    client.closes();
    log.expect_end();
}

CHECK_OF_EACH(stream_programs, "shows what it logs escaped",
              "[pts:1][needs:logs what ends a conversation]"
              "[needs:prints nothing that drives a terminal][faults][row 21][row 22]") {
    trying("A client asks a question with a backslash, an escape character and a newline in it; "
           "another one asks one of 1023 bytes that all are shown as \\x01.",
           "A backslash is shown as two, so that each line means one thing; and a line that would "
           "have more than 4096 bytes is cut and ends in \"...\", so that a pipe takes it whole.");
    chapter("The programs from outside");
    by_hand("", "printf 'a\\\\b\\033[2J\\n?' | nc -N 127.0.0.1 65432; (head -c 1023 /dev/zero | tr "
                "'\\0' '\\1'; printf '?') | nc -N 127.0.0.1 65432");
    Server server(program);
    Log log(server);
    for (const bool is_long : {false, true}) {
        Logged client(server, log);
        client.send(is_long ? long_question : odd + "\n?");
        client.expect_end();
        const std::string beginning = "Unrecognized question from " + client.name() + ": ";
        if (is_long) expect_long_line(log, beginning + "\\x01\\x01");
        else log.expect(beginning + odd_shown + "\\n?");
        client.leave();
        client.closes();
    }
}

// ---- UDP

CHECK_OF_EACH(datagram_programs, "logs what it receives and sends",
              "[pts:1][needs:answers word for word][needs:prints the ready line at once]"
              "[needs:ignores white space around a question][needs:stops on SIGINT and SIGTERM]") {
    trying("Two clients ask two questions each, another one with white space around its own; each "
           "line on standard output is compared as it comes, and standard error must stay empty.",
           std::string("Print a line for each event, as the table of \"The programs from outside\" "
                       "has them: received, sent. ") +
               own_address);
    chapter("The programs from outside");
    by_hand("", "./zuc/zuc; ./zuc/zuc     # and read terminal 1");
    Server server(program);
    Log log(server);
    for (int i = 0; i < 2; ++i) {
        Ask client(server);
        for (const std::size_t number : {2u, 0u}) {
            client.send(question(number));
            client.expect(letter(number));
            log.expect("Received from " + client.name() + ": " + question(number));
            log.expect("Sent to " + client.name() + ": " + std::string(test::zen[number].second));
        }
    }
    Ask client(server); // white space around a question is no part of it
    client.send(" \t" + question(1) + "\r\n");
    client.expect(letter(1));
    log.expect("Received from " + client.name() + ": " + question(1));
    log.expect("Sent to " + client.name() + ": " + std::string(test::zen[1].second));
    log.expect_end();
}

CHECK_OF_EACH(
    datagram_programs, "logs what it does not answer",
    "[pts:1][needs:logs what it receives and sends]"
    "[needs:ignores an unrecognized question][needs:ignores a datagram that is too long]") {
    trying("A client sends an unrecognized question and a datagram of 1025 bytes, neither of which "
           "gets an answer.",
           "Each has a line of its own in the table of \"The programs from outside\".");
    chapter("The programs from outside");
    by_hand("",
            "for i in 'Flat is better than?' \"$(printf '%1025s' x)\"; do printf \"$i\" | nc -u "
            "-w 1 127.0.0.1 65432; done");
    Server server(program);
    Log log(server);
    Ask client(server);
    client.send("Flat is better than?");
    log.expect("Unrecognized question from " + client.name() + ": Flat is better than?");
    client.send(std::string(1024, 'x') + '?');
    log.expect("Question too long from " + client.name());
    log.expect_end();
}

CHECK_OF_EACH(datagram_programs, "shows what it logs escaped",
              "[pts:1][needs:logs what it does not answer]"
              "[needs:prints nothing that drives a terminal][faults][row 21][row 22]") {
    trying("A client sends a datagram with a backslash, a newline and an escape character in it, "
           "and one of 1023 bytes that all are shown as \\x01.",
           "A backslash is shown as two, so that each line means one thing; and a line that would "
           "have more than 4096 bytes is cut and ends in \"...\", so that a pipe takes it whole.");
    chapter("The programs from outside");
    by_hand("", "printf 'a\\\\b\\n\\033[2J?' | nc -u -w 1 127.0.0.1 65432");
    Server server(program);
    Log log(server);
    Ask client(server);
    const std::string beginning = "Unrecognized question from " + client.name() + ": ";
    client.send(odd + "\n?");
    log.expect(beginning + odd_shown + "\\n?");
    client.send(long_question);
    expect_long_line(log, beginning + "\\x01\\x01");
}

// ---- Frames

namespace {

void log_frames(const Program &program) {
    trying("A client sends two frames, a client leaves in the middle of a frame, and another one "
           "sends a frame that is refused; each line on standard output is compared.",
           std::string("Print a line for each event, as the table of \"The programs from outside\" "
                       "has them. ") +
               own_address);
    chapter("The programs from outside");
    const std::string client_program = "./" + std::string(test::client_of(program).path);
    by_hand("", client_program + " -m Hello; printf Hel | nc -N 127.0.0.1 " +
                    std::string(program.port));
    Server server(program);
    Log log(server);
    {
        Logged client(server, log);
        for (const char *text : {"Hello", "a  b"}) {
            client.send(test::framed(program, text));
            log.expect(std::string("Received message: ") + text);
        }
        client.finish();
        client.expect_bytes(test::framed(program, "Hello") + test::framed(program, "a  b"));
        client.expect_end();
        client.closes();
    }
    {
        Logged client(server, log);
        client.send(test::framed(program, "cut").substr(0, 3));
        client.finish();
        client.expect_end();
        log.expect("End of file in mid-frame from " + client.name());
        client.closes();
    }
    {
        Logged client(server, log);
        client.send(test::refused(program));
        client.expect_end();
        const std::string too_long = "Frame too long from " + client.name();
        if (program.name == "abs") log.expect(too_long + ": 4294967295 bytes");
        if (program.name == "ads") log.expect_beginning(too_long);
        client.leave();
        client.closes();
    }
    log.expect_end();
}

} // namespace

CHECK_OF_EACH(
    abs_server, "logs a conversation",
    "[pts:1][needs:echoes frame after frame][needs:takes a frame in pieces]"
    "[needs:prints the ready line at once][needs:stops on SIGINT and SIGTERM]"
    "[needs:closes when the client has closed]"
    "[needs:reads the length in network byte order][needs:refuses a frame over the limit]") {
    log_frames(program);
}
CHECK_OF_EACH(ads_server, "logs a conversation",
              "[pts:1][needs:echoes frame after frame][needs:takes a frame in pieces]"
              "[needs:prints the ready line at once][needs:stops on SIGINT and SIGTERM]"
              "[needs:closes when the client has closed]"
              "[needs:refuses a frame over the limit]") {
    log_frames(program);
}
CHECK_OF_EACH(afs_server, "logs a conversation",
              "[pts:1][needs:echoes frame after frame][needs:takes a frame in pieces]"
              "[needs:prints the ready line at once][needs:stops on SIGINT and SIGTERM]"
              "[needs:closes when the client has closed]"
              "[needs:ends at a block of spaces]") {
    log_frames(program);
}

CHECK_OF_EACH(framing_servers, "shows what it logs escaped",
              "[pts:1][needs:logs a conversation][needs:prints nothing that drives a terminal]"
              "[faults][row 21][row 22]") {
    trying(
        "A client sends a message with a backslash and an escape character in it, and one of "
        "more than 1000 bytes that all are shown as \\x01.",
        "A backslash is shown as two, so that each line means one thing. Of a long message show "
        "the first 1000 bytes, so that no line has more than 4096 bytes: a pipe takes it whole.");
    chapter("The programs from outside");
    by_hand("", "./" + std::string(test::client_of(program).path) + " -m 'a\\b'");
    Server server(program);
    Log log(server);
    Logged client(server, log);
    client.send(test::framed(program, odd));
    log.expect("Received message: " + odd_shown);
    const std::string many(program.name == "afs" ? 1024 : 5000, '\x01');
    client.send(test::framed(program, many));
    const std::string line = log.expect_beginning("Received message: \\x01\\x01");
    if (line.size() > 4095)
        fail("a line has more than 4096 bytes, its newline included", "4096 bytes at most",
             std::to_string(line.size() + 1) + " bytes");
    if (program.name == "afs") return; // is a message of 1024 bytes a long one?
    const std::string shown = "Received message: " + test::repeat("\\x01", 1000);
    if (line.rfind(shown, 0) != 0 || line.rfind(shown + "\\x01", 0) == 0 ||
        line.find("5000", shown.size()) == line.npos)
        fail("of a message of 5000 bytes, other bytes were shown",
             "the first 1000 bytes and the length, 5000",
             std::to_string(line.size()) + " bytes that end in \"" +
                 line.substr(line.size() - std::min<std::size_t>(line.size(), 30)) + "\"");
}
