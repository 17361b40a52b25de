// zen.h: the Zen protocol, which servers and clients of the kit speak: its questions and answers,
// and how messages are found in a stream of bytes. Bytes in, messages out: no socket is in here.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace zen {

struct Exchange {
    std::string_view question, answer;
};
inline constexpr Exchange table[] = {{"Beautiful is better than?", "Ugly."},
                                     {"Explicit is better than?", "Implicit."},
                                     {"Simple is better than?", "Complex."}};
inline constexpr std::size_t max_message = 1024; // bytes of a question or answer, with its ? or .
inline constexpr std::string_view white_space = " \t\r\n";

/// The answer to `question`, which must match exactly; empty if the table has none.
constexpr std::string_view answer_to(std::string_view question) {
    for (const Exchange &exchange : table)
        if (exchange.question == question) return exchange.answer;
    return {};
}

/// `text` without the white space around it.
constexpr std::string_view trim(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    return text.substr(0, text.find_last_not_of(white_space) + 1);
}

/// Finds the messages in a stream of bytes, however the bytes were cut on their way: feed it what
/// recv brings, then take messages until there is none. The bytes after the last message are kept.
/// A message ends with `delimiter`. The characters in `skipped` are dropped before a message, but
/// they count: together with the message and its delimiter they are at most `limit` bytes.
class Messages {
  public:
    Messages(char delimiter, std::size_t limit, std::string_view skipped = {})
        : delimiter_(delimiter), limit_(limit), skipped_(skipped) {}

    void feed(std::string_view bytes) { // first forgets the messages that were taken
        text_.erase(0, begin_);
        searched_ -= std::exchange(begin_, 0);
        text_ += bytes;
    }

    /// The next message with its delimiter, valid until the next feed. Nothing if it is not
    /// complete yet, or too long.
    std::optional<std::string_view> next() {
        const std::size_t begin = std::min(text_.find_first_not_of(skipped_, begin_), text_.size());
        dropped_ += begin - begin_;
        begin_ = begin;
        searched_ = std::min(text_.find(delimiter_, std::max(begin, searched_)), text_.size());
        if (searched_ == text_.size() || too_long()) return {};
        begin_ = ++searched_;
        dropped_ = 0;
        return std::string_view(text_).substr(begin, begin_ - begin);
    }

    /// When next() has returned nothing: whether the next message is too long, and its beginning.
    bool too_long() const { return dropped_ + searched_ - begin_ >= limit_; }
    std::string_view rest() const { return std::string_view(text_).substr(begin_); }

  private:
    char delimiter_;
    std::size_t limit_;
    std::string_view skipped_;
    std::string text_;
    std::size_t begin_ = 0;    // where the next message begins in text_,
    std::size_t searched_ = 0; // where the search for its delimiter has come to,
    std::size_t dropped_ = 0;  // and how many skipped characters stood before it
};

} // namespace zen
