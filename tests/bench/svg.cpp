#include "svg.h"

#include "../support/xml.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace bench {

using test::escaped;
using test::format;

namespace {

constexpr double width = 800, height = 500; // of a figure, in pixels
constexpr double left = 80, right = 120, top = 50, bottom = 60;
constexpr double character = 8.2, text_height = 16; // of a name, a little more than it needs

// How the line of a server looks: colours that the colour-blind can tell apart, on white and on
// black; and for grey, dashes and marks.
struct Look {
    const char *name, *light, *dark, *dashes;
    char mark; // o circle, s square, d diamond, t triangle, v triangle downward, x cross
};
constexpr Look looks[] = {{"yardstick", "#666666", "#aaaaaa", "2 4", 'x'},
                          {"tae", "#0060a8", "#56b4e9", "", 'o'},
                          {"tap", "#c04a00", "#ff9a50", "10 4", 's'},
                          {"tas", "#00785a", "#30c8a0", "3 3", 'd'},
                          {"mzts", "#a0408a", "#e08cc8", "12 4 3 4", 't'},
                          {"sszt", "#8a6d00", "#f0d040", "7 3", 'v'},
                          {"sszt -f", "#b00020", "#ff7080", "1 3", 'o'},
                          {"zens", "#202020", "#f0f0f0", "14 3 2 3 2 3", 's'}};
constexpr Look plain = {"", "#202020", "#f0f0f0", "", 'x'};

const Look &look_of(const std::string &name) {
    for (const Look &look : looks)
        if (name == look.name) return look;
    return plain;
}
std::string css_class(const std::string &name) {
    std::string text = "line-";
    for (const char c : name)
        if (c >= 'a' && c <= 'z') text += c;
    return text;
}

std::string mark(const Point &at, char shape) {
    const double x = at.x, y = at.y;
    switch (shape) {
    case 'o': return format("<circle cx='%.1f' cy='%.1f' r='4'/>", x, y);
    case 's': return format("<rect x='%.1f' y='%.1f' width='7' height='7'/>", x - 3.5, y - 3.5);
    case 'd': return format("<path d='M%.1f %.1f l5 5 l-5 5 l-5 -5 z'/>", x, y - 5);
    case 't': return format("<path d='M%.1f %.1f l5 9 h-10 z'/>", x, y - 5);
    case 'v': return format("<path d='M%.1f %.1f l5 -9 h-10 z'/>", x, y + 5);
    default: return format("<path d='M%.1f %.1f l8 8 m0 -8 l-8 8'/>", x - 4, y - 4);
    }
}

std::string text(double x, double y, const char *anchor, const std::string &content,
                 const std::string &more = "") {
    return format("<text x='%.1f' y='%.1f' text-anchor='%s'%s>", x, y, anchor, more.c_str()) +
           escaped(content) + "</text>\n";
}

std::string style() {
    std::string light, dark;
    for (const Look &look : looks) {
        const std::string name = "." + css_class(look.name);
        light += name + format(" { stroke: %s; fill: none; stroke-dasharray: %s }\n", look.light,
                               *look.dashes ? look.dashes : "none");
        light += name + format("-mark { stroke: %s; fill: %s }\n", look.light, look.light);
        light += name + format("-name { fill: %s }\n", look.light);
        dark += name + format(" { stroke: %s }\n", look.dark);
        dark += name + format("-mark { stroke: %s; fill: %s }\n", look.dark, look.dark);
        dark += name + format("-name { fill: %s }\n", look.dark);
    }
    return "<style>\n"
           "text { font: 14px sans-serif; fill: #202020 }\n"
           ".title { font-size: 17px; font-weight: bold }\n"
           ".name { font-weight: bold }\n"
           ".paper { fill: #ffffff }\n"
           ".grid { stroke: #dddddd; fill: none }\n"
           ".axis { stroke: #606060; fill: none }\n"
           ".leader { stroke: #909090; fill: none }\n"
           ".line { stroke-width: 2 }\n" +
           light +
           "@media (prefers-color-scheme: dark) {\n"
           "text { fill: #e8e8e8 }\n"
           ".paper { fill: #16181c }\n"
           ".grid { stroke: #363a40 }\n"
           ".axis { stroke: #a0a0a0 }\n"
           ".leader { stroke: #808080 }\n" +
           dark + "}\n</style>\n";
}

// A leader's or a line's straight part.
using Segment = std::array<Point, 2>;

// The place for a name near the end of its line: the nearest one where it touches no line and no
// other name.
Box place_name(const Point &end, double name_width, const std::vector<Segment> &segments,
               const std::vector<Box> &taken) {
    const auto is_free = [&](const Box &box) {
        const bool inside = box.x >= left && box.x + box.width <= width && box.y >= top - 10 &&
                            box.y + box.height <= height - bottom;
        return inside &&
               std::none_of(taken.begin(), taken.end(),
                            [&](const Box &one) { return box.touches(one); }) &&
               std::none_of(segments.begin(), segments.end(), [&](const Segment &segment) {
                   return box.touches(segment[0], segment[1]);
               });
    };
    const Box beside = {end.x + 12, end.y - text_height / 2, name_width, text_height};
    if (is_free(beside)) return beside;
    std::optional<Box> best;
    double shortest = 1e9;
    for (double y = -400; y <= 400; y += 4)
        for (double x = -200; x <= 60; x += 4) {
            const Box box = {beside.x + x, beside.y + y, name_width, text_height};
            // Beyond the axes a name may stand higher or lower; elsewhere it is better below.
            const double length = std::hypot(x, y);
            if (length < shortest && is_free(box)) {
                best = box;
                shortest = length;
            }
        }
    return best.value_or(beside);
}

class Drawing {
  public:
    Drawing(const Figure &figure, double offset)
        : figure_(figure), offset_(offset), x_(scale_x()), y_(scale_y()) {}

    std::string draw() {
        std::string all = format("<g transform='translate(0 %.0f)'>\n", offset_);
        all += text(left, 28, "start", figure_.title, " class='title'");
        all += axes();
        for (const Line &line : figure_.lines) all += draw_line(line);
        all += names();
        return all + "</g>\n";
    }

  private:
    template <class Get> std::array<double, 2> range(Get get) const {
        double low = 1e300, high = 0;
        for (const Line &line : figure_.lines)
            for (const Point &point : line.points)
                if (const double value = get(point); value > 0) {
                    low = std::min(low, value);
                    high = std::max(high, value);
                }
        if (high == 0) return {1, 10};
        return {low, high};
    }
    Scale scale_x() const {
        auto [low, high] = range([](const Point &point) { return point.x; });
        if (figure_.with_zero) low = std::min(low, std::max(high / 1000, 1.0)) / 10;
        return {low, std::max(high, 2 * low), left, width - right};
    }
    Scale scale_y() const {
        const auto [low, high] = range([](const Point &point) { return point.y; });
        return {low, std::max(high, 2 * low), height - bottom, top};
    }
    double x_of(double value) const { return value > 0 ? x_(value) : left; }
    Point place(const Point &point) const { return {x_of(point.x), y_(point.y)}; }

    std::string axes() const {
        std::string all;
        const double low = height - bottom, end = width - right;
        for (const double tick : y_.ticks()) {
            all += format("<path class='grid' d='M%.1f %.1f H%.1f'/>\n", left, y_(tick), end);
            all += text(left - 8, y_(tick) + 5, "end", tick_text(tick));
        }
        for (const double tick : x_.ticks()) {
            if (figure_.with_zero && x_(tick) < left + 30) continue; // that is where 0 stands
            all += format("<path class='grid' d='M%.1f %.1f V%.1f'/>\n", x_(tick), top, low);
            all += text(x_(tick), low + 20, "middle", tick_text(tick));
        }
        if (figure_.with_zero) all += text(left, low + 20, "middle", "0");
        all += format("<path class='axis' d='M%.1f %.1f V%.1f H%.1f'/>\n", left, top, low, end);
        all += text((left + end) / 2, low + 44, "middle", figure_.x_label);
        all += text(0, 0, "middle", figure_.y_label,
                    format(" transform='translate(18 %.1f) rotate(-90)'", (top + low) / 2));
        return all;
    }

    std::string draw_line(const Line &line) {
        const std::string look = css_class(line.name);
        std::string path, marks;
        std::optional<Point> before;
        for (const Point &point : line.points) {
            const Point here = place(point);
            path += format("%c%.1f %.1f ", before ? 'L' : 'M', here.x, here.y);
            marks += mark(here, look_of(line.name).mark);
            segments_.push_back({before.value_or(here), here});
            before = here;
        }
        if (path.empty()) return "";
        return "<path class='line " + look + "' d='" + path + "'/>\n<g class='" + look + "-mark'>" +
               marks + "</g>\n";
    }

    // Those of the lines that go on to the right first, from the top down; then of those that end
    // in the midst of others.
    std::string names() {
        std::vector<const Line *> order;
        for (const Line &line : figure_.lines)
            if (!line.points.empty()) order.push_back(&line);
        std::sort(order.begin(), order.end(), [&](const Line *a, const Line *b) {
            const Point at_a = place(a->points.back()), at_b = place(b->points.back());
            return at_a.x != at_b.x ? at_a.x > at_b.x : at_a.y < at_b.y;
        });
        std::string all;
        std::vector<Box> taken;
        for (const Line *line : order) {
            const Point end = place(line->points.back());
            const double size = character * static_cast<double>(line->name.size());
            const Box box = place_name(end, size, segments_, taken);
            taken.push_back(box);
            const bool at_right = box.x > end.x;
            const Point near = {at_right ? box.x - 2 : std::clamp(end.x, box.x, box.x + box.width),
                                at_right        ? box.y + text_height / 2
                                : box.y > end.y ? box.y
                                                : box.y + text_height};
            if (std::hypot(near.x - end.x, near.y - end.y) > 16) {
                all += format("<path class='leader' d='M%.1f %.1f L%.1f %.1f'/>\n", end.x, end.y,
                              near.x, near.y);
                segments_.push_back({end, near});
            }
            all += text(box.x, box.y + 13, "start", line->name,
                        " class='name " + css_class(line->name) + "-name'");
        }
        return all;
    }

    const Figure &figure_;
    double offset_;
    Scale x_, y_;
    std::vector<Segment> segments_;
};

constexpr double steps[] = {1, 2, 5};

// The largest of 1, 2, 5, 10 ... that is not above the value; the smallest not below it.
double step_below(double value) {
    const double power = std::pow(10, std::floor(std::log10(value) + 1e-9));
    double found = power;
    for (const double step : steps)
        if (step * power <= value * (1 + 1e-9)) found = step * power;
    return found;
}
double step_above(double value) {
    const double power = std::pow(10, std::floor(std::log10(value) + 1e-9));
    for (const double step : steps)
        if (step * power >= value * (1 - 1e-9)) return step * power;
    return 10 * power;
}

} // namespace

Scale::Scale(double low, double high, double from, double to)
    : low_(step_below(low)), high_(step_above(high)), from_(from), to_(to) {}

double Scale::operator()(double value) const {
    return from_ + (to_ - from_) * std::log(value / low_) / std::log(high_ / low_);
}

std::vector<double> Scale::ticks() const {
    std::vector<double> all, powers;
    for (double power = std::pow(10, std::floor(std::log10(low_) + 1e-9)); power <= high_ * 1.001;
         power *= 10)
        for (const double step : steps) {
            const double tick = step * power;
            if (tick < low_ * 0.999 || tick > high_ * 1.001) continue;
            all.push_back(tick);
            if (step < 2) powers.push_back(tick);
        }
    return all.size() <= 8 || powers.size() < 2 ? all : powers;
}

std::string tick_text(double value) {
    if (value >= 1e6) return format("%gM", value / 1e6);
    if (value >= 10'000)
        return format("%d,%03d", static_cast<int>(value) / 1000, static_cast<int>(value) % 1000);
    return format("%g", value);
}

bool Box::touches(const Box &other) const {
    return x < other.x + other.width && other.x < x + width && y < other.y + other.height &&
           other.y < y + height;
}

// Cuts the line down to the part that is within the box's width, then within its height.
bool Box::touches(const Point &a, const Point &b) const {
    double from = 0, to = 1;
    const auto cut = [&](double start, double change, double low, double high) {
        if (std::abs(change) < 1e-9) {
            if (start < low || start > high) to = -1;
            return;
        }
        const double one = (low - start) / change, two = (high - start) / change;
        from = std::max(from, std::min(one, two));
        to = std::min(to, std::max(one, two));
    };
    cut(a.x, b.x - a.x, x, x + width);
    cut(a.y, b.y - a.y, y, y + height);
    return from <= to;
}

std::string svg(const std::vector<Figure> &figures) {
    const double all = height * static_cast<double>(figures.size());
    std::string document =
        format("<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' "
               "viewBox='0 0 %.0f %.0f'>\n",
               width, all, width, all);
    document += style();
    document += "<rect class='paper' width='100%' height='100%'/>\n";
    double offset = 0;
    for (const Figure &figure : figures) {
        document += Drawing(figure, offset).draw();
        offset += height;
    }
    return document + "</svg>\n";
}

} // namespace bench
