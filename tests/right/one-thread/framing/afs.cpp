#include "one_thread.h"

const zen::Program program = {"afs", "TCP echo server of frames of a fixed length (poll).", "q",
                              "./framing/afs 127.0.0.1 8000", "8890"};
constexpr std::size_t block_size = 1024; // bytes, as all of these

Frame look_at(std::string_view bytes) {
    if (bytes.size() < block_size) return {};
    const std::string_view block = bytes.substr(0, block_size);
    const std::size_t last = block.find_last_not_of(' ');
    if (last == block.npos) return {Frame::goodbye};
    return {Frame::whole, block_size, block.substr(0, last + 1)};
}
