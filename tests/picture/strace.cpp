#include "strace.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

namespace picture {

namespace {

// Takes a number from the front of a text, if there is one.
template <class Number> std::optional<Number> take_number(std::string_view &text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

bool take(std::string_view &text, std::string_view what) {
    if (text.substr(0, what.size()) != what) return false;
    text.remove_prefix(what.size());
    return true;
}

void skip_blanks(std::string_view &text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
}

// Where the arguments of a call end: at the parenthesis that belongs to the one before `text`. What stands
// in quotes does not count.
std::size_t end_of_arguments(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') ++i;
        else if (text[i] == '"') quoted = !quoted;
        else if (quoted) continue;
        else if (text[i] == '(') ++depth;
        else if (text[i] == ')' && depth-- == 0) return i;
    }
    return text.npos;
}

// Reads "name(arguments) = result <seconds>", or the beginning of it if the call has not ended.
bool read_call(std::string_view text, Call &call) {
    const std::size_t open = text.find('(');
    if (open == text.npos || open == 0) return false;
    call.name = text.substr(0, open);
    text.remove_prefix(open + 1);
    const std::size_t close = end_of_arguments(text);
    call.arguments = text.substr(0, close);
    if (close == text.npos) return true;
    text.remove_prefix(close + 1);
    skip_blanks(text);
    if (!take(text, "= ")) return true;
    double duration = 0;
    if (const auto angle = text.rfind(" <"); angle != text.npos && text.back() == '>') {
        duration = std::strtod(std::string(text.substr(angle + 2)).c_str(), nullptr);
        text = text.substr(0, angle);
    }
    call.result = text;
    call.ended = true;
    call.end = call.begin + duration;
    return true;
}

class Reader {
  public:
    void line(std::string_view text) {
        const auto thread = take_number<int>(text);
        skip_blanks(text);
        const auto time = take_number<double>(text);
        skip_blanks(text);
        if (!thread || !time || text.empty()) return;
        constexpr std::string_view pause = "<unfinished ...>";
        if (take(text, "+++ ")) trace_.exits[*thread] = *time;
        else if (take(text, "<... ")) {
            const std::size_t name_end = text.find(" resumed>");
            const auto begun = unfinished_.find(*thread);
            if (name_end == text.npos || begun == unfinished_.end()) return;
            const std::string whole = begun->second.text + std::string(text.substr(name_end + 9));
            add(*thread, begun->second.time, whole, *time);
            unfinished_.erase(begun);
        } else if (text.ends_with(pause)) {
            text.remove_suffix(pause.size());
            unfinished_[*thread] = {*time, std::string(text)};
        } else if (text.front() != '-') add(*thread, *time, text); // "---": a signal
    }

    Trace trace() {
        for (const auto &[thread, begun] : unfinished_) add(thread, begun.time, begun.text);
        std::stable_sort(trace_.calls.begin(), trace_.calls.end(),
                         [](const Call &a, const Call &b) { return a.begin < b.begin; });
        return std::move(trace_);
    }

  private:
    void add(int thread, double begin, std::string_view text, double resumed = 0) {
        Call call;
        call.thread = thread;
        call.begin = begin;
        if (!read_call(text, call)) return;
        if (call.ended) call.end = std::max(call.end, resumed);
        trace_.calls.push_back(std::move(call));
    }

    struct Begun {
        double time;
        std::string text;
    };
    Trace trace_;
    std::map<int, Begun> unfinished_; // by thread
};

} // namespace

long Call::value() const {
    std::string_view text = result;
    return take_number<long>(text).value_or(-1);
}

int Call::descriptor() const {
    std::string_view text = arguments;
    return take_number<int>(text).value_or(-1);
}

bool Call::failed_with(std::string_view error) const {
    return result.rfind("-1 " + std::string(error), 0) == 0;
}

Trace read_strace(std::string_view text) {
    Reader reader;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        reader.line(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return reader.trace();
}

Ends ends_of(std::string_view word) {
    const std::size_t arrow = word.find("->"), close = word.find("]>");
    if (arrow == word.npos || close == word.npos || close < arrow) return {};
    const auto port_before = [&](std::size_t end) {
        const std::size_t colon = word.rfind(':', end);
        std::string_view digits = word.substr(colon + 1, end - colon - 1);
        return take_number<int>(digits).value_or(0);
    };
    return {port_before(arrow), port_before(close)};
}

int port_in(std::string_view arguments) {
    constexpr std::string_view before = "_port=htons("; // sin_port, sin6_port
    const std::size_t place = arguments.rfind(before);  // behind the bytes of a message
    if (place == arguments.npos) return 0;
    arguments.remove_prefix(place + before.size());
    return take_number<int>(arguments).value_or(0);
}

} // namespace picture
