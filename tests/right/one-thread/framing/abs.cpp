#include "one_thread.h"

const zen::Program program = {"abs", "TCP echo server of frames with a length prefix (poll).", "q",
                              "./framing/abs 127.0.0.1 8000", "8888"};
constexpr std::size_t prefix_size = 4; // bytes, as all of these
constexpr std::size_t message_limit = 1 << 20;

Frame look_at(std::string_view bytes) {
    if (bytes.size() < prefix_size) return {};
    std::size_t length = 0;
    for (std::size_t i = 0; i < prefix_size; ++i)
        length = length * 256 + static_cast<unsigned char>(bytes[i]);
    if (length > message_limit) return {Frame::too_long, length};
    if (bytes.size() - prefix_size < length) return {};
    return {Frame::whole, prefix_size + length, bytes.substr(prefix_size, length)};
}
