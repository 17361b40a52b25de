// The pictures of who waits for whom: that strace is read as it writes, and that the picture of each server shows
// it asleep where LAB.md says ("who sleeps in").
#include "picture/draw.h"
#include "picture/scenario.h"
#include "support/graded.h"
#include "support/procfs.h"
#include "support/xml.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <sys/wait.h>

using namespace test;
using namespace picture;

namespace {

const std::string listener = "3<TCP:[127.0.0.1:8000]>",
                  connection = "4<TCP:[127.0.0.1:8000->127.0.0.1:5001]>";

// A server that accepts client 1, waits for its question, answers, and sees it leave.
const std::string trace =
    "7 100.000000 accept(" + listener + ",  <unfinished ...>\n" +
    "8 100.010000 futex(0x7f, FUTEX_WAIT_PRIVATE, 0, NULL <unfinished ...>\n" +
    "7 100.100000 <... accept resumed>{sa_family=AF_INET, sin_port=htons(5001), "
    "sin_addr=inet_addr(\"127.0.0.1\")}, [128 => 16]) = " +
    connection + " <0.100000>\n" + //
    "7 100.101000 recvfrom(" + connection +
    ", \"How (\\\" much) = 3?\", 4096, 0, NULL, NULL) = 18 "
    "<0.200000>\n"
    "7 100.302000 sendto(" +
    connection + ", \"Ugly.\", 5, 0, NULL, 0) = 5 <0.000020>\n" + "7 100.310000 recvfrom(" +
    connection + ", \"\", 4096, 0, NULL, NULL) = 0 <0.090000>\n" + "7 100.410000 close(" +
    connection + ") = 0 <0.000010>\n" +
    "7 100.420000 poll([{fd=3, events=POLLIN}], 1, -1) = ? ERESTART_RESTARTBLOCK (Interrupted) "
    "<0.1>\n"
    "7 100.520000 --- SIGCHLD {si_signo=SIGCHLD} ---\n"
    "7 100.530000 restart_syscall(<... resuming interrupted poll ...>) = 1 <0.050000>\n"
    "8 100.600000 <... futex resumed>) = 0 <0.590000>\n"
    "8 100.610000 +++ exited with 0 +++\n"
    "nonsense\n"
    "7 100.620000 accept(" +
    listener + ",  <unfinished ...>\n";

bool is_near(double one, double other) { return std::abs(one - other) < 1e-6; }

picture::Client one_client() {
    using Kind = Step::Kind;
    return {"client 1",
            "ordinary",
            5001,
            {{Kind::connect, 100.05, 100.06, ""},
             {Kind::send, 100.2, 100.2, "How (\" much) = 3?\n"},
             {Kind::receive, 100.2, 100.303, "Ugly."},
             {Kind::close, 100.4, 100.4, ""}}};
}

Picture one_picture() {
    return make_picture("one & other", read_strace(trace), {one_client()}, {100, 101});
}

// What slept in a lane; `begin` is that of the lanes' names.
std::set<std::string> sleeps(const Picture &picture, std::string_view begin) {
    std::set<std::string> names;
    for (const Lane &lane : picture.lanes)
        if (!lane.is_client && lane.name.starts_with(begin))
            for (const Bar &bar : lane.bars) names.insert(bar.name);
    return names;
}

long ticks(const Picture &picture, Tick::Kind kind) {
    long count = 0;
    for (const Lane &lane : picture.lanes)
        if (!lane.is_client)
            count += std::count_if(lane.ticks.begin(), lane.ticks.end(),
                                   [&](const Tick &tick) { return tick.kind == kind; });
    return count;
}

// When what the client `lane` sent was taken by the server, in the order in which it was sent.
std::vector<double> taken_from(const Picture &picture, std::size_t lane) {
    std::vector<double> times;
    for (const Note &note : picture.lanes[lane].notes)
        for (const Arrow &arrow : picture.arrows)
            if (note.sent && arrow.kind == Arrow::Kind::bytes && arrow.from == lane &&
                arrow.sent == note.at && (times.empty() || arrow.taken >= times.back()))
                times.push_back(arrow.taken);
    return times;
}

struct Asleep {
    std::string_view server;
    std::set<std::string> first, others; // in its first thread; in its threads and processes
};

// LAB.md, "who sleeps in". The framework's server waits in poll, its threads as zens does.
const Asleep by_lab[] = {{"zens", {"accept", "recv"}, {}},
                         {"mzts", {"accept"}, {"recv", "futex"}},
                         {"sszt", {"poll"}, {"recv"}},
                         {"sszt -f", {"poll"}, {"recv"}},
                         {"tas", {"select"}, {}},
                         {"tap", {"poll"}, {}},
                         {"tae", {"epoll_wait"}, {}},
                         {"zus", {"recvfrom"}, {}},
                         {"mzus", {"recvfrom"}, {"futex"}},
                         {"sszu", {"poll"}, {}},
                         {"sszu -f", {"poll"}, {}},
                         {"uas", {"select"}, {}},
                         {"uap", {"poll"}, {}},
                         {"uae", {"epoll_wait"}, {}},
                         {"tacb", {"epoll_wait"}, {}},
                         {"asynpro", {"epoll_wait"}, {}},
                         {"tacr", {"epoll_wait"}, {}},
                         {"tacs", {"epoll_wait"}, {}},
                         {"uacb", {"epoll_wait"}, {}},
                         {"asyndg", {"epoll_wait"}, {}},
                         {"abs", {"poll"}, {"recv"}},
                         {"ads", {"poll"}, {"recv"}},
                         {"afs", {"poll"}, {"recv"}}};

// What the program that draws prints of a submission; its exit status is to be `status`.
std::string drawn(const Directory &from, const fs::path &to, const std::string &name, int status) {
    const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "picture/picture";
    Process process({program, "-o", to, "-f", from.path, name});
    const auto ended = process.wait_exit(std::chrono::minutes(5));
    CHECK_PROGRAM(process, ended && WIFEXITED(*ended) && WEXITSTATUS(*ended) == status);
    return process.standard_output() + process.standard_error();
}

// Threads that share a mutex may also sleep until they get it.
std::set<std::string> without_mutexes(std::set<std::string> names,
                                      const std::set<std::string> &expected) {
    if (!expected.count("futex")) names.erase("futex");
    return names;
}

} // namespace

TEST_CASE("picture: calls are read as strace writes them, in one line or in two", "[picture]") {
    const Trace read = read_strace(trace);
    REQUIRE(read.calls.size() == 9);
    const Call &accept = read.calls[0], &futex = read.calls[1], &recv = read.calls[2];
    CHECK(accept.name == "accept");
    CHECK(accept.thread == 7);
    CHECK(is_near(accept.begin, 100));
    CHECK(is_near(accept.end, 100.1));
    CHECK(accept.value() == 4);
    CHECK(accept.descriptor() == 3);
    CHECK(ends_of(accept.result).own == 8000);
    CHECK(ends_of(accept.result).peer == 5001);
    CHECK(ends_of(listener).peer == 0);
    CHECK(port_in(accept.arguments) == 5001);
    CHECK(futex.thread == 8);
    CHECK(is_near(futex.end, 100.6));
    CHECK(recv.value() == 18); // and not the 3 that stands in quotes
    CHECK(function_name(recv) == "recv");
    CHECK(read.calls[6].value() == -1); // poll, which was interrupted
    CHECK_FALSE(read.calls.back().ended);
    CHECK(is_near(read.exits.at(8), 100.61));
    const Call failed =
        read_strace("1 2.5 recvfrom(3, 0x1, 9, MSG_DONTWAIT, 0x2, [16]) = -1 EAGAIN "
                    "(Resource temporarily unavailable) <0.1>\n")
            .calls.at(0);
    CHECK(failed.failed_with("EAGAIN"));
    CHECK(function_name(failed) == "recvfrom");
}

TEST_CASE("picture: bars, ticks and arrows are made of calls", "[picture]") {
    const Picture picture = one_picture();
    REQUIRE(picture.lanes.size() == 3);
    const Lane &client = picture.lanes[0], &server = picture.lanes[1], &other = picture.lanes[2];
    CHECK(client.is_client);
    CHECK(client.bars.size() == 1);
    CHECK(is_near(client.end, 100.4));
    std::string names;
    for (const Bar &bar : server.bars) names += bar.name + bar.peer + " ";
    CHECK(names == "accept recvclient 1 recvclient 1 poll poll accept ");
    CHECK(is_near(server.bars.back().end, 101)); // which is where the picture ends
    CHECK(ticks(picture, Tick::Kind::accept) == 1);
    CHECK(ticks(picture, Tick::Kind::close) == 1);
    CHECK(other.bars.at(0).name == "futex");
    CHECK(is_near(other.end, 100.61));
    REQUIRE(picture.arrows.size() == 4);
    const auto kind = Arrow::Kind::bytes;
    CHECK(picture.arrows[0].kind == Arrow::Kind::connect);
    CHECK(picture.arrows[1].kind == kind);
    CHECK(is_near(picture.arrows[1].taken, 100.301));
    CHECK(picture.arrows[2].from == 1);
    CHECK(is_near(picture.arrows[2].sent, 100.302));
    CHECK(is_near(picture.arrows[2].taken, 100.303));
    CHECK(picture.arrows[3].kind == Arrow::Kind::close);
}

TEST_CASE("picture: what was sent was taken, even if strace's clock is a little early",
          "[picture]") {
    picture::Client client = one_client();
    client.steps[1].begin = client.steps[1].end = 100.302;
    const Picture picture = make_picture("", read_strace(trace), {client}, {100, 101});
    const auto arrow =
        std::find_if(picture.arrows.begin(), picture.arrows.end(), [](const Arrow &one) {
            return one.from == 0 && one.kind == Arrow::Kind::bytes;
        });
    REQUIRE(arrow != picture.arrows.end());
    CHECK(is_near(arrow->taken, 100.302));
}

TEST_CASE("picture: a call that cannot sleep has no bar, however long it took", "[picture]") {
    const auto bars = [](const std::string &text) {
        const Picture picture = make_picture("", read_strace(text), {}, {1, 3});
        return picture.lanes.at(0).bars.size();
    };
    const std::string receive =
        "9 1.2 recvfrom(" + connection + ", \"\", 9, 0, NULL, NULL) = 0 <0.5>\n";
    CHECK(bars(receive) == 1);
    CHECK(bars("9 1.1 fcntl(" + connection + ", F_SETFL, O_RDWR|O_NONBLOCK) = 0 <0.5>\n" +
               receive) == 0);
    CHECK(bars("9 1.1 accept4(" + listener + ", NULL, NULL, SOCK_NONBLOCK) = " + connection +
               " <0.001>\n" + receive) == 0);
    CHECK(bars("9 1.2 recvfrom(3<UDP:[127.0.0.1:1]>, \"\", 9, MSG_DONTWAIT, NULL, NULL) = 0 "
               "<0.5>\n") == 0);
    CHECK(bars("9 1.2 write(1<pipe:[5]>, \"x\", 1) = 1 <0.5>\n") == 0);
    CHECK(bars("9 1.2 futex(0x1, FUTEX_WAKE_PRIVATE, 1) = 1 <0.5>\n") == 0);
    CHECK(bars("9 1.2 wait4(-1, NULL, WNOHANG, NULL) = 0 <0.5>\n") == 0);
    // A process begins with what its parent has, a thread changes it for both.
    const std::string child =
        "9 1.1 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 10 "
        "<0.001>\n10 1.2 fcntl(4<TCP:[1]>, F_SETFL, O_NONBLOCK) = 0 <0.001>\n9 1.3" +
        receive.substr(5);
    CHECK(bars("9 1.0 close(5) = 0 <0.1>\n" + child) == 1);
}

TEST_CASE("picture: the drawing has all that is in the picture, for light and dark", "[picture]") {
    const Picture picture = one_picture();
    const std::string document = svg(picture);
    CHECK(well_formed(document));
    for (const char *there :
         {"width='800'", "one &amp; other", "prefers-color-scheme: dark", ">client 1</text>",
          ">ordinary</text>", ">accept</text>", ">recv from client 1</text>", ">futex</text>",
          ">\"How (\" much) = 3?\xc2\xb7\"</text>", ">\"Ugly.\"</text>"}) {
        INFO(there);
        CHECK(document.find(there) != document.npos);
    }
    CHECK(document.find("<script") == document.npos);
    CHECK(document.find("nan") == document.npos);
    const std::string all = page({"zens", "sszt-f"});
    CHECK(all.find("<img src='zens.svg' alt='zens'>") != all.npos);
    CHECK(all.find("<img src='sszt-f.svg'") != all.npos);
    CHECK(all.find("<script") == all.npos);
    CHECK(label("\x01 to ") == "\"\xc2\xb7 to \"");
    CHECK(label("to" + std::string(9, ' ')) == "\"to\"");
    CHECK(label("   ") == "3 blanks");
}

TEST_CASE("picture: each server has one, by a name that make can take", "[picture]") {
    for (const test::Program &server : pictured()) {
        CHECK(pictured(file_name(server)).name == server.name);
        CHECK(std::any_of(std::begin(by_lab), std::end(by_lab),
                          [&](const Asleep &row) { return row.server == server.name; }));
    }
    CHECK(file_name(named("sszt -f")) == "sszt-f");
    CHECK_THROWS(pictured("zenc"));
}

TEST_OF_EACH(servers, "its picture shows who waits for whom, as LAB.md does", "[picture]") {
    if (sanitized || !needs_strace()) return; // a sanitizer starts threads of its own
    const Recorded recorded =
        record(pictured(file_name(program)), {Milliseconds(100), patience, program.name != "zens"});
    CHECK(recorded.problem == "");
    const Picture picture = make_picture(std::string(program.name), read_strace(recorded.trace),
                                         recorded.clients, recorded.span);
    const Asleep &expected =
        *std::find_if(std::begin(by_lab), std::end(by_lab),
                      [&](const Asleep &row) { return row.server == program.name; });
    std::set<std::string> others = sleeps(picture, "thread");
    others.merge(sleeps(picture, "process"));
    CHECK(without_mutexes(sleeps(picture, "server"), expected.first) == expected.first);
    CHECK(without_mutexes(others, expected.others) == expected.others);

    // Each thing sent was taken, and each answer came from where it was sent.
    REQUIRE(picture.lanes.size() > 3);
    for (std::size_t lane = 0; lane < 3; ++lane)
        for (const Note &note : picture.lanes[lane].notes) {
            INFO(picture.lanes[lane].name << (note.sent ? " sent " : " received ") << note.text);
            CHECK(
                std::any_of(picture.arrows.begin(), picture.arrows.end(), [&](const Arrow &arrow) {
                    return note.sent ? arrow.from == lane && arrow.sent == note.at
                                     : arrow.to == lane && arrow.taken == note.at;
                }));
        }
    const long connections = is_tcp_server(program) ? 3 : 0;
    CHECK(ticks(picture, Tick::Kind::accept) == connections);
    CHECK(ticks(picture, Tick::Kind::close) >= connections);

    // While the first client is silent, zens answers nobody, and the others answer everybody.
    const double leaves = picture.lanes[0].end;
    const std::vector<double> halves = taken_from(picture, 1), questions = taken_from(picture, 2);
    REQUIRE(halves.size() == 2);
    REQUIRE(questions.size() == 2);
    if (program.name == "zens") {
        CHECK(halves[0] > leaves);
        CHECK(halves[0] == halves[1]); // one recv takes both
        CHECK(questions[0] > halves[0]);
    } else {
        CHECK(questions[1] < leaves);
        if (is_tcp_server(program)) CHECK(halves[0] < halves[1]);
    }
    CHECK(well_formed(svg(picture)));
}

TEST_CASE("picture: of a submission, also if it is wrong or not written yet", "[grade][picture]") {
    if (!needs_strace()) return;
    const Directory from, pictures;
    const fs::path &to = pictures.path;
    std::string source = read("zens/zens.cpp");
    if (source.find("not_written(") != source.npos) return; // in a handout
    const auto change = [&](const std::string &old, const std::string &text) {
        const auto place = source.find(old);
        REQUIRE(place != source.npos);
        source.replace(place, old.size(), text);
        from.write("zens.cpp", source);
    };
    change("        send_all(client, answers);\n", "");
    const std::string said = drawn(from, to, "zens", 0);
    CHECK(said.find("no answer came to client 2") != said.npos);
    CHECK(well_formed(read(to / "zens.svg")));
    fs::remove(to / "zens.svg");
    change("    char buffer[4096];\n    while (!zen::stopping) {\n",
           "    char buffer[4096];\n    zen::report(program, \"not written yet: converse\");\n"
           "    std::exit(1);\n    while (!zen::stopping) {\n");
    CHECK(drawn(from, to, "zens", 0) == "zens: not written yet: converse\n");
    CHECK_FALSE(fs::exists(to / "zens.svg"));
    CHECK(drawn(from, to, "tas", 1) ==
          "picture: tas: " + from.path.string() + " has no tas/tas.cpp\n");
}
