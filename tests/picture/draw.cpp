#include "draw.h"

#include "../support/xml.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace picture {

using test::escaped;
using test::format;

namespace {

constexpr double width = 800, left = 148, right = 12; // in pixels; names stand on the left
constexpr double top = 50, client_height = 66, server_height = 36;
constexpr double bar_height = 20, letter = 6.1; // how wide a letter is, about

std::string text(double x, double y, const std::string &content, const char *look = "",
                 const char *anchor = "start") {
    return format("<text x='%.1f' y='%.1f' text-anchor='%s' class='%s'>", x, y, anchor, look) +
           escaped(content) + "</text>\n";
}

double text_width(const std::string &content) {
    return letter * static_cast<double>(content.size());
}

// The calls by what they wait for. A bar has the colour of its kind, on white and on black.
struct Look {
    const char *kind, *meaning, *light, *dark;
    std::vector<const char *> names;
};
const std::vector<Look> &looks() {
    static const std::vector<Look> all = {
        {"accept", "accept: for a connection", "#cfe3ff", "#1d4e89", {"accept"}},
        {"receive",
         "recv, recvfrom: for bytes",
         "#c9efd0",
         "#1f6b39",
         {"recv", "recvfrom", "recvmsg", "read", "readv"}},
        {"events",
         "select, poll, epoll_wait: for any event",
         "#ffe2b0",
         "#7a5000",
         {"select", "poll", "epoll_wait"}},
        {"thread", "futex, wait: for a thread, a process", "#e2e2e6", "#4a4d55", {"futex", "wait"}},
        {"send",
         "send: for room",
         "#ffd0d4",
         "#8a2433",
         {"send", "sendto", "sendmsg", "write", "writev"}},
        {"other", "another call", "#e9d5f5", "#5d3a78", {}}};
    return all;
}
const Look &look_of(const std::string &name) {
    for (const Look &look : looks())
        for (const char *one : look.names)
            if (name == one) return look;
    return looks().back();
}

std::string style() {
    std::string light, dark;
    for (const Look &look : looks()) {
        light += format(".%s { fill: %s } .on-%s { stroke: %s }\n", look.kind, look.light,
                        look.kind, look.light);
        dark += format(".%s { fill: %s } .on-%s { stroke: %s }\n", look.kind, look.dark, look.kind,
                       look.dark);
    }
    return "<style>\n"
           // Around each letter is some of the ground, so that lines do not cross it.
           "text { font: 12px sans-serif; fill: #202020; paint-order: stroke; stroke-width: 3;\n"
           "       stroke-linejoin: round }\n"
           ".question-text { fill: #0050b0; stroke: #ffffff }\n"
           ".answer-text { fill: #b03000; stroke: #ffffff }\n"
           ".title { font-size: 17px; font-weight: bold }\n"
           ".name { font-weight: bold; font-size: 13px }\n"
           ".small { font-size: 11.5px; fill: #505050 }\n"
           ".paper { fill: #ffffff }\n"
           ".band { fill: #f3f4f6 }\n"
           ".grid { stroke: #d4d4d4; fill: none }\n"
           ".life { stroke: #606060; fill: none }\n"
           ".of-server { stroke-width: 3 }\n"
           ".bar { stroke: #606060; stroke-width: 1 }\n"
           ".tick { stroke: #202020; stroke-width: 1.5; fill: none }\n"
           ".dot { stroke: #202020; stroke-width: 1.5; fill: #202020 }\n"
           ".question { stroke: #0050b0; stroke-width: 1.5; fill: none }\n"
           ".question-head { fill: #0050b0 }\n"
           ".answer { stroke: #b03000; stroke-width: 1.5; fill: none }\n"
           ".answer-head { fill: #b03000 }\n"
           ".wake { stroke: #707070; stroke-width: 1.2; stroke-dasharray: 2 3; fill: none }\n"
           ".wake-head { fill: #707070 }\n" +
           light +
           "@media (prefers-color-scheme: dark) {\n"
           "text { fill: #e8e8e8 }\n"
           ".question-text { fill: #6ab0ff; stroke: #16181c }\n"
           ".answer-text { fill: #ff9060; stroke: #16181c }\n"
           ".small { fill: #b8b8b8 }\n"
           ".paper { fill: #16181c }\n"
           ".band { fill: #202329 }\n"
           ".grid { stroke: #3c4048 }\n"
           ".life { stroke: #a0a0a0 }\n"
           ".bar { stroke: #a0a0a0 }\n"
           ".tick { stroke: #f0f0f0 }\n"
           ".dot { stroke: #f0f0f0; fill: #f0f0f0 }\n"
           ".question { stroke: #6ab0ff }\n"
           ".question-head { fill: #6ab0ff }\n"
           ".answer { stroke: #ff9060 }\n"
           ".answer-head { fill: #ff9060 }\n"
           ".wake { stroke: #a8a8a8 }\n"
           ".wake-head { fill: #a8a8a8 }\n" +
           dark + "}\n</style>\n";
}

// A line from one place to another, with a head at its end.
std::string arrow(double x1, double y1, double x2, double y2, const std::string &look) {
    const double length = std::max(std::hypot(x2 - x1, y2 - y1), 1.0);
    const double dx = (x2 - x1) / length, dy = (y2 - y1) / length;
    const double x = x2 - 7 * dx, y = y2 - 7 * dy; // where the head begins
    return format("<path class='%s' d='M%.1f %.1f L%.1f %.1f'/>\n", look.c_str(), x1, y1, x, y) +
           format("<path class='%s-head' d='M%.1f %.1f L%.1f %.1f L%.1f %.1f z'/>\n", look.c_str(),
                  x2, y2, x - 3.5 * dy, y + 3.5 * dx, x + 3.5 * dy, y - 3.5 * dx);
}

// A tick stands on a bar: with a ring for accept, a dot for connect, a cross for close.
std::string tick(Tick::Kind kind, double x, double y) {
    std::string all =
        format("<path class='tick' d='M%.1f %.1f v%.1f'/>\n", x, y - bar_height / 2, bar_height);
    const double head = y - bar_height / 2 - 3;
    if (kind == Tick::Kind::close)
        return all +
               format("<path class='tick' d='M%.1f %.1f l6 6 m0 -6 l-6 6'/>\n", x - 3, head - 3);
    const char *look = kind == Tick::Kind::accept ? "tick" : "dot";
    return all + format("<circle class='%s' cx='%.1f' cy='%.1f' r='3'/>\n", look, x, head);
}

class Drawing {
  public:
    explicit Drawing(const Picture &picture) : picture_(picture) {
        double y = top;
        for (const Lane &lane : picture.lanes) {
            const double height = lane.is_client ? client_height : server_height;
            tops_.push_back(y);
            y += height;
        }
        bottom_ = y;
    }

    std::string draw() {
        std::string body = text(12, 24, picture_.title + ": who waits for whom", "title");
        body += bands() + axis();
        for (std::size_t i = 0; i < picture_.lanes.size(); ++i) body += bars(i);
        for (const Arrow &one : picture_.arrows) body += draw_arrow(one);
        for (std::size_t i = 0; i < picture_.lanes.size(); ++i)
            body += ticks(i) + names(i) + notes(i);
        body += legend();
        return format("<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' "
                      "viewBox='0 0 %.0f %.0f'>\n",
                      width, bottom_ + legend_height, width, bottom_ + legend_height) +
               style() + "<rect class='paper' width='100%' height='100%'/>\n" + body + "</svg>\n";
    }

  private:
    static constexpr double legend_height = 145;

    double x_of(double at) const {
        const double whole = std::max(picture_.span.end - picture_.span.begin, 1e-6);
        const double part = std::clamp((at - picture_.span.begin) / whole, 0.0, 1.0);
        return left + part * (width - left - right);
    }
    double middle(std::size_t lane) const {
        return tops_[lane] + (picture_.lanes[lane].is_client ? client_height : server_height) / 2 +
               1;
    }

    // The names of the lanes, each on a ground of its own, and the line of its life.
    std::string bands() const {
        std::string all;
        for (std::size_t i = 0; i < picture_.lanes.size(); ++i) {
            const Lane &lane = picture_.lanes[i];
            const double y = middle(i), height = lane.is_client ? client_height : server_height;
            if (i % 2 == 0)
                all += format("<rect class='band' x='0' y='%.1f' width='%.0f' height='%.0f'/>\n",
                              tops_[i], width, height);
            all += text(12, lane.habit.empty() ? y + 4 : y - 3, lane.name, "name");
            if (!lane.habit.empty()) all += text(12, y + 12, lane.habit, "small");
            // A thread that has served a datagram in no time is to be seen as well.
            const double begin = x_of(lane.begin), end = std::max(x_of(lane.end), begin + 6);
            all += format("<path class='life%s' d='M%.1f %.1f H%.1f'/>\n",
                          lane.is_client ? "" : " of-server", begin, y, end);
        }
        return all;
    }

    std::string axis() const {
        std::string all;
        const double seconds = picture_.span.end - picture_.span.begin;
        double step = 0.1;
        while (seconds / step > 8) step *= 2;
        for (double at = 0; at < seconds; at += step) {
            const double x = x_of(picture_.span.begin + at);
            all += format("<path class='grid' d='M%.1f %.1f V%.1f'/>\n", x, top, bottom_ + 4);
            if (x < width - right - 40) // there stands "ms"
                all += text(x, bottom_ + 17, format("%.0f", at * 1000), "small",
                            at == 0 ? "start" : "middle");
        }
        return all + text(width - right, bottom_ + 17, "ms", "small", "end");
    }

    // As much of a bar's name as there is room for.
    static std::string name_in(const Bar &bar, double room) {
        const std::string whole = bar.name + (bar.peer.empty() ? "" : " from " + bar.peer);
        if (text_width(whole) < room) return whole;
        return text_width(bar.name) < room ? bar.name : "";
    }

    std::string bars(std::size_t number) const {
        std::string all;
        const double y = middle(number) - bar_height / 2;
        for (const Bar &bar : picture_.lanes[number].bars) {
            const double begin = x_of(bar.begin), end = x_of(bar.end);
            all +=
                format("<rect class='bar %s' x='%.1f' y='%.1f' width='%.1f' height='%.0f'>",
                       look_of(bar.name).kind, begin, y, std::max(end - begin, 1.0), bar_height) +
                "<title>" + escaped(name_in(bar, 1e9)) +
                format(", %.0f ms", 1000 * (bar.end - bar.begin)) + "</title></rect>\n";
        }
        return all;
    }

    // The names in the bars, above the arrows.
    std::string names(std::size_t number) const {
        std::string all;
        for (const Bar &bar : picture_.lanes[number].bars) {
            const double begin = x_of(bar.begin), end = x_of(bar.end);
            if (const std::string name = name_in(bar, end - begin - 4); !name.empty())
                all += text((begin + end) / 2, middle(number) + 4, name,
                            (std::string("on-") + look_of(bar.name).kind).c_str(), "middle");
        }
        return all;
    }

    std::string ticks(std::size_t number) const {
        std::string all;
        for (const Tick &one : picture_.lanes[number].ticks)
            all += tick(one.kind, x_of(one.at), middle(number));
        return all;
    }

    // What a client has sent stands above its bar, what it has received below.
    std::string notes(std::size_t number) const {
        return notes(number, true, -19, "question-text") + notes(number, false, 25, "answer-text");
    }
    std::string notes(std::size_t number, bool sent, double y, const char *look) const {
        std::vector<std::pair<double, std::string>> texts;
        for (const Note &note : picture_.lanes[number].notes) {
            if (note.sent != sent) continue;
            const double x = x_of(note.at) + 6;
            if (!texts.empty() && x - texts.back().first < 20)
                texts.back().second += " " + label(note.text); // at the same time, so to speak
            else texts.emplace_back(x, label(note.text));
        }
        std::string all;
        double free = 0; // behind the text before
        for (const auto &[x, content] : texts) {
            const double size = text_width(content);
            const double begin = std::min(std::max(x, free), width - right - size);
            all += text(begin, middle(number) + y, content, look);
            free = begin + size + 6;
        }
        return all;
    }

    std::string draw_arrow(const Arrow &one) const {
        const double from = middle(one.from), to = middle(one.to);
        const double half = from < to ? bar_height / 2 : -bar_height / 2;
        const bool by_client = picture_.lanes[one.from].is_client;
        // An answer often comes in the same millisecond as its question: it is drawn beside that.
        const double beside = one.kind == Arrow::Kind::bytes && !by_client ? 3 : 0;
        return arrow(x_of(one.sent) + beside, from + half, x_of(one.taken) + beside, to - half,
                     one.kind != Arrow::Kind::bytes ? "wake"
                     : by_client                    ? "question"
                                                    : "answer");
    }

    bool uses(const Look &look) const {
        for (const Lane &lane : picture_.lanes)
            for (const Bar &bar : lane.bars)
                if (&look_of(bar.name) == &look) return true;
        return false;
    }

    bool has_connections() const {
        return std::any_of(picture_.arrows.begin(), picture_.arrows.end(),
                           [](const Arrow &one) { return one.kind == Arrow::Kind::connect; });
    }

    std::string legend() const {
        std::string all;
        const double y = bottom_ + 42;
        double x = 12, line = y;
        for (const Look &look : looks()) {
            if (!uses(look)) continue;
            const double needed = 26 + text_width(look.meaning) + 12;
            if (x + needed > width) x = 12, line += 22;
            all += format("<rect class='bar %s' x='%.1f' y='%.1f' width='20' height='13'/>\n",
                          look.kind, x, line - 10);
            all += text(x + 26, line + 1, look.meaning);
            x += needed;
        }
        line += 26;
        x = 12;
        const auto entry = [&](const std::string &drawn, const std::string &meaning, double size) {
            all += drawn + text(x + size, line + 1, meaning);
            x += size + text_width(meaning) + 14;
        };
        entry(arrow(x, line - 3, x + 28, line - 3, "question"), "question: send to recv", 34);
        entry(arrow(x, line - 3, x + 28, line - 3, "answer"), "answer: send to recv", 34);
        if (has_connections())
            entry(arrow(x, line - 3, x + 28, line - 3, "wake"),
                  "connect to accept, close to end of file", 34);
        line += 26;
        x = 12;
        if (has_connections()) entry(tick(Tick::Kind::accept, x + 5, line), "accept", 14);
        entry(tick(Tick::Kind::connect, x + 5, line),
              has_connections() ? "connect" : "makes a socket", 14);
        entry(tick(Tick::Kind::close, x + 5, line), "close", 14);
        entry(format("<path class='life of-server' d='M%.1f %.1f h24'/>\n", x, line - 3),
              "is there, and sleeps in no call", 30);
        return all;
    }

    const Picture &picture_;
    std::vector<double> tops_;
    double bottom_ = 0;
};

} // namespace

std::string label(const std::string &bytes) {
    std::string all;
    for (const char c : bytes)
        all += c >= ' ' && c <= '~' ? std::string(1, c) : "\xc2\xb7"; // a dot
    const std::size_t end = all.find_last_not_of(' ');
    if (end == all.npos) return std::to_string(bytes.size()) + " blanks";
    const std::size_t blanks = all.size() - end - 1;
    return '"' + (blanks > 8 ? all.substr(0, end + 1) : all) + '"';
}

std::string svg(const Picture &picture) { return Drawing(picture).draw(); }

std::string page(const std::vector<std::string> &names) {
    std::string all =
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='color-scheme' content='light dark'>\n"
        "<title>Who waits for whom</title>\n<style>\n"
        "body { font-family: sans-serif; margin: 1em }\n"
        "main { display: grid; gap: 1em; align-items: start;\n"
        "       grid-template-columns: repeat(auto-fill, minmax(min(100%, 600px), 1fr)) }\n"
        "img { width: 100%; height: auto; border: 1px solid #808080 }\n"
        "</style>\n</head>\n<body>\n<h1>Who waits for whom</h1>\n"
        "<p>The same three clients with each server. A click shows a picture alone, "
        "where a bar tells more\nwhen you point at it.</p>\n<main>\n";
    for (const std::string &name : names)
        all += "<a href='" + name + ".svg'><img src='" + name + ".svg' alt='" + name + "'></a>\n";
    return all + "</main>\n</body>\n</html>\n";
}

} // namespace picture
