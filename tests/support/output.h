// What a program has printed: all of it, or its beginning and its end if it is too much to keep.
#ifndef ZEN_TESTS_OUTPUT_H
#define ZEN_TESTS_OUTPUT_H

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace test {

/// Keeps at most `most` bytes of a text that grows. When there are more, it drops whole lines from the
/// middle: the first half of what is kept stays, and so does at least the last quarter, as a test
/// looks for what came first (the ready line) and for what came last ("Server stopped").
/// Positions count the bytes of the whole text, those that were dropped included.
class Output {
  public:
    explicit Output(std::size_t most = 8 << 20) : most_(most) {}

    void append(std::string_view bytes) {
        kept_ += bytes;
        if (kept_.size() <= most_) return;
        if (dropped_ == 0) head_ = after_line(kept_.rfind('\n', most_ / 2 - 1), most_ / 2);
        const std::size_t tail = kept_.size() - most_ / 4;
        const std::size_t begin = after_line(kept_.find('\n', std::max(tail, head_)), tail);
        dropped_ += begin - head_;
        kept_.erase(head_, begin - head_);
    }

    /// How many bytes came, those that were dropped included.
    std::size_t size() const { return kept_.size() + dropped_; }

    /// What is kept; where bytes were dropped, a line in brackets says how many.
    std::string text() const {
        if (dropped_ == 0) return kept_;
        return kept_.substr(0, head_) + "[" + std::to_string(dropped_) + " bytes were not kept]\n" +
               kept_.substr(head_);
    }

    /// Where `what` begins, at `from` or after it; npos: nowhere in what is kept.
    std::size_t find(std::string_view what, std::size_t from = 0) const {
        if (dropped_ == 0) return kept_.find(what, from);
        const std::size_t in_head = std::string_view(kept_).substr(0, head_).find(what, from);
        if (in_head != std::string::npos) return in_head;
        const std::size_t at = kept_.find(what, std::max(from, tail()) - dropped_);
        return at == std::string::npos ? at : at + dropped_;
    }

    /// The first whole line that is kept and begins at `position` or after it, without its newline;
    /// `position` moves behind it. Nothing: there is none yet, and `position` stays.
    std::optional<std::string> line(std::size_t &position) const {
        const std::size_t end = find("\n", position);
        if (end == std::string::npos) return {};
        const bool in_tail = dropped_ > 0 && end >= tail();
        const std::size_t begin = in_tail ? std::max(position, tail()) : position;
        position = end + 1;
        return kept_.substr(begin - (in_tail ? dropped_ : 0), end - begin);
    }

  private:
    // The place behind a newline; `otherwise` if none was found.
    static std::size_t after_line(std::size_t newline, std::size_t otherwise) {
        return newline == std::string::npos ? otherwise : newline + 1;
    }

    // Where the part behind what was dropped begins, in the whole text.
    std::size_t tail() const { return head_ + dropped_; }

    std::size_t most_;
    std::string kept_;
    std::size_t head_ = 0, dropped_ = 0; // after the first head_ bytes, dropped_ are missing
};

} // namespace test

#endif
