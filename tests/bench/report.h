// What the benchmark says: a row for each server in each scenario, as a table and as CSV.
#ifndef ZEN_TESTS_BENCH_REPORT_H
#define ZEN_TESTS_BENCH_REPORT_H

#include "stats.h"

#include <string>
#include <vector>

namespace bench {

struct Row {
    std::string scenario; // "conversations", "herd", "ping-pong", "pipelined", "datagrams"
    std::string server;
    int clients = 0, idle = 0;
    std::string reference;   // what the ratios are to: "yardstick", "0 idle"
    double rate = 0;         // conversations or answers per second; 0 if the server stopped before
    Comparison rate_ratio;   // of the rate
    double processor_us = 0; // of the server, microseconds for each
    Comparison processor_ratio;
    double p50 = 0, p99 = 0, p999 = 0; // microseconds
    long memory = 0;                   // KiB
    double memory_each = 0;            // bytes for each idle connection
    std::size_t threads = 0, children = 0;
    long lost = 0;
    double server_share = 0, generator_share = 0; // of a core
    std::string note;
};

/// The lines of the table: its head, and a row as one line, or two if there is a note.
std::string table_head();
std::string table_line(const Row &row);

/// The rows as CSV (RFC 4180, but with newlines alone), with a head.
std::string csv(const std::vector<Row> &rows);

/// "1.2 ms", "850 us": a time in microseconds, short.
std::string short_time(double microseconds);

/// What the servers of the kit are to reach, and what they have: as a table.
std::string figures(const std::vector<Row> &rows);

} // namespace bench

#endif
