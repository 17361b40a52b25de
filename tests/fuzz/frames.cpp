// The decoders of framing/frames.h against their encoders, -DFRAMING=prefixed, delimited or padded.
// Input: messages and the pieces in which their frames come, or any bytes as the stream.
#include "fuzz.h"

#include "../../framing/frames.h"

#include <vector>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
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

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const bool any_bytes = input.byte() % 2;
    std::string stream;
    std::vector<std::string> sent, found;
    for (unsigned count = any_bytes ? 0 : input.byte() % 8; count > 0; --count) {
        sent.push_back(carried(input.bytes(input.byte() * 4))); // less than a block
        stream += frame_of(sent.back());
    }
    if (any_bytes) stream = input.bytes(input.byte() * 16);

    auto frames = frames_of_stream();
    std::size_t taken = 0; // bytes of the stream that are in frames
    for (std::size_t begin = 0, end = 0; begin < stream.size() && !frames.too_long(); begin = end) {
        end = std::min(begin + 1 + input.byte() * 8, stream.size());
        frames.feed(std::string_view(stream).substr(begin, end - begin));
        while (const auto frame = frames.next()) {
            fuzz::require(stream.compare(taken, frame->size(), *frame) == 0,
                          "a frame is the next of the stream");
            taken += frame->size();
            found.emplace_back(message_of(*frame));
        }
        fuzz::require(frames.rest() == std::string_view(stream).substr(taken, end - taken),
                      "what is left is the rest");
    }
    fuzz::require(any_bytes || found == sent, "each message comes back");
    return 0;
}
