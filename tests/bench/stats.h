// What the benchmark makes of many measurements: percentiles, and whether two servers differ.
#ifndef ZEN_TESTS_BENCH_STATS_H
#define ZEN_TESTS_BENCH_STATS_H

#include <string>
#include <vector>

namespace bench {

/// The smallest value that `percent` of all are not above (nearest rank); 0 if there are none.
/// Sorts the values.
double percentile(std::vector<double> &values, double percent);
double median(std::vector<double> values); ///< the mean of the middle two, where there are two

/// How much of a reference something has, and how far the middle half of the repetitions spreads.
struct Comparison {
    double ratio = 1, spread = 0;
    /// A difference that is not larger than the spread is none.
    bool differs() const;
    /// "0.93 ±0.02", "no difference ±0.02"
    std::string text() const;
};

/// Compares what was measured in turn, first with first, second with second: what disturbs the
/// machine for longer than a turn disturbs both. The ratio is 0 if there is nothing to compare.
Comparison compare(const std::vector<double> &values, const std::vector<double> &reference);

} // namespace bench

#endif
