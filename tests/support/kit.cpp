#include "kit.h"

#include <stdexcept>

#include <sys/wait.h>

namespace test {

static std::vector<std::string> server_command(const Program &program,
                                               std::initializer_list<std::string> options,
                                               const std::string &host) {
    std::vector<std::string> all = command(program, options);
    all.insert(all.end(), {host, "0"});
    return all;
}

Server::Server(const Program &program, std::initializer_list<std::string> options,
               const std::string &host)
    : Process(server_command(program, options, host)) {
    read_ready_line();
}

static std::vector<std::string> joined(std::vector<std::string> first,
                                       const std::vector<std::string> &second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

// Without the path, if the program has none.
static std::vector<std::string> own_command(const Program &program) {
    std::vector<std::string> all = server_command(program, {}, "127.0.0.1");
    if (program.path.empty()) all.erase(all.begin());
    return all;
}

Server::Server(std::vector<std::string> prefix, const Program &program)
    : Process(joined(std::move(prefix), own_command(program))) {
    read_ready_line();
}

void Server::read_ready_line() {
    ready_line_ = next_line().value_or("");
    const auto space = ready_line_.rfind(' ');
    if (ready_line_.find(" server started at ") == std::string::npos)
        throw std::runtime_error("no ready line\n" + description());
    address_ = Endpoint::parse(std::string_view(ready_line_).substr(space + 1));
}

std::string repeat(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

std::string shown(std::string_view bytes) {
    constexpr std::size_t most = 400;
    if (bytes.size() > most)
        return shown(bytes.substr(0, most / 2)) + " ... " +
               shown(bytes.substr(bytes.size() - most / 2)) + " (" + std::to_string(bytes.size()) +
               " bytes)";
    std::string text = "\"";
    for (const char c : bytes) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
        if (c == '\n') text += "\\n";
        else if (c == '\r') text += "\\r";
        else if (c >= ' ' && c <= '~') text += c;
        else text += escaped;
    }
    return text + '"';
}

void check_bytes(Process &program, std::string_view sent, std::string_view expected,
                 std::string_view received) {
    if (received == expected) SUCCEED();
    else
        FAIL_CHECK("sent:     " << shown(sent) << "\nexpected: " << shown(expected)
                                << "\nreceived: " << shown(received) << "\n"
                                << program.description());
}

void check_stops(Server &server, int signal) {
    server.signal(signal);
    const auto status = server.wait_exit(Milliseconds(1500));
    CHECK_PROGRAM(server, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
    const std::string out = server.standard_output(), last = "\nServer stopped\n";
    CHECK_PROGRAM(server, out.size() > last.size() &&
                              out.compare(out.size() - last.size(), last.size(), last) == 0);
    CHECK_PROGRAM(server, kill(-server.pid(), 0) != 0);
}

void check_alive(Server &server) {
    Connection client(server.address());
    check_bytes(server, three_questions, three_answers, client.exchange(three_questions));
    CHECK_PROGRAM(server, client.ended());
}

} // namespace test
