// A client that sends lines and gets lines, as those of tacn, chats and game do.
#ifndef ZEN_TESTS_LINES_H
#define ZEN_TESTS_LINES_H

#include "sockets.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace test {

class LineClient : public Connection {
  public:
    using Connection::Connection;
    /// The next line, without its newline. Nothing: none came until the deadline, or the end of
    /// file.
    std::optional<std::string> line(Milliseconds limit = patience);
    /// Takes lines until one contains `text`: false if none does until the deadline.
    bool wait_for(std::string_view text, Milliseconds limit = patience);
    /// All lines until the end of file; what has no newline at the end counts as one.
    std::vector<std::string> all_lines(Milliseconds limit = patience);
    std::string receive(std::size_t size, Milliseconds limit = patience);
    std::string receive_all(Milliseconds limit = patience);

  private:
    std::string text_; // received, and not taken yet
};

/// The lines of a text; what has no newline at the end counts as one.
std::vector<std::string> lines_of(std::string_view text);

} // namespace test

#endif
