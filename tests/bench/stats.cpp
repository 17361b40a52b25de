#include "stats.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace bench {

double percentile(std::vector<double> &values, double percent) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()) - 1e-9);
    return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

// The value at a part of the way from the smallest to the largest, between two where need be.
static double quantile(std::vector<double> values, double part) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const double place = part * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - std::floor(place)) * (values[above] - values[below]);
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

bool Comparison::differs() const { return std::abs(ratio - 1) > spread; }

std::string Comparison::text() const {
    if (ratio <= 0) return "nothing to compare";
    char text[60];
    std::snprintf(text, sizeof text, differs() ? "%.2f ±%.2f" : "no difference ±%.2f",
                  differs() ? ratio : spread, spread);
    return text;
}

Comparison compare(const std::vector<double> &values, const std::vector<double> &reference) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(values.size(), reference.size()); ++i)
        if (reference[i] > 0) ratios.push_back(values[i] / reference[i]);
    if (ratios.empty()) return {0, 0};
    return {median(ratios), quantile(ratios, 0.75) - quantile(ratios, 0.25)};
}

} // namespace bench
