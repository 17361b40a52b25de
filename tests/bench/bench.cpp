// bench: loads the servers of the kit in turn with a yardstick, the least that a server can do, and
// writes what it measures as a table, as CSV and as SVG.
//
//     bench [-q] [-s STEP] DIRECTORY [PROGRAM]     (bench build; make bench does it)
//
// -q: quick, with fewer and shorter turns. -s: only the steps with that text in their title.
// It takes less than two minutes, with -q less than 25 seconds. Where it is slower than it planned,
// it leaves out turns, and at last steps. Exit status 1: it could not measure.
#include "report.h"
#include "runner.h"
#include "svg.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include <sys/utsname.h>
#include <unistd.h>

using namespace bench;

namespace {

using Servers = std::vector<std::string>;

struct Step {
    std::string title;
    Settings settings;
    double turns; // that each round has
    std::function<void(const Settings &, const Report &)> run;
    double overhead = 0.3; // seconds beside the turns

    double seconds() const {
        const double turn = 1e-3 * static_cast<double>(settings.slice.count()) + 0.012;
        return turns * turn * settings.tries * settings.rounds + overhead;
    }
};

// All steps, or those in which one server takes part.
std::vector<Step> plan(bool quick, const std::string &only) {
    std::vector<Step> steps;
    // "sszt" is both, with threads and with processes.
    const auto wanted = [&](const std::string &server) {
        return only.empty() || server == only || server.rfind(only + " ", 0) == 0;
    };
    Settings settings;
    const auto compare = [&](const std::string &title, Scenario scenario, int milliseconds,
                             int tries, int rounds) {
        const auto others = std::remove_if(
            scenario.servers.begin(), scenario.servers.end(), [&](const std::string &server) {
                return !wanted(server) && server.rfind("yardstick", 0) != 0;
            });
        scenario.servers.erase(others, scenario.servers.end());
        if (scenario.servers.back().rfind("yardstick", 0) == 0) return;
        settings.slice = Milliseconds(quick ? milliseconds / 2 : milliseconds);
        settings.tries = quick ? 1 : tries;
        settings.rounds = quick ? 3 : rounds;
        // After a conversation much is left to end.
        const double longer = scenario.talk == Talk::conversations ? 1.2 : 1;
        steps.push_back({title, settings, longer * static_cast<double>(scenario.servers.size()),
                         [scenario](const Settings &now, const Report &report) {
                             bench::run(scenario, now, report);
                         }});
    };
    const Servers all = {"yardstick", "zens", "mzts", "sszt", "sszt -f", "tas", "tap", "tae"};
    for (const int clients : {1, 10, 100, 1000}) {
        if (quick && clients != 10 && clients != 1000) continue;
        compare("conversations, " + std::to_string(clients) + " at a time",
                {"conversations", Talk::conversations, clients, all}, clients == 1000 ? 150 : 75, 2,
                3);
    }

    for (const char *server : {"yardstick", "tae", "tap", "tas", "sszt", "mzts", "sszt -f", "tacb",
                               "asynpro", "tacr", "tacs"}) {
        const std::string name = server;
        if (!wanted(name)) continue;
        const bool asyncio = name != "yardstick" && test::named(name).path.starts_with("asyncio/");
        if (quick && (name == "yardstick" || asyncio)) continue;
        settings.slice = Milliseconds(quick ? 25 : 30);
        settings.tries = quick ? 1 : 3;
        settings.rounds = quick ? 3 : 5;
        std::vector<int> sizes = {100, 1000, 5000, 10'000};
        if (quick) sizes = {100, 1000, 10'000};
        if (asyncio) sizes = {100, 10'000};
        // So that what cannot get to 100 is a line as well.
        if (name == "mzts") sizes.insert(sizes.begin(), 20);
        if (name == "sszt -f") sizes.insert(sizes.begin(), 30);
        const bool ends_early = name == "mzts" || name == "sszt -f" || name == "tas";
        const double turns = ends_early ? 6 : 2 * (1 + static_cast<double>(sizes.size()));
        steps.push_back({"10 busy clients beside idle ones, " + name, settings, turns,
                         [name, sizes](const Settings &now, const Report &report) {
                             run_herd(name, sizes, now, report);
                         },
                         ends_early ? 1.5 : 2});
    }

    const Servers udp = {"yardstick", "zus", "mzus", "sszu", "sszu -f",
                         "uas",       "uap", "uae",  "uacb", "asyndg"};
    for (const int clients : {1, 16}) {
        if (quick && clients == 1) continue;
        compare("datagrams, " + std::to_string(clients) + " clients that ask and wait",
                {"datagrams", Talk::datagrams, clients, udp}, 25, clients == 1 ? 3 : 6, 5);
    }

    compare("ping-pong, 1 client that stays", {"ping-pong", Talk::ping_pong, 1, all}, 25, 6, 5);
    compare("ping-pong, 64 clients; yardstick+1 makes one system call more",
            {"ping-pong",
             Talk::ping_pong,
             64,
             {"yardstick", "yardstick+1", "tas", "tap", "tae", "tacb", "asynpro", "tacr", "tacs"}},
            25, 6, 5);
    compare("ping-pong, 1000 clients",
            {"ping-pong",
             Talk::ping_pong,
             1000,
             {"yardstick", "tap", "tae", "tacb", "asynpro", "tacr", "tacs"}},
            60, 3, 5);
    // 16 clients that stay would wait for each other with zens: it has one.
    compare("batches of 16 questions, 1 client that stays",
            {"pipelined", Talk::ping_pong, 1, all, 16}, 25, 3, 5);
    compare(
        "batches of 16 questions, 16 clients",
        {"pipelined", Talk::ping_pong, 16, {"yardstick", "mzts", "sszt", "tas", "tap", "tae"}, 16},
        25, 6, 5);
    compare("conversations, 32 at a time",
            {"conversations",
             Talk::conversations,
             32,
             {"yardstick", "mzts", "sszt", "tas", "tap", "tae", "tacb", "asynpro", "tacr", "tacs"}},
            40, 5, 5);
    return steps;
}

// A line for each server that has a point in a scenario.
std::vector<Line> lines(const std::vector<Row> &rows, const std::string &scenario,
                        int Row::*place) {
    std::vector<Line> all;
    for (const Row &row : rows) {
        if (row.scenario != scenario || row.rate <= 0) continue;
        auto line = std::find_if(all.begin(), all.end(),
                                 [&](const Line &one) { return one.name == row.server; });
        if (line == all.end()) line = all.insert(line, {row.server, {}});
        line->points.push_back({static_cast<double>(row.*place), row.rate});
    }
    for (Line &line : all)
        std::sort(line.points.begin(), line.points.end(),
                  [](const Point &a, const Point &b) { return a.x < b.x; });
    return all;
}

void write_file(const std::string &name, const std::string &content) {
    std::ofstream file(name);
    file << content;
    if (!file.flush()) throw std::runtime_error("cannot write " + name);
}

void say(const std::string &text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// So that only a part of the planned time is needed; but three rounds, or there is no spread.
Settings fewer_turns(Settings settings, double part) {
    const double turns = std::max(part, 0.0) * settings.rounds * settings.tries;
    settings.rounds = std::clamp(static_cast<int>(turns), 3, settings.rounds);
    settings.tries = std::clamp(static_cast<int>(turns) / settings.rounds, 1, settings.tries);
    return settings;
}

// What ran besides, and made the figures uncertain.
std::string disturbance(double busy, double used, double seconds, const Cores &cores) {
    const double others = (busy - used) / (seconds * (cores.shared() ? 1 : 2));
    if (others < 0.05) return "";
    return "Other programs used " + std::to_string(static_cast<int>(100 * others)) +
           "% of these processors meanwhile: on a quiet machine, the figures are better.\n";
}

void introduce() {
    const Settings settings;
    utsname system = {};
    uname(&system);
    std::printf("Linux %s, %ld processors, at most %zu descriptors for a process.\n",
                system.release, sysconf(_SC_NPROCESSORS_ONLN), settings.descriptors);
    if (settings.cores.shared())
        say("There is one processor only: the server and its clients share it.\n");
    else
        std::printf("The server has processor %d, its clients have processor %d.\n",
                    settings.cores.server, settings.cores.generator);
    say("In each of some rounds the best of a few turns counts, and each figure is the median of "
        "all\n"
        "rounds; ± is the spread of their middle half. \"No difference\" means that the "
        "difference\n"
        "is not larger than that. The reference is the yardstick, which does the least that a\n"
        "server can do; beside idle clients, it is the same server without them. CPU is the\n"
        "server's time for each; busy are the server's processor and that of its clients.\n");
}

void measure(bool quick, const std::string &step_title, const std::string &directory,
             const std::string &only) {
    const auto start = Clock::now();
    const Cores cores = choose_cores();
    const double busy = busy_seconds(cores), used = used_seconds();
    const double limit = quick ? 22 : 110; // seconds
    introduce();
    std::vector<Row> rows;
    std::vector<Step> steps = plan(quick, only);
    const auto others = std::remove_if(steps.begin(), steps.end(), [&](const Step &step) {
        return step.title.find(step_title) == step.title.npos;
    });
    steps.erase(others, steps.end());
    if (steps.empty()) throw std::runtime_error("there is nothing to measure");
    double left = 0, done = 0;
    for (const Step &step : steps) left += step.seconds();
    for (Step &step : steps) {
        if (seconds_since(start) > limit) {
            say("\n== " + step.title +
                "\nleft out: the machine was too slow to measure it in time\n");
            continue;
        }
        // What was planned takes longer or shorter than that on this machine.
        const double slower = (10 + seconds_since(start)) / (10 + done);
        const double planned = step.seconds(), fits = (limit - seconds_since(start)) / slower;
        if (fits < left) step.settings = fewer_turns(step.settings, fits / left);
        std::printf("\n== %s   (%.0f s left)\n", step.title.c_str(),
                    std::clamp(left * slower, 0.0, std::max(0.0, limit - seconds_since(start))));
        say(table_head());
        step.run(step.settings, [&](const Row &row) {
            rows.push_back(row);
            say(table_line(row));
        });
        left -= planned;
        done += planned;
    }
    say("\n== What the servers are to reach\n" + figures(rows));
    say(disturbance(busy_seconds(cores) - busy, used_seconds() - used, seconds_since(start),
                    cores));
    write_file(directory + "/bench.csv", csv(rows));
    const Figure herd = {"Answers to 10 busy clients beside idle ones", "idle clients",
                         "answers per second", lines(rows, "herd", &Row::idle), true};
    const Figure conversations = {"Conversations: connect, three questions, close",
                                  "clients at a time", "conversations per second",
                                  lines(rows, "conversations", &Row::clients)};
    std::vector<Figure> pictures;
    for (const Figure &figure : {herd, conversations})
        if (!figure.lines.empty()) pictures.push_back(figure);
    write_file(directory + "/bench.svg", svg(pictures));
    std::printf(
        "\nWritten: %s/bench.csv, %s/bench.svg (look at it in a browser). It took %.0f s.\n",
        directory.c_str(), directory.c_str(), seconds_since(start));
}

} // namespace

int main(int argc, char *argv[]) {
    bool quick = false;
    std::string step_title;
    for (int letter; (letter = getopt(argc, argv, "qs:")) != -1;) {
        if (letter == 'q') quick = true;
        else if (letter == 's') step_title = optarg;
        else return 2;
    }
    if (argc - optind < 1 || argc - optind > 2) {
        std::fprintf(stderr, "usage: bench [-q] [-s STEP] DIRECTORY [PROGRAM]\n");
        return 2;
    }
    try {
        measure(quick, step_title, argv[optind], argc - optind == 2 ? argv[optind + 1] : "");
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench: %s\n", error.what());
        return 1;
    }
}
