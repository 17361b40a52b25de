// Figures with two logarithmic axes, as SVG: a line for each server with its name at the end of it.
#ifndef ZEN_TESTS_BENCH_SVG_H
#define ZEN_TESTS_BENCH_SVG_H

#include <string>
#include <vector>

namespace bench {

struct Point {
    double x, y;
};

struct Line {
    std::string name; // decides the look as well: the same in all figures
    std::vector<Point> points;
};

struct Figure {
    std::string title, x_label, y_label;
    std::vector<Line> lines;
    /// 0 stands on a logarithmic axis as well, one decade before the smallest other value.
    bool with_zero = false;
};

/// A logarithmic scale: from a range of values to a range of coordinates.
class Scale {
  public:
    /// The range of values grows to whole steps of 1, 2, 5, 10 ...; all are positive.
    Scale(double low, double high, double from, double to);
    double operator()(double value) const;
    double low() const { return low_; }
    double high() const { return high_; }
    /// The values to mark: each of 1, 2, 5, 10 ... if these are few, otherwise the powers of 10.
    std::vector<double> ticks() const;

  private:
    double low_, high_, from_, to_;
};

/// "0", "10", "5000", "20,000", "1.5M": a tick as text.
std::string tick_text(double value);

/// A box of text, and whether it touches another one or a line from a to b.
struct Box {
    double x, y, width, height;
    bool touches(const Box &other) const;
    bool touches(const Point &a, const Point &b) const;
};

/// A document with the figures below each other, 800 pixels wide.
std::string svg(const std::vector<Figure> &figures);

} // namespace bench

#endif
