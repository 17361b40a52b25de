#include "report.h"
#include "../support/xml.h"

#include <algorithm>
#include <cstdio>

namespace bench {

using test::format;

namespace {

// Pads to a width in characters; "±" is two bytes.
std::string padded(const std::string &text, std::size_t width) {
    const auto characters = static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
    return text + std::string(width - std::min(width, characters), ' ');
}

// A field of a CSV file.
std::string quoted(const std::string &text) {
    if (text.find_first_of(",\"\n") == text.npos) return text;
    std::string field = "\"";
    for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
    return field + '"';
}

// A figure to reach: of a server, in a scenario.
struct Target {
    const char *scenario, *server;
    int clients, idle;
    enum { rate, processor, memory } what;
    double limit; // the rate at least, the others at most
};
constexpr Target targets[] = {
    {"ping-pong", "tae", 64, 0, Target::rate, 0.97},
    {"ping-pong", "tap", 64, 0, Target::rate, 0.97},
    {"ping-pong", "tas", 64, 0, Target::rate, 0.97},
    {"ping-pong", "tae", 64, 0, Target::processor, 1.05},
    {"ping-pong", "tae", 1000, 0, Target::rate, 0.97},
    {"ping-pong", "tap", 1000, 0, Target::rate, 0.97},
    {"ping-pong", "tae", 1000, 0, Target::processor, 1.05},
    {"ping-pong", "zens", 1, 0, Target::rate, 0.97},
    {"ping-pong", "mzts", 1, 0, Target::rate, 0.97},
    {"ping-pong", "sszt", 1, 0, Target::rate, 0.97},
    {"ping-pong", "sszt -f", 1, 0, Target::rate, 0.97},
    {"ping-pong", "tas", 1, 0, Target::rate, 0.97},
    {"ping-pong", "tap", 1, 0, Target::rate, 0.97},
    {"ping-pong", "tae", 1, 0, Target::rate, 0.97},
    {"herd", "tae", 10, 10'000, Target::rate, 0.95},
    {"conversations", "tae", 32, 0, Target::rate, 0.95},
    {"conversations", "tap", 32, 0, Target::rate, 0.95},
    {"conversations", "tas", 32, 0, Target::rate, 0.95},
    {"conversations", "mzts", 32, 0, Target::rate, 0.75},
    {"conversations", "sszt", 32, 0, Target::rate, 0.45},
    {"pipelined", "zens", 1, 0, Target::rate, 0.85},
    {"pipelined", "mzts", 1, 0, Target::rate, 0.85},
    {"pipelined", "sszt", 1, 0, Target::rate, 0.85},
    {"pipelined", "tae", 16, 0, Target::rate, 0.85},
    {"pipelined", "tap", 16, 0, Target::rate, 0.85},
    {"pipelined", "tas", 16, 0, Target::rate, 0.85},
    {"datagrams", "uas", 16, 0, Target::rate, 0.95},
    {"datagrams", "uap", 16, 0, Target::rate, 0.95},
    {"datagrams", "uae", 16, 0, Target::rate, 0.95},
    {"datagrams", "zus", 16, 0, Target::rate, 0.98},
    {"herd", "tae", 10, 10'000, Target::memory, 512},
    {"herd", "tap", 10, 10'000, Target::memory, 512},
    {"ping-pong", "tacb", 64, 0, Target::rate, 0.97},
    {"ping-pong", "tacb", 64, 0, Target::processor, 1.05},
    {"herd", "tacb", 10, 10'000, Target::rate, 0.95},
    {"ping-pong", "asynpro", 64, 0, Target::rate, 0.95},
    {"ping-pong", "asynpro", 64, 0, Target::processor, 1.08},
    {"herd", "asynpro", 10, 10'000, Target::rate, 0.95},
    {"ping-pong", "tacr", 64, 0, Target::rate, 0.90},
    {"ping-pong", "tacr", 64, 0, Target::processor, 1.15},
    {"herd", "tacr", 10, 10'000, Target::rate, 0.95},
    {"herd", "tacb", 10, 10'000, Target::memory, 600},
    {"herd", "asynpro", 10, 10'000, Target::memory, 1024},
    {"herd", "tacr", 10, 10'000, Target::memory, 2048},
};

std::string verdict(double got, double spread, double limit, bool at_least) {
    if (spread > 0.2) return "too noisy to tell";
    if (at_least ? got >= limit : got <= limit) return "reached";
    const bool near = at_least ? got + spread >= limit : got - spread <= limit;
    return near ? "within the spread" : "missed";
}

} // namespace

std::string short_time(double microseconds) {
    if (microseconds < 995) return format("%.0f us", microseconds);
    if (microseconds < 9'950) return format("%.1f ms", microseconds / 1000);
    if (microseconds < 995'000) return format("%.0f ms", microseconds / 1000);
    return format("%.1f s", microseconds / 1'000'000);
}

std::string table_head() {
    return "               per s  of the reference      CPU  of the ref.   p50    p99    p99.9   "
           "memory  "
           "thr chld  busy\n";
}

std::string table_line(const Row &row) {
    const std::string name = row.scenario == "herd" ? format("%d idle", row.idle) : row.server;
    std::string line = padded(name, 12);
    if (row.rate > 0) {
        const bool same = row.server == row.reference && row.idle == 0;
        const Comparison &processor = row.processor_ratio;
        line += format("%8.0f  ", row.rate) + padded(same ? "" : row.rate_ratio.text(), 19) +
                format("%6.1f us  ", row.processor_us) +
                padded(same ? "" : format("%.2f ±%.2f", processor.ratio, processor.spread), 12) +
                padded(short_time(row.p50), 7) + padded(short_time(row.p99), 7) +
                padded(short_time(row.p999), 7) +
                format("%6ld K %5zu %4zu %3.0f%% %3.0f%%", row.memory, row.threads, row.children,
                       100 * row.server_share, 100 * row.generator_share);
        if (row.lost > 0) line += format(" %ld lost", row.lost);
    }
    if (!row.note.empty()) line += (row.rate > 0 ? "\n            " : "") + row.note;
    return line + '\n';
}

std::string csv(const std::vector<Row> &rows) {
    std::string text = "scenario,server,clients,idle,reference,per_second,ratio,ratio_spread,"
                       "cpu_us,cpu_ratio,cpu_ratio_spread,p50_us,p99_us,p999_us,memory_kib,"
                       "bytes_per_idle,threads,children,lost,server_share,generator_share,note\n";
    for (const Row &row : rows)
        text += quoted(row.scenario) + ',' + quoted(row.server) + ',' +
                format("%d,%d,", row.clients, row.idle) + quoted(row.reference) +
                format(",%.1f,%.4f,%.4f,%.3f,%.4f,%.4f,%.1f,%.1f,%.1f,%ld,%.0f,%zu,%zu,%ld,%.3f,"
                       "%.3f,",
                       row.rate, row.rate_ratio.ratio, row.rate_ratio.spread, row.processor_us,
                       row.processor_ratio.ratio, row.processor_ratio.spread, row.p50, row.p99,
                       row.p999, row.memory, row.memory_each, row.threads, row.children, row.lost,
                       row.server_share, row.generator_share) +
                quoted(row.note) + '\n';
    return text;
}

std::string figures(const std::vector<Row> &rows) {
    std::string text;
    for (const Target &target : targets) {
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row &one) {
            return one.scenario == target.scenario && one.server == target.server &&
                   one.clients == target.clients && one.idle == target.idle && one.rate > 0;
        });
        if (row == rows.end()) continue;
        text += padded(target.server, 9) + padded(target.scenario, 14) +
                format("%5d clients, %5d idle: ", target.clients, target.idle);
        if (target.what == Target::memory) {
            text += padded("memory of an idle one", 24) +
                    format("%4.0f bytes        (at most %.0f)   ", row->memory_each, target.limit) +
                    verdict(row->memory_each, 0, target.limit, false) + '\n';
            continue;
        }
        const bool rate = target.what == Target::rate;
        const Comparison &got = rate ? row->rate_ratio : row->processor_ratio;
        text += padded(rate ? "per second" : "CPU for each", 13) + "to " +
                padded(row->reference, 11) + format("%.3f ±%.3f ", got.ratio, got.spread) +
                format("(at %s %.2f)  ", rate ? "least" : "most", target.limit) +
                verdict(got.ratio, got.spread, target.limit, rate) + '\n';
    }
    return text;
}

} // namespace bench
