#include "scenario.h"

#include "../support/procfs.h"
#include "../support/servers.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;
namespace fs = std::filesystem;

namespace picture {

namespace {

const fs::path strace = "/usr/bin/strace";

// The calls that a picture needs; strace ends with an error for names that it does not know, so each is
// marked as one that may be missing.
std::string traced_calls() {
    std::string all;
    for (const char *name :
         {"socket",       "accept",      "accept4",    "recvfrom",       "recvmsg",
          "read",         "readv",       "sendto",     "sendmsg",        "write",
          "writev",       "select",      "pselect6",   "poll",           "ppoll",
          "epoll_wait",   "epoll_pwait", "futex",      "nanosleep",      "clock_nanosleep",
          "wait4",        "waitid",      "fcntl",      "ioctl",          "close",
          "clone",        "clone3",      "fork",       "vfork",          "restart_syscall",
          "epoll_pwait2", "pause",       "exit_group", "rt_sigtimedwait"})
        all += std::string(all.empty() ? "?" : ",?") + name;
    return all;
}

// The time as strace tells it.
double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// A new file for what strace writes, removed at the end.
class TraceFile {
  public:
    TraceFile() {
        std::string pattern = fs::temp_directory_path() / "zen-trace-XXXXXX";
        const int descriptor = mkstemp(pattern.data());
        if (descriptor < 0) throw std::runtime_error("cannot make " + pattern);
        close(descriptor);
        path = pattern;
    }
    ~TraceFile() { fs::remove(path); }
    TraceFile(const TraceFile &) = delete;
    TraceFile &operator=(const TraceFile &) = delete;

    std::string contents() const {
        std::ostringstream text;
        text << std::ifstream(path, std::ios::binary).rdbuf();
        return text.str();
    }
    fs::path path;
};

// A client in a thread of its own, which writes down what it does.
class Actor {
  public:
    Actor(const Program &server, const Endpoint &address, Milliseconds limit)
        : over_udp_(server.kind == Kind::udp_server), address_(address), limit_(limit) {}

    void open() {
        const double begin = now();
        if (over_udp_) {
            datagrams_.emplace();
            client.port = datagrams_->local().port;
        } else {
            connection_.emplace(address_);
            client.port = connection_->local().port;
        }
        client.steps.push_back({Step::Kind::connect, begin, now(), ""});
    }
    void send(const std::string &bytes) {
        const double begin = now();
        if (datagrams_) datagrams_->send_to(address_, bytes);
        else connection_->send(bytes, limit_);
        client.steps.push_back({Step::Kind::send, begin, now(), bytes});
    }
    // Waits for an answer of that length; false if it does not come.
    bool receive(std::size_t size) {
        const double begin = now();
        const std::string bytes =
            datagrams_ ? datagrams_->receive(limit_).bytes : connection_->receive(size, limit_);
        client.steps.push_back({Step::Kind::receive, begin, now(), bytes});
        return bytes.size() == size;
    }
    void wait_until_read() const { test::wait_until_read(*connection_); }
    void leave() {
        client.steps.push_back({Step::Kind::close, now(), now(), ""});
        if (connection_) { // and the server closes as well, which a busy one does later
            connection_->shut_down_sending();
            connection_->receive_all(limit_);
        }
        connection_.reset();
        datagrams_.reset();
    }

    Client client;

  private:
    bool over_udp_;
    Endpoint address_;
    Milliseconds limit_;
    std::optional<Connection> connection_;
    std::optional<Datagrams> datagrams_;
};

// The time of the scenario, in pauses.
class Metronome {
  public:
    explicit Metronome(const Tempo &its_tempo)
        : tempo(its_tempo), begin_(now()),
          pause_(std::chrono::duration<double>(its_tempo.pause).count()) {}
    const Tempo tempo;
    std::atomic<std::size_t> served = 0; // clients that have got all their answers
    double at(double pauses) const { return begin_ + pauses * pause_; }
    void wait_until(double pauses) const { sleep_until(at(pauses)); }
    void wait(double pauses) const { sleep_until(now() + pauses * pause_); }

  private:
    static void sleep_until(double time) {
        const std::chrono::duration<double> rest(time - now());
        if (rest.count() > 0) std::this_thread::sleep_for(rest);
    }
    double begin_, pause_;
};

using Talk = std::vector<test::Exchange>;

// What the clients do. False: it got no answer.
bool be_silent(Actor &actor, const Talk &, const Metronome &time) {
    time.wait_until(1);
    actor.open();
    time.wait_until(8);
    if (time.tempo.step_by_step) eventually([&] { return time.served == 2; }, time.tempo.limit);
    actor.leave();
    return true;
}

bool cut_in_two(Actor &actor, const Talk &talk, const Metronome &time) {
    const std::string &question = talk[0].question;
    const std::size_t half = question.find("better");
    time.wait_until(2);
    actor.open();
    actor.send(question.substr(0, half));
    if (time.tempo.step_by_step) actor.wait_until_read();
    time.wait_until(4);
    actor.send(question.substr(half));
    const bool answered = actor.receive(talk[0].answer.size());
    time.wait(1);
    actor.leave();
    return answered;
}

bool ask_twice_at_once(Actor &actor, const Talk &talk, const Metronome &time) {
    time.wait_until(2);
    actor.open();
    time.wait_until(4);
    bool answered = true;
    for (int i = 0; i < 2; ++i) actor.send(talk[0].question);
    for (int i = 0; i < 2 && answered; ++i) answered = actor.receive(talk[0].answer.size());
    time.wait(1);
    actor.leave();
    return answered;
}

bool be_ordinary(Actor &actor, const Talk &talk, const Metronome &time) {
    time.wait_until(3);
    actor.open();
    bool answered = true;
    for (int i = 1; i <= 2 && answered; ++i) {
        actor.send(talk[static_cast<std::size_t>(i)].question);
        answered = actor.receive(talk[static_cast<std::size_t>(i)].answer.size());
        time.wait(i == 1 ? 3 : 1);
    }
    actor.leave();
    return answered;
}

struct Role {
    const char *habit;
    bool (*act)(Actor &, const Talk &, const Metronome &);
};
const std::vector<Role> by_connections = {
    {"silent", be_silent}, {"cuts a question in two", cut_in_two}, {"ordinary", be_ordinary}};
const std::vector<Role> by_datagrams = {
    {"silent", be_silent}, {"asks twice at once", ask_twice_at_once}, {"ordinary", be_ordinary}};

// The three questions and answers; to a server of frames, as frames that it sends back.
Talk talk_with(const Program &program) {
    Talk talk;
    for (const auto &[question, answer] : zen) {
        const std::string sent = framed(program, std::string(question));
        const bool echoes = program.kind == Kind::framing_server;
        talk.push_back({sent, echoes ? sent : std::string(answer)});
    }
    return talk;
}

// Has all clients talk with a server, at the same time. What was wrong is told; else an empty text.
std::string run_clients(const Program &program, std::vector<Actor> &actors,
                        const std::vector<Role> &roles, Metronome &time) {
    const Talk talk = talk_with(program);
    std::vector<std::string> problems(actors.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < actors.size(); ++i)
        threads.emplace_back([&, i] {
            try {
                if (roles[i].act(actors[i], talk, time)) ++time.served;
                else problems[i] = "no answer came to " + actors[i].client.name;
            } catch (const std::exception &error) {
                problems[i] = actors[i].client.name + ": " + error.what();
            }
        });
    for (std::thread &thread : threads) thread.join();
    for (const std::string &problem : problems)
        if (!problem.empty()) return problem;
    return "";
}

std::string first_line(const std::string &text) { return text.substr(0, text.find('\n')); }

} // namespace

bool can_trace() {
    if (!fs::exists(strace)) return false;
    Process trial({strace, "-o", "/dev/null", "/bin/true"});
    const auto status = trial.wait_exit();
    return status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

std::vector<Program> pictured() {
    std::vector<Program> servers;
    for (Program server : programs) {
        if (!server.has('q')) continue;
        if (server.has('w'))
            server.option = "-w4"; // a worker for each client, and one that is idle
        servers.push_back(server);
    }
    return servers;
}

std::string file_name(const Program &server) {
    std::string name(server.name);
    std::erase(name, ' ');
    return name;
}

Program pictured(const std::string &name) {
    for (const Program &server : pictured())
        if (file_name(server) == name) return server;
    throw std::runtime_error("there is no picture of " + name);
}

Recorded record(const Program &program, const Tempo &tempo) {
    const TraceFile file;
    Recorded recorded;
    {
        // -D: strace is the child, so that the signal to stop goes to the server.
        Server server({strace, "-D", "-f", "-ttt", "-T", "-yy", "-q", "-o", file.path, "-e",
                       "signal=none", "-e", "trace=" + traced_calls()},
                      program);
        Metronome time(tempo);
        const bool over_udp = program.kind == Kind::udp_server;
        const std::vector<Role> &roles = over_udp ? by_datagrams : by_connections;
        std::vector<Actor> actors;
        for (const Role &role : roles) {
            Actor &actor = actors.emplace_back(program, server.address(), tempo.limit);
            actor.client.name = "client " + std::to_string(actors.size());
            actor.client.habit = role.habit;
        }
        recorded.problem = run_clients(program, actors, roles, time);
        time.wait(1); // the server is alone again, which is seen as well
        recorded.span = {time.at(0), now()};
        const bool there = !server.wait_exit(Milliseconds(0));
        if (there) server.signal(SIGTERM);
        if (!server.wait_exit(tempo.limit)) server.signal(SIGKILL);
        server.wait_exit(); // and strace has written all, as it holds the server's pipes as well
        const std::string error = first_line(server.standard_error());
        if (!there || !error.empty())
            recorded.problem =
                !error.empty() ? error : "the server has ended: " + server.status_text();
        for (Actor &actor : actors) recorded.clients.push_back(std::move(actor.client));
    }
    recorded.trace = file.contents();
    return recorded;
}

} // namespace picture
