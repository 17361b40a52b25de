// Runs the scenarios: starts servers, loads them in turn, and makes a row of what was measured.
#ifndef ZEN_TESTS_BENCH_RUNNER_H
#define ZEN_TESTS_BENCH_RUNNER_H

#include "load.h"
#include "meter.h"
#include "report.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bench {

struct Settings {
    Milliseconds slice{50}; // of one turn of one server
    int tries = 3;          // turns of each server in a round: the best one counts
    int rounds = 5;
    std::size_t descriptors = raise_descriptor_limit();
    Cores cores = choose_cores();

    /// How many clients this process can be, with some descriptors left for other things.
    int most_clients() const { return static_cast<int>(descriptors) - 64; }
};

/// Some servers with the same clients, in turn: A B C, A B C. The first one is what the others are
/// compared with. What else happens on the machine only makes a turn slower: so the best of a few
/// short turns counts, and the medians and the spread are those of some such rounds.
struct Scenario {
    std::string name;
    Talk talk;
    int clients;
    std::vector<std::string> servers; // "tae", "sszt -f", "yardstick", "yardstick+1"
    int batch = 1;                    // questions sent at once
};

using Report = std::function<void(const Row &)>;

/// Reports a row for each server. One that fails gets a note, and no more turns.
void run(const Scenario &scenario, const Settings &settings, const Report &report);

/// Ten busy clients of a server beside ever more idle ones, as many as `sizes` (ascending) says.
/// Takes turns with the yardstick where nobody is idle, and then with another process of the same server
/// where nobody is. Ends early where the server, or the limit of descriptors, does not let it go
/// on.
void run_herd(const std::string &server, const std::vector<int> &sizes, const Settings &settings,
              const Report &report);

/// Starts a server, or a yardstick, on a core: quiet, on a free port.
std::unique_ptr<test::Server> start_server(const std::string &name, Talk talk, int batch, int core);

/// What a server answers to that script: the yardsticks know but one answer.
Script script_for(const std::string &name, int batch);

} // namespace bench

#endif
