#include "lines.h"

#include <algorithm>

namespace test {

std::optional<std::string> LineClient::line(Milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (std::string text;;) { // a byte at a time, so that nothing of the next line is taken
        const auto left = end - std::chrono::steady_clock::now();
        const auto rest = std::chrono::ceil<Milliseconds>(left);
        const std::string byte = receive(1, std::max(rest, Milliseconds(0)));
        if (byte.empty()) return {};
        if (byte == "\n") return text;
        text += byte;
    }
}

bool LineClient::wait_for(std::string_view text, Milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (true) {
        const auto left = end - std::chrono::steady_clock::now();
        const auto next = line(std::chrono::ceil<Milliseconds>(left));
        if (!next) return false;
        if (next->find(text) != std::string::npos) return true;
    }
}

std::vector<std::string> LineClient::all_lines(Milliseconds limit) {
    return lines_of(receive_all(limit));
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

} // namespace test
