#include "one_thread.h"

const zen::Program program = {"ads", "TCP echo server of frames with a delimiter (poll).", "q",
                              "./framing/ads 127.0.0.1 8000", "8889"};
constexpr std::size_t frame_limit = 65'536; // bytes, as all of these; the newline included

Frame look_at(std::string_view bytes) {
    const std::size_t newline = bytes.substr(0, frame_limit).find('\n');
    if (newline != bytes.npos) return {Frame::whole, newline + 1, bytes.substr(0, newline)};
    return {bytes.size() < frame_limit ? Frame::incomplete : Frame::too_long};
}
