// frames.h: what the framing programs share: how a message becomes a frame, and how the frames are
// found in a byte stream again. Bytes in, bytes out: there is no socket in here. Frames that end
// with a delimiter are found by zen::Messages.
#pragma once

#include "../program.h"
#include "../zen.h"

#include <cstdint>

namespace framing {

inline constexpr std::size_t prefix_size = 4;         // bytes, as all of these
inline constexpr std::size_t max_prefixed = 1 << 20;  // of a message, without its prefix
inline constexpr std::size_t max_delimited = 1 << 16; // of a frame, its newline included
inline constexpr std::size_t block_size = 1024;

/// Finds the frames in a byte stream, however the bytes were cut on their way: used as
/// zen::Messages, but for frames that tell their size at the beginning. It keeps only bytes that
/// have come: a frame that is announced takes no room.
class Frames {
  public:
    /// The size of the frame that `bytes` begin, its header included; 0 while that is not complete.
    /// It may be 4 + 2^32 - 1, which is too much for a size_t of 32 bits.
    using SizeOf = std::uint64_t (*)(std::string_view bytes);
    /// A frame has at most `limit` bytes, its header included.
    Frames(SizeOf size_of, std::size_t limit) : size_of_(size_of), limit_(limit) {}

    void feed(std::string_view bytes) {
        text_.erase(0, std::exchange(begin_, 0));
        text_ += bytes;
    }

    /// The next frame, valid until the next call. Nothing if it is not complete yet, or too long.
    std::optional<std::string_view> next() {
        const std::string_view bytes = rest();
        if (bytes.empty()) release();
        size_ = size_of_(bytes);
        if (size_ == 0 || size_ > limit_ || size_ > bytes.size()) return {};
        begin_ += static_cast<std::size_t>(size_);
        return bytes.substr(0, static_cast<std::size_t>(size_));
    }

    /// When next() has returned nothing: whether the next frame is too long, and its beginning.
    bool too_long() const { return size_ > limit_; }
    std::string_view rest() const { return std::string_view(text_).substr(begin_); }

  private:
    // Frees a large buffer that is not in use, as there may be many clients.
    void release() {
        if (text_.capacity() > 65'536) std::string().swap(text_);
        begin_ = std::min(begin_, text_.size());
    }

    SizeOf size_of_;
    std::size_t limit_;
    std::string text_;
    std::size_t begin_ = 0;  // where the next frame begins
    std::uint64_t size_ = 0; // of the next frame, where it is known
};

// ---- abs, abc: the length of the message as 4 bytes, the highest first, then the message

/// The frame of a message. Throws std::invalid_argument if it has more than max_prefixed bytes.
inline std::string prefixed(std::string_view message) {
    if (message.size() > max_prefixed)
        throw std::invalid_argument("the message must have at most " +
                                    std::to_string(max_prefixed) + " bytes, not " +
                                    std::to_string(message.size()));
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8)
        frame += static_cast<char>(message.size() >> shift & 0xff);
    return frame.append(message);
}

/// The length that the first bytes of a frame announce; there must be prefix_size of them.
inline std::uint32_t announced_length(std::string_view frame) {
    std::uint32_t length = 0;
    for (const char byte : frame.substr(0, prefix_size))
        length = length << 8 | static_cast<unsigned char>(byte);
    return length;
}

inline std::string_view message_of_prefixed(std::string_view frame) {
    return frame.substr(prefix_size);
}

inline Frames prefixed_frames() {
    const auto size_of = [](std::string_view bytes) -> std::uint64_t {
        if (bytes.size() < prefix_size) return 0;
        return std::uint64_t(prefix_size) + announced_length(bytes);
    };
    return {size_of, prefix_size + max_prefixed};
}

// ---- ads, adc: the message, then a newline

/// The frame of a message. Throws std::invalid_argument if the message contains a newline, or has
/// max_delimited bytes or more.
inline std::string delimited(std::string_view message) {
    if (message.find('\n') != message.npos)
        throw std::invalid_argument("the message must not contain a newline, which ends the frame");
    if (message.size() >= max_delimited)
        throw std::invalid_argument("the message must have at most " +
                                    std::to_string(max_delimited - 1) + " bytes, not " +
                                    std::to_string(message.size()));
    return std::string(message) + '\n';
}

inline std::string_view message_of_delimited(std::string_view frame) {
    return frame.substr(0, frame.size() - 1);
}

inline zen::Messages delimited_frames() { return {'\n', max_delimited}; }

// ---- afs, afc: blocks of block_size bytes, the message padded with spaces

/// The frame of a message. Throws std::invalid_argument if it has more than block_size bytes.
inline std::string padded(std::string_view message) {
    if (message.size() > block_size)
        throw std::invalid_argument("the message must have at most " + std::to_string(block_size) +
                                    " bytes, not " + std::to_string(message.size()));
    return std::string(message).append(block_size - message.size(), ' ');
}

/// What stands before the padding. Spaces at the end of the message itself are lost with it.
inline std::string_view message_of_padded(std::string_view frame) {
    return frame.substr(0, frame.find_last_not_of(' ') + 1);
}

inline Frames padded_frames() {
    return {[](std::string_view) -> std::uint64_t { return block_size; }, block_size};
}

// ----

/// A message as the servers show it: of a message of over block_size bytes, the first 1000 and how
/// many there are.
inline std::string excerpt(std::string_view message) {
    if (message.size() <= block_size) return std::string(message);
    return std::string(message.substr(0, 1000))
        .append("... (" + std::to_string(message.size()) + " bytes)");
}

} // namespace framing
