// counting.h: what words knows of words: how often each one occurs in some bytes, and the list in
// which a process tells it. No file and no process is in here.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>

namespace counting {
using Counts = std::unordered_map<std::string, std::uint64_t>;
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Takes bytes, and counts the words in them.
class Counter {
  public:
    Counter(std::uint64_t begin, std::uint64_t end) : position_(begin), end_(end) {}
    /// In the middle of a word that begins before the piece.
    void skip_word() { skips_ = true; }
    /// False if no word of the piece can follow.
    bool take(std::string_view bytes) {
        for (const char c : bytes) {
            if (!is_space(c)) {
                if (position_ >= end_ && word_.empty()) return false;
                if (!skips_) word_ += c;
            } else {
                finish_word();
                if (position_ >= end_) return false;
            }
            ++position_;
        }
        return true;
    }
    void finish_word() {
        skips_ = false;
        if (!word_.empty()) ++counts_[word_];
        word_.clear();
    }
    std::string list() const {
        std::string lines;
        for (const auto &[word, count] : counts_)
            ((lines += std::to_string(count)) += ' ') += word + '\n';
        return lines;
    }

  private:
    std::uint64_t position_, end_; // in the file
    bool skips_ = false;
    std::string word_;
    Counts counts_;
};
/// Adds such a list to what has been counted.
inline void add_list(Counts &counts, std::string_view lines) {
    while (!lines.empty()) {
        const std::size_t space = lines.find(' '), end = lines.find('\n', space);
        const std::string word(lines.substr(space + 1, end - space - 1));
        counts[word] += std::strtoull(lines.data(), nullptr, 10);
        lines.remove_prefix(end + 1);
    }
}
} // namespace counting
