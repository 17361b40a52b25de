#include "lines.h"

#include <algorithm>
#include <utility>

namespace test {

// Takes so many bytes from the beginning of a text, or all of it.
static std::string take(std::string &text, std::size_t size) {
    std::string taken = text.substr(0, size);
    text.erase(0, size);
    return taken;
}

std::optional<std::string> LineClient::line(Milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (text_.find('\n') == std::string::npos) {
        const auto left = end - std::chrono::steady_clock::now();
        const auto rest = std::chrono::ceil<Milliseconds>(left);
        const std::string byte = Connection::receive(1, std::max(rest, Milliseconds(0)));
        if (byte.empty()) return {};
        text_ += byte + Connection::receive(65'536, Milliseconds(0));
    }
    std::string line = take(text_, text_.find('\n') + 1);
    line.pop_back();
    return line;
}

std::string LineClient::receive(std::size_t size, Milliseconds limit) {
    const std::string first = take(text_, size);
    return first.size() == size ? first : first + Connection::receive(size - first.size(), limit);
}

std::string LineClient::receive_all(Milliseconds limit) {
    return std::exchange(text_, "") + Connection::receive_all(limit);
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
