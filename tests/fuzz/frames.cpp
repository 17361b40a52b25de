// The decoders of framing/frames.h against their encoders, -DFRAMING=prefixed, delimited or padded.
// Input: messages and the pieces in which their frames come, or any bytes as the stream.
#include "fuzz.h"

#include "../../framing/frames.h"

#include <vector>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME_(a) #a
#define NAME(a) NAME_(a)
constexpr auto frame_of = framing::FRAMING;
constexpr auto frames_of_stream = framing::JOIN(FRAMING, _frames);
constexpr auto message_of = framing::JOIN(message_of_, FRAMING);

// A message that its frame can carry, and whose spaces at the end are kept.
static std::string carried(std::string_view bytes) {
    std::string message(bytes);
    std::erase(message, '\n');
    while (!message.empty() && message.back() == ' ') message.pop_back();
    return message;
}

// What a simple reader says of the next frame: its size, 0 if that is not known yet.
static std::uint64_t size_of_next(std::string_view bytes) {
    const std::string_view framing = NAME(FRAMING);
    if (framing == "padded") return 1024;
    if (framing == "delimited") return bytes.find('\n') + 1; // of npos it makes 0
    if (bytes.size() < 4) return 0;
    std::uint64_t length = 0;
    for (const char byte : bytes.substr(0, 4))
        length = 256 * length + static_cast<unsigned char>(byte);
    return 4 + length;
}
static bool is_too_long(std::string_view bytes) {
    const std::string_view framing = NAME(FRAMING);
    const std::size_t limit = framing == "padded"      ? 1024
                              : framing == "delimited" ? 65'536
                                                       : 4 + 1'048'576;
    const std::uint64_t size = size_of_next(bytes);
    return size > limit || (framing == "delimited" && size == 0 && bytes.size() >= limit);
}

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const bool any_bytes = input.byte() % 2;
    std::string stream;
    std::vector<std::string> sent, found;
    for (unsigned count = any_bytes ? 0 : input.byte() % 8; count > 0; --count) {
        sent.push_back(carried(input.bytes(input.byte() * 4))); // less than a block
        stream += frame_of(sent.back());
    }
    if (any_bytes) {
        stream = input.bytes(input.byte() * 16);
        stream.append(input.byte() * 300, 'x');
    }

    auto frames = frames_of_stream();
    std::size_t taken = 0; // bytes of the stream that are in frames
    for (std::size_t begin = 0, end = 0; begin < stream.size() && !frames.too_long(); begin = end) {
        end = std::min(begin + 1 + input.byte() * 8, stream.size());
        frames.feed(std::string_view(stream).substr(begin, end - begin));
        while (const auto frame = frames.next()) {
            const std::string_view rest = std::string_view(stream).substr(taken);
            fuzz::require(frame->size() == size_of_next(rest) && !is_too_long(rest) &&
                              rest.substr(0, frame->size()) == *frame,
                          "a frame is the next of the stream");
            taken += frame->size();
            found.emplace_back(message_of(*frame));
        }
        fuzz::require(frames.rest() == std::string_view(stream).substr(taken, end - taken),
                      "what is left is the rest");
        const std::string_view rest = frames.rest();
        fuzz::require(frames.too_long() == is_too_long(rest), "it is too long when it is");
        const std::uint64_t next = size_of_next(rest);
        fuzz::require(frames.too_long() || next == 0 || next > rest.size(), "no frame is left");
    }
    fuzz::require(any_bytes || found == sent, "each message comes back");
    return 0;
}
