#include "runner.h"

#include "../support/procfs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <list>
#include <map>
#include <stdexcept>
#include <utility>

#include <unistd.h>

namespace bench {

namespace {

constexpr int busy_clients = 10;
constexpr int herd_part = 500; // idle clients that connect at once: less than any backlog
constexpr Milliseconds herd_patience{1000};

bool is_yardstick(const std::string &name) { return name.rfind("yardstick", 0) == 0; }

// The yardsticks are beside the benchmark, or in bench/ beside the tests.
std::string yardstick_file(Talk talk) {
    auto directory = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    if (directory.filename() != "bench") directory /= "bench";
    return directory / (talk == Talk::datagrams ? "yardstick-udp" : "yardstick-tcp");
}

// A server and what was measured of it, turn by turn.
class Contestant {
  public:
    Contestant(const std::string &name, Talk talk, int batch, const Settings &settings)
        : server_(start_server(name, talk, batch, settings.cores.server)), talk_(talk),
          batch_(batch), forks_(server_->program().option == "-f"),
          script_(script_for(name, batch)) {
        row.server = name;
    }

    // Ends the server so that it can end its children. What does not end is killed.
    ~Contestant() {
        server_->signal(SIGTERM);
        server_->wait_exit(Milliseconds(2000));
    }
    Contestant(const Contestant &) = delete;
    Contestant &operator=(const Contestant &) = delete;

    test::Server &server() { return *server_; }
    const Script &script() const { return script_; }
    bool failed() const { return !row.note.empty(); }

    // Loads the server for one turn. What fails is noted.
    void turn(int clients, Milliseconds slice, Milliseconds patience = Milliseconds(3000)) try {
        auto load = std::make_unique<Load>(server_->address(), talk_, clients, script_, patience);
        if (talk_ != Talk::conversations) load->run(Milliseconds(0)); // now all are connected
        const double before = seconds();
        Sample sample = load->run(slice, [&] { held = holding(server_->pid(), forks_); });
        if (talk_ == Talk::conversations) settle(); // the last ones are closed
        const double used = seconds() - before, each = batch_;
        const Turn turn = {sample.rate() * each,
                           1e6 * used / (static_cast<double>(sample.answered) * each),
                           used / sample.seconds, sample.own_share};
        const double least = best_.rate > 0 ? best_.processor_us : turn.processor_us;
        if (turn.rate > best_.rate) best_ = turn;
        best_.processor_us = std::min(least, turn.processor_us);
        row.lost += sample.lost;
        microseconds_.insert(microseconds_.end(), sample.microseconds.begin(),
                             sample.microseconds.end());
        load.reset();
        settle(); // what is left to do shall disturb no other server
    } catch (const std::exception &error) {
        row.note = error.what();
    }

    // Waits until the server has done what is left to do, so that it disturbs no other one.
    void settle() const {
        double last = seconds();
        for (int i = 0; i < 100; ++i) {
            usleep(2000);
            const double now = seconds();
            if (now - last < 20e-6) return;
            last = now;
        }
    }

    // The best turn since the last round counts: the highest rate, and the least processor time.
    void end_round() {
        if (best_.rate > 0) rounds_.push_back(std::exchange(best_, {}));
    }

    // The row, from all rounds.
    const Row &finish(const Contestant &reference, const std::string &reference_name) {
        row.reference = reference_name;
        row.rate = median(all(&Turn::rate));
        row.processor_us = median(all(&Turn::processor_us));
        row.rate_ratio = compare(all(&Turn::rate), reference.all(&Turn::rate));
        row.processor_ratio = compare(all(&Turn::processor_us), reference.all(&Turn::processor_us));
        row.p50 = percentile(microseconds_, 50);
        row.p99 = percentile(microseconds_, 99);
        row.p999 = percentile(microseconds_, 99.9);
        row.server_share = median(all(&Turn::server_share));
        row.generator_share = median(all(&Turn::generator_share));
        row.memory = held.memory;
        row.threads = held.threads;
        row.children = held.children;
        return row;
    }

    // Forgets all rounds.
    void begin_again() {
        rounds_.clear();
        microseconds_.clear();
    }

    Row row;
    Holding held = {}; // in the last turn

  private:
    struct Turn {
        double rate, processor_us, server_share, generator_share;
    };
    std::vector<double> all(double Turn::*value) const {
        std::vector<double> values;
        for (const Turn &turn : rounds_) values.push_back(turn.*value);
        return values;
    }
    double seconds() const { return processor_seconds(server_->pid(), forks_); }

    std::unique_ptr<test::Server> server_;
    Talk talk_;
    int batch_;
    bool forks_;
    Script script_;
    Turn best_ = {};
    std::vector<Turn> rounds_;
    std::vector<double> microseconds_;
};

// The last line that a server has printed beside the ready line, as the end of a note.
std::string last_words(const test::Server &server) {
    std::string text = server.standard_output();
    if (!text.empty()) text.pop_back();
    const std::size_t line = text.rfind('\n');
    return line == text.npos ? "" : ". It says: " + text.substr(line + 1);
}

// Why an architecture ends where it does: what its server does not say itself.
std::string reason(const test::Server &server) {
    static const std::map<std::string, std::string> reasons = {
        {"mzts", "Each of its 32 workers (-w) is with an idle client"},
        {"sszt -f", "Each of its 40 children (max_children) is with an idle client"}};
    const std::string says = last_words(server);
    if (!says.empty()) return says;
    const auto found = reasons.find(std::string(server.program().name));
    return found == reasons.end() ? "" : ". " + found->second;
}

// Idle clients of a server, each of which has asked one question.
class Herd {
  public:
    explicit Herd(Contestant &contestant) : contestant_(contestant) {}

    // Throws where the server does not let it grow.
    void grow_to(int size) {
        while (this->size() < size) {
            const int more = std::min(size - this->size(), herd_part);
            parts_.emplace_back(contestant_.server().address(), Talk::ping_pong, more,
                                contestant_.script(), herd_patience);
            parts_.back().run(Milliseconds(0));
        }
    }
    int size() const {
        long all = 0;
        for (const Load &part : parts_) all += part.answered();
        return static_cast<int>(all);
    }

  private:
    Contestant &contestant_;
    std::list<Load> parts_;
};

} // namespace

std::unique_ptr<test::Server> start_server(const std::string &name, Talk talk, int batch,
                                           int core) {
    const OnCore there(core);
    if (!is_yardstick(name))
        return std::make_unique<test::Server>(test::named(name),
                                              std::initializer_list<std::string>{"-q"});
    std::vector<std::string> command = {yardstick_file(talk)};
    if (batch > 1) command.insert(command.end(), {"-n", std::to_string(batch)});
    if (name == "yardstick+1") command.emplace_back("-x");
    return std::make_unique<test::Server>(command, test::Program{});
}

Script script_for(const std::string &name, int batch) {
    const Script script = batch > 1 ? batch_script(batch) : zen_script();
    return is_yardstick(name) ? constant_script(script, "Complex.", batch) : script;
}

void run(const Scenario &scenario, const Settings &settings, const Report &report) {
    const OnCore here(settings.cores.generator);
    const int clients = std::min(scenario.clients, settings.most_clients());
    std::list<Contestant> contestants;
    for (const std::string &server : scenario.servers) {
        contestants.emplace_back(server, scenario.talk, scenario.batch, settings);
        contestants.back().row.scenario = scenario.name;
        contestants.back().row.clients = clients;
    }
    for (int round = 0; round < settings.rounds; ++round) {
        for (int i = 0; i < settings.tries; ++i)
            for (Contestant &contestant : contestants)
                if (!contestant.failed()) contestant.turn(clients, settings.slice);
        for (Contestant &contestant : contestants) contestant.end_round();
    }
    for (Contestant &contestant : contestants) {
        if (contestant.failed()) contestant.row.note += last_words(contestant.server());
        else if (clients < scenario.clients)
            contestant.row.note = "not " + std::to_string(scenario.clients) +
                                  " clients: the limit of descriptors (ulimit -Hn) is " +
                                  std::to_string(settings.descriptors);
        report(contestant.finish(contestants.front(), contestants.front().row.server));
    }
}

void run_herd(const std::string &server, const std::vector<int> &sizes, const Settings &settings,
              const Report &report) {
    const OnCore here(settings.cores.generator);
    Contestant yardstick("yardstick", Talk::ping_pong, 1, settings);
    Contestant alone(server, Talk::ping_pong, 1, settings);
    Contestant watched(server, Talk::ping_pong, 1, settings);
    Herd herd(watched);
    watched.row.scenario = "herd";
    watched.row.clients = busy_clients;
    const auto take_turns = [&](Contestant &reference) {
        reference.begin_again();
        watched.begin_again();
        for (int round = 0; round < settings.rounds && !watched.failed(); ++round) {
            for (int i = 0; i < settings.tries; ++i)
                for (Contestant *contestant : {&reference, &watched})
                    if (!watched.failed())
                        contestant->turn(busy_clients, settings.slice, herd_patience);
            reference.end_round();
            watched.end_round();
        }
    };
    take_turns(yardstick);
    report(watched.finish(yardstick, "yardstick"));
    const long before = watched.held.memory;

    for (const int wanted : sizes) {
        const int size = std::min(wanted, settings.most_clients() - busy_clients);
        try {
            if (!watched.failed()) herd.grow_to(size);
        } catch (const std::exception &error) {
            watched.row.note = error.what();
        }
        watched.row.idle = herd.size();
        if (!watched.failed()) take_turns(alone);
        const bool stopped = watched.failed();
        if (stopped) {
            std::string &note = watched.row.note;
            note = "stops beside " + std::to_string(herd.size()) + " idle ones: " + note;
            note += reason(watched.server());
            watched.begin_again();
        } else if (size < wanted) {
            watched.row.note = "goes no further: the limit of descriptors (ulimit -Hn) is " +
                               std::to_string(settings.descriptors);
        }
        watched.finish(alone, "0 idle");
        if (!stopped)
            watched.row.memory_each = 1024.0 * static_cast<double>(watched.held.memory - before) /
                                      static_cast<double>(herd.size());
        report(watched.row);
        if (watched.failed()) return;
    }
}

} // namespace bench
