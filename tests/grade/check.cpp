#include "check.h"

#include "place.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace grade {

namespace {

constexpr std::size_t shown_lines = 8, shown_columns = 160; // of a program's output

struct Failed : std::runtime_error {
    using runtime_error::runtime_error;
};
struct Undetermined : std::runtime_error {
    using runtime_error::runtime_error;
};

// What this process reports of, as far as it has come.
struct Story {
    const Program *program = nullptr;
    std::string tried, mistake, chapter, first_terminal, second_terminal;
    std::string sent, expected, received;    // shown
    bool talked = false, has_recipe = false; // by_hand was called
    Student *student = nullptr;
    std::string options; // of the student's program, as typed
} report;

// The bytes as an argument of printf in the shell.
std::string printf_argument(std::string_view bytes) {
    std::string text = "'";
    for (const char c : bytes) {
        char octal[8];
        std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned char>(c));
        if (c == '\n') text += "\\n";
        else if (c == '%') text += "%%";
        else if (c == '\\') text += "\\\\";
        else if (c == '\'' || c < ' ' || c > '~') text += octal;
        else text += c;
    }
    return text + "'";
}

std::string printf_command(std::string_view bytes) { return "printf " + printf_argument(bytes); }

// The last lines of what a program has printed, each marked and shown as printable ASCII.
std::string last_lines(const std::string &output) {
    std::vector<std::string> lines;
    std::istringstream text(
        output.substr(output.size() - std::min<std::size_t>(output.size(), 20'000)));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    std::string shown;
    for (std::size_t i = lines.size() - std::min(lines.size(), shown_lines); i < lines.size();
         ++i) {
        const std::string quoted = test::shown(lines[i].substr(0, shown_columns));
        shown += "\n    | " + quoted.substr(1, quoted.size() - 2);
        if (lines[i].size() > shown_columns) shown += " ...";
    }
    return shown;
}

// A line of a report: what it is, and the content, broken between words where it is prose.
void add_line(std::string &text, std::string heading, std::string content, bool prose = false) {
    if (content.empty()) return;
    constexpr std::size_t indent = 12, width = 84;
    heading.resize(indent, ' ');
    while (prose && content.size() > width) {
        const std::size_t space = content.rfind(' ', width);
        if (space == content.npos) break;
        text += heading + content.substr(0, space) + "\n";
        heading = std::string(indent, ' ');
        content.erase(0, space + 1);
    }
    text += heading + content + "\n";
}

std::string default_chapter(const Program &program) {
    static const std::vector<std::pair<std::string_view, std::string_view>> chapters = {
        {"zens", "TCP: zens and zenc"},
        {"zenc", "TCP: zens and zenc"},
        {"zus", "UDP: zus and zuc"},
        {"zuc", "UDP: zus and zuc"},
        {"mzts", "TCP in a pool of threads: mzts"},
        {"mzus", "UDP in a pool of threads: mzus"},
        {"ss", "A framework: sszt and sszu"},
        {"ta", "One thread, many clients: tas, tap, tae"},
        {"ua", "UDP with select, poll and epoll: uas, uap, uae"},
        {"a", "Message framing: abs/abc, ads/adc, afs/afc"}};
    for (const auto &[beginning, title] : chapters)
        if (program.name.rfind(beginning, 0) == 0) return std::string(title);
    return "";
}

// What may hold what a program has printed, so that it can be shown on a terminal.
std::string printable(const std::string &text) {
    constexpr std::size_t most = 16'384;
    std::string shown;
    for (const char c : text.substr(0, most))
        if (c == '\n' || (c >= ' ' && c <= '~')) shown += c;
        else {
            const std::string escaped = test::shown({&c, 1});
            shown += escaped.substr(1, escaped.size() - 2);
        }
    return shown;
}

std::string compose(const std::string &what, const std::string &expected,
                    const std::string &received) {
    std::string text;
    add_line(text, "tried:", report.tried, true);
    add_line(text, "but:", what, true);
    if (report.talked) add_line(text, "sent:", report.sent.empty() ? "nothing" : report.sent);
    add_line(text, "expected:", expected);
    add_line(text, report.talked ? "received:" : "found:", received);
    if (Student *student = report.student) {
        const std::string out = last_lines(student->standard_output()),
                          err = last_lines(student->standard_error());
        add_line(text, "program:", student->command() + " (" + student->status_text() + ")");
        if (!out.empty()) text += "  its last lines:" + out + "\n";
        if (!err.empty()) text += "  its last lines on standard error:" + err + "\n";
    }
    add_line(text, "hint:", report.mistake, true);
    add_line(text, "", "(LAB.md, \"" + report.chapter + "\")");
    const bool is_client = test::is_client(*report.program);
    if (report.first_terminal.empty() && !is_client)
        report.first_terminal = "make " + report.program->file() + " && ./" +
                                std::string(report.program->path) + report.options;
    add_line(text, "by hand:", "terminal 1:  " + report.first_terminal);
    add_line(text, "", "terminal 2:  " + report.second_terminal);
    return printable(text);
}

// One tag of the kind "[pts:2]": what follows its beginning; all of them.
std::vector<std::string> tags_of(const std::string &tags, const std::string &beginning) {
    std::vector<std::string> found;
    for (auto begin = tags.find("[" + beginning); begin != tags.npos;
         begin = tags.find("[" + beginning, begin + 1)) {
        const auto value = begin + 1 + beginning.size();
        found.push_back(tags.substr(value, tags.find(']', value) - value));
    }
    return found;
}

} // namespace

std::vector<Check> &checks() {
    static std::vector<Check> all;
    return all;
}

void add_check(const Program &program, const std::string &behaviour, const std::string &tags) {
    const std::string tag(program.tag), name(program.name);
    Check check;
    check.name = name + ": " + behaviour;
    check.exercise = tag.substr(1, tag.find(']') - 1);
    check.program = name;
    check.target = program.path;
    const std::vector<std::string> points = tags_of(tags, "pts:");
    if (points.size() != 1) throw std::logic_error(check.name + ": no tag like [pts:1]");
    check.points = std::stoi(points.front());
    check.hidden = tags.find("[hidden]") != tags.npos;
    check.mechanism = tags.find("[mechanism]") != tags.npos;
    for (const std::string &need : tags_of(tags, "needs:"))
        check.needs.push_back(name + ": " + need);
    checks().push_back(check);
}

void run_check(const Program &program, void (*body)(const Program &)) {
    ++report_of_check.checks;
    report = {};
    report.program = &program;
    report.chapter = default_chapter(program);
    try {
        body(program);
    } catch (const Failed &failed) {
        report_of_check.text = failed.what();
    } catch (const Undetermined &reason) {
        report_of_check.undetermined = true;
        report_of_check.text = reason.what();
    } catch (const std::exception &error) { // of the peers in tests/support: "cannot connect ..."
        report_of_check.text = compose(error.what(), "", "");
    }
    if (report_of_check.text.empty() || report_of_check.undetermined) SUCCEED();
    else FAIL(report_of_check.text);
}

void trying(std::string sentence, std::string likely_mistake) {
    report.tried = std::move(sentence);
    report.mistake = std::move(likely_mistake);
}

void chapter(std::string title) { report.chapter = std::move(title); }

void by_hand(std::string first_terminal, std::string second_terminal) {
    report.first_terminal = std::move(first_terminal);
    report.second_terminal = std::move(second_terminal);
    report.has_recipe = true;
}

void fail(const std::string &what, const std::string &expected, const std::string &found) {
    throw Failed(compose(what, expected.empty() ? report.expected : expected,
                         found.empty() ? report.received : found));
}

void undetermined(const std::string &why) { throw Undetermined(why); }

// ---- Programs

static bool machine_lets_look();

static std::string typed(const Program &program, const std::vector<std::string> &arguments) {
    std::string text = "./" + std::string(program.path);
    for (const std::string &argument : arguments) text += " " + argument;
    return text;
}

static std::vector<std::string> with_option(const Program &program,
                                            std::vector<std::string> arguments) {
    if (!program.option.empty()) arguments.insert(arguments.begin(), std::string(program.option));
    return arguments;
}

static std::vector<std::string> student_command(const Program &program,
                                                std::vector<std::string> arguments, Limits limits) {
    if (test::sanitized) limits.address_space = 0;
    arguments = with_option(program, std::move(arguments));
    arguments.insert(arguments.begin(), place.programs + "/" + std::string(program.path));
    return sandboxed(arguments, place.scratch, place.user, limits);
}

Student::Student(const Program &program, std::vector<std::string> arguments, const Limits &limits)
    : Process(student_command(program, arguments, limits),
              typed(program, with_option(program, arguments))) {
    report.student = this;
}

Student::~Student() {
    if (report.student == this) report.student = nullptr;
}

int Student::exit_status(Milliseconds limit) {
    const auto status = wait_exit(limit);
    if (!status) fail("the program has not ended after " + std::to_string(limit.count()) + " ms");
    return WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
}

static std::vector<std::string> server_arguments(std::vector<std::string> options,
                                                 const std::string &host, std::uint16_t port) {
    options.insert(options.end(), {host, std::to_string(port)});
    return options;
}

Server::Server(const Program &program, const std::vector<std::string> &options,
               const std::string &host, const Limits &limits, std::uint16_t port)
    : Student(program, server_arguments(options, host, port), limits), program_(program) {
    report.options.clear();
    for (const std::string &option : with_option(program, options)) report.options += " " + option;
    address_.host = host;
    const auto reached = [&] {
        {
            const LookAs as_it = eyes();
            address_.port = test::bound_port(pid());
        }
        // Where the system does not tell, the ready line has to.
        if (address_.port == 0 && !ready_line_ && (ready_line_ = next_line(Milliseconds(0))) &&
            !machine_lets_look())
            address_.port = Endpoint::parse(ready_line_->substr(ready_line_->rfind(' ') + 1)).port;
        return address_.port != 0 || wait_exit(Milliseconds(0));
    };
    test::eventually(reached);
    if (address_.port == 0)
        fail(wait_exit(Milliseconds(0)) ? "the server ended before it could be reached"
                                        : "the server has bound no port after 10 seconds");
}

std::optional<std::string> Server::ready_line(Milliseconds limit) {
    if (!ready_line_) ready_line_ = next_line(limit);
    return ready_line_;
}

LookAs Server::eyes() const { return LookAs(place.user); }

// ---- What all servers have in common

// The whole output of a server, which is ended for that.
static std::string output_of(Server &server) {
    server.signal(SIGTERM);
    if (!server.wait_exit(Milliseconds(3000))) {
        server.signal(SIGKILL);
        server.wait_exit();
    }
    return server.standard_output();
}

void check_ready_line(const Program &program, const std::string &kind) {
    Server server(program);
    const auto line = server.ready_line(Milliseconds(5000));
    const std::string wanted = kind + " server started at " + server.address().name();
    if (!line) fail("no line was printed while the server was running", wanted, "nothing");
    if (line->find(kind) == line->npos || line->size() < server.address().name().size() ||
        line->substr(line->size() - server.address().name().size()) != server.address().name())
        fail("the first line does not name the kind and the address", wanted, *line);
}

void check_stops(Server &server, int signal) {
    const std::string name = signal == SIGINT ? "SIGINT" : "SIGTERM";
    server.signal(signal);
    const Milliseconds limit(6000); // it should take one, but the machine may be loaded
    const auto status = server.wait_exit(limit, false);
    if (!status) fail("it has not ended 6 seconds after " + name, "exit status 0", "still running");
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0)
        fail("after " + name + " it ended otherwise", "exit status 0", server.status_text());
    const auto none_left = [&] {
        return reap_adopted(server.pid()), descendants(getpid()).empty();
    };
    if (!test::eventually(none_left, limit))
        fail("after " + name + " it ended, but left processes behind", "none",
             std::to_string(descendants(getpid()).size()));
    if (!server.wait_for("Server stopped\n", limit))
        fail("after " + name + " it did not print that it has stopped", "Server stopped",
             "no such line");
}

void check_idle(Server &server) {
    constexpr Milliseconds period(500), most_run(100), least_run(30), most_runnable(300);
    const auto sum = [&](Milliseconds (*time)(pid_t)) {
        Milliseconds all = time(server.pid());
        for (const pid_t child : test::children(server.pid())) all += time(child);
        return all;
    };
    Milliseconds has_run{}, was_runnable{};
    for (int i = 0; i < 3; ++i) { // it may have work left, which a loaded machine makes it wait for
        has_run = -sum(test::processor_time);
        was_runnable = -sum(test::runnable_time);
        require(!server.wait_exit(period, false), "the server has ended");
        has_run += sum(test::processor_time);
        was_runnable += sum(test::runnable_time);
        // What wants to run gets some of the processor even on a loaded machine.
        const bool wants = has_run > least_run && was_runnable > most_runnable;
        if (has_run <= most_run && !wants) return;
    }
    fail("it does not sleep while nothing happens", "asleep for nearly all of 500 ms",
         "it has run for " + std::to_string(has_run.count()) + " ms, and wanted to for " +
             std::to_string(was_runnable.count()) + " ms");
}

void check_quiet(Server &server) {
    const std::string output = output_of(server);
    const auto end = output.find('\n');
    const std::string rest = end == output.npos ? "" : output.substr(end + 1);
    if (!rest.empty() && rest != "Server stopped\n")
        fail("more was printed than the ready line", "nothing more", test::shown(rest));
}

void check_clean_output(Server &server) {
    const std::string output = output_of(server);
    for (std::size_t begin = 0; begin < output.size();) {
        const std::size_t end = std::min(output.find('\n', begin), output.size());
        const std::string line = output.substr(begin, end - begin);
        for (const char c : line)
            if ((c < ' ' || c > '~') && c != '\t')
                fail("a byte was printed that is not printable ASCII", "escapes such as \\x1b",
                     test::shown(line));
        if (line.rfind("Connected by nobody", 0) == 0)
            fail("a line was printed that the client has forged", "the newline as \\n",
                 test::shown(line));
        begin = end + 1;
    }
}

void check_port_in_use(const Program &program) {
    const std::string command = "./" + std::string(program.path);
    by_hand("", command + "; echo $?     # 1");
    const test::Listener stream;     // of others: a server of the kit on any port would not do,
    const test::Datagrams datagrams; // as one that ignores its command line would miss it
    const Endpoint taken = test::is_udp_server(program) ? datagrams.local() : stream.local();
    Server first(program);
    for (const Endpoint &address : {taken, first.address()}) {
        Student server(program, {address.host, std::to_string(address.port)});
        const int status = server.exit_status();
        if (status != 1) fail("it ended otherwise", "exit status 1", server.status_text());
        require(!server.standard_error().empty(), "nothing was printed on standard error");
    }
}

void check_command_line(const Program &program) {
    const std::string command = "./" + std::string(program.path);
    by_hand("make " + program.file() + " && " + command + " -h; " + command + " -Z; echo $?",
            "(none)");
    trying(
        "The program is started with -h, and with command lines that are wrong.",
        "-h prints the usage on standard output and returns 0. A wrong option, a surplus argument "
        "or a value out of range: one line that says so and the usage on standard error, status "
        "2.");
    {
        Student help(program, {"-h"});
        if (const int status = help.exit_status(); status != 0)
            fail("-h ended otherwise", "exit status 0", help.status_text());
        require(!help.standard_output().empty(), "-h printed nothing on standard output");
    }
    std::vector<std::vector<std::string>> wrong = {
        {"-Z"}, {"127.0.0.1", "65536"}, {"127.0.0.1", "x"}, {"127.0.0.1", "1234", "surplus"}};
    if (program.has('t')) wrong.push_back({"-t", "soon"});
    if (program.has('w')) wrong.push_back({"-w", "0"});
    for (const auto &arguments : wrong) {
        Student mistaken(program, arguments);
        const int status = mistaken.exit_status();
        if (status != 2)
            fail("a wrong command line was not refused: " + mistaken.command(), "exit status 2",
                 mistaken.status_text());
        require(!mistaken.standard_error().empty(),
                "nothing was printed on standard error by " + mistaken.command());
    }
}

static std::string host_in(int network) {
    const pid_t pid = getpid(); // below 2^22
    return "127." + std::to_string(network + (pid >> 16)) + "." + std::to_string(pid >> 8 & 255) +
           "." + std::to_string(pid & 255);
}

std::string host_of_our_own() { return host_in(64); }
std::string host_of_nobody() { return host_in(128); }

void needs_ipv6() {
    try {
        test::Listener("::1");
    } catch (const std::exception &) {
        undetermined("this machine has no IPv6");
    }
}

void needs_descriptors(long count) {
    rlimit current = {};
    getrlimit(RLIMIT_NOFILE, &current);
    current.rlim_cur = current.rlim_max;
    setrlimit(RLIMIT_NOFILE, &current);
    if (current.rlim_max < static_cast<rlim_t>(count))
        undetermined("a process may have " + std::to_string(current.rlim_max) +
                     " descriptors here; this needs " + std::to_string(count));
}

// ---- Clients

std::string question(std::size_t number) { return std::string(test::zen[number].first); }
std::string letter(std::size_t number) {
    return std::string(test::zen[number].second.substr(0, 1));
}

std::string answers_in(std::string_view bytes) {
    std::string lower(bytes), letters;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (std::size_t i = 0; i < lower.size(); ++i)
        for (const char *word : {"ugly", "implicit", "complex"})
            if (lower.compare(i, std::string_view(word).size(), word) == 0)
                letters += static_cast<char>(std::toupper(word[0]));
    return letters;
}

// "UI": how the answers look that these letters stand for.
static std::string answers_of(const std::string &letters) {
    std::string bytes;
    for (const char c : letters)
        for (const auto &[asked, answer] : test::zen)
            if (answer[0] == c) bytes += answer;
    return bytes;
}

// A check may wait often, and each time not too long: before it is ended for that, it says where.
static void require_time() {
    static const auto start = std::chrono::steady_clock::now();
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(40))
        fail("after 40 seconds the check has not come to its end: the server is far too slow");
}

// With a small receive buffer goes a small segment: the system sizes the server's send buffer by it,
// so that a client that does not read is soon felt.
static test::Connection connect(const Endpoint &server, int receive_buffer) {
    require_time();
    try {
        return test::Connection(server, receive_buffer, receive_buffer > 0 ? 536 : 0);
    } catch (const std::exception &error) {
        fail(error.what());
    }
}

Talk::Talk(const Server &server, int receive_buffer)
    : connection_(connect(server.address(), receive_buffer)), first_(!report.talked) {
    report.talked = true;
}

// What the first client does is what the recipe shows.
static void note_sent(bool first, const std::string &all, std::string_view piece, bool in_pieces) {
    report.sent = test::shown(all);
    if (!first || report.has_recipe || all.size() > 400) return;
    std::string &command = report.second_terminal;
    const std::string end = "; sleep 2) | nc -N 127.0.0.1 " + std::string(report.program->port);
    if (const auto at = command.rfind("; sleep 2)"); at != command.npos) command.erase(at);
    if (command.empty()) command = "(";
    else command += "; sleep 1; ";
    if (in_pieces && piece.size() > 1)
        command += printf_command(piece.substr(0, piece.size() / 2)) + "; sleep 1; " +
                   printf_command(piece.substr(piece.size() / 2));
    else command += printf_command(piece);
    command += end;
}

void Talk::send(std::string_view bytes) {
    sent_ += bytes;
    note_sent(first_, sent_, bytes, false);
    connection_.send(bytes);
}

void Talk::send_in_pieces(std::string_view bytes, std::size_t size) {
    sent_ += bytes;
    note_sent(first_, sent_, bytes, true);
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
        connection_.send(bytes.substr(0, size));
        if (!test::wait_until_read(connection_)) fail_with("the server reads no more", "");
    }
}

std::size_t Talk::send_without_reading(std::string_view bytes) {
    std::size_t taken = 0;
    pollfd writable = {connection_.get(), POLLOUT, 0};
    while (taken < bytes.size() && poll(&writable, 1, 1000) > 0) {
        const ssize_t count =
            ::send(connection_.get(), bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN && errno != EINTR) break;
        if (count > 0) taken += static_cast<std::size_t>(count);
    }
    sent_ += bytes.substr(0, taken);
    report.sent = test::shown(sent_);
    test::wait_until_read_or_stuck(connection_); // the system may have taken more than the server
    return taken;
}

std::string Talk::converse_late(std::string_view bytes) {
    const std::size_t taken = send_without_reading(bytes);
    sent_ += bytes.substr(taken);
    report.sent = test::shown(sent_);
    return connection_.exchange(bytes.substr(taken), 3 * patience);
}

void Talk::finish() { connection_.shut_down_sending(); }

void Talk::fail_with(const std::string &what, std::string_view expected, const std::string &then) {
    report.sent = test::shown(sent_);
    fail(what, test::shown(expected) + then,
         test::shown(received_) + (connection_.was_reset() ? ", then the connection was reset"
                                   : connection_.ended()   ? ", then the end of file"
                                                           : ""));
}

void Talk::receive_until(const std::function<bool()> &enough, Milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!enough() && !connection_.ended() && !connection_.was_reset()) {
        const auto left =
            std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        received_ += connection_.receive(1, left); // what comes first,
        received_ +=
            connection_.receive(std::size_t{1} << 20, Milliseconds(0)); // and all that is there
    }
}

bool Talk::gets(const std::string &letters, Milliseconds limit) {
    require_time();
    answers_ += letters;
    receive_until([&] { return answers_in(received_).size() >= answers_.size(); }, limit);
    return answers_in(received_) == answers_;
}

void Talk::expect(const std::string &letters, const std::string &otherwise) {
    if (!gets(letters, patience)) fail_with(otherwise, answers_of(answers_));
}

void Talk::expect_any() {
    receive_until([&] { return !received_.empty(); }, patience);
    if (received_.empty()) fail_with("no answer came", test::zen[0].second);
}

bool Talk::ends(Milliseconds limit) {
    receive_until([] { return false; }, limit);
    return connection_.ended() || connection_.was_reset();
}

void Talk::expect_bytes(std::string_view bytes, const std::string &otherwise) {
    receive_until([&] { return received_.size() >= bytes.size(); }, patience);
    receive_until([] { return false; }, Milliseconds(50)); // nothing may follow
    if (received_ != bytes) fail_with(otherwise, bytes);
}

void Talk::expect_end(const std::string &otherwise) {
    if (!ends(patience)) fail_with(otherwise, answers_of(answers_), ", then the end of file");
}

void Talk::expect_nothing_but_end() {
    if (!ends(patience) || answers_in(received_) != answers_ ||
        (answers_.empty() && !received_.empty()))
        fail_with("an answer came, or the connection is still open", answers_of(answers_),
                  ", then the end of file");
}

std::vector<std::string> few_workers(const Program &program) {
    return program.has('w') ? std::vector<std::string>{"-w", "2"} : std::vector<std::string>{};
}

Ask::Ask(const Server &server) : server_(server.address()), socket_(server.address().host) {
    report.talked = true;
}

void Ask::send(std::string_view datagram) {
    sent_ = datagram;
    report.sent = test::shown(datagram);
    if (report.second_terminal.empty() && datagram.size() <= 400)
        report.second_terminal = printf_command(datagram) + " | nc -u -w 2 127.0.0.1 " +
                                 std::string(report.program->port);
    socket_.send_to(server_, datagram);
}

test::Datagrams::Datagram Ask::receive(Milliseconds limit) { return socket_.receive(limit); }

void Ask::expect(const std::string &letter) {
    const auto datagram = socket_.receive();
    if (!datagram.arrived) fail("no answer came", test::shown(answers_of(letter)), "nothing");
    if (answers_in(datagram.bytes) != letter)
        fail("another answer came", test::shown(answers_of(letter)), test::shown(datagram.bytes));
}

void Ask::expect_bytes(std::string_view bytes) {
    const auto datagram = socket_.receive();
    if (!datagram.arrived) fail("no answer came", test::shown(bytes), "nothing");
    if (datagram.bytes != bytes)
        fail("other bytes came", test::shown(bytes), test::shown(datagram.bytes));
}

// ---- The system

static bool is_visible(pid_t pid) {
    const LookAs as_it(place.user);
    std::ifstream file("/proc/" + std::to_string(pid) + "/syscall");
    std::string text;
    return static_cast<bool>(file >> text);
}

// Whether a program of ours in the same sandbox can be seen.
static bool machine_lets_look() {
    static const bool lets = [] {
        test::Process control(sandboxed({"sleep", "60"}, place.scratch, place.user, {}));
        return test::eventually([&] { return is_visible(control.pid()); }, Milliseconds(3000));
    }();
    return lets;
}

bool can_look(pid_t pid) {
    if (is_visible(pid)) return true;
    if (!machine_lets_look()) return false;
    if (!test::eventually([&] { return is_visible(pid); }, Milliseconds(500)) && kill(pid, 0) == 0)
        fail("the program does not let itself be looked at (PR_SET_DUMPABLE)");
    return true;
}

std::vector<long> calls_slept_in(pid_t pid, int looks) {
    const LookAs as_it(place.user);
    std::vector<long> calls;
    for (int i = 0; i < looks; ++i) {
        if (const long call = test::sleeping_in(pid); call >= 0) calls.push_back(call);
        usleep(200);
    }
    return calls;
}

std::string call_name(long number) {
    const std::pair<const std::set<long> &, const char *> kinds[] = {
        {test::accept_calls, "accept"},    {test::receive_calls, "a receive call"},
        {test::select_calls, "select"},    {test::poll_calls, "poll"},
        {test::epoll_calls, "epoll_wait"}, {test::sleep_calls, "nanosleep"}};
    for (const auto &[calls, name] : kinds)
        if (calls.count(number)) return name;
    return "system call " + std::to_string(number);
}

} // namespace grade
