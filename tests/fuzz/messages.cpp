// zen::Messages against a parser that sees the whole stream at once. Input: the limit, whether white
// space is skipped, then pieces of the stream, each after its size.
#include "fuzz.h"

#include "../../zen.h"

#include <vector>

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::size_t limit = 1 + input.byte() % 40;
    const std::string_view skipped = input.byte() % 2 ? zen::white_space : std::string_view();
    zen::Messages messages('?', limit, skipped);
    std::string stream;
    std::vector<std::string> found;
    while (!input.empty() && !messages.too_long()) {
        const std::string_view piece = input.bytes(input.byte() % 64);
        stream += piece;
        messages.feed(piece);
        while (const auto message = messages.next()) found.emplace_back(*message);
    }

    std::string_view rest = stream;
    std::size_t dropped = 0; // white space before the next message: it counts
    const auto skip = [&] {
        dropped = std::min(rest.find_first_not_of(skipped), rest.size());
        rest.remove_prefix(dropped);
    };
    for (const std::string &message : found) {
        skip();
        fuzz::require(dropped + message.size() <= limit, "a message is not longer than the limit");
        fuzz::require(message.find('?') == message.size() - 1, "it ends with the first delimiter");
        fuzz::require(rest.substr(0, message.size()) == message, "it is the next of the stream");
        rest.remove_prefix(message.size());
    }
    skip();
    fuzz::require(messages.rest() == rest, "what is left is the rest");
    const std::size_t end = std::min(rest.find('?'), rest.size()) + 1;
    fuzz::require(messages.too_long() == (dropped + end > limit), "it is too long when it is");
    fuzz::require(messages.too_long() || end > rest.size(), "no message is left");
    return 0;
}
