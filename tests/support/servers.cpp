#include "servers.h"

#include <stdexcept>

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
    : Process(server_command(program, options, host)), program_(program) {
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
    : Process(joined(std::move(prefix), own_command(program))), program_(program) {
    read_ready_line();
}

void Server::read_ready_line() {
    ready_line_ = next_line().value_or("");
    const auto space = ready_line_.rfind(' ');
    if (ready_line_.find(" server started at ") == std::string::npos)
        throw std::runtime_error("no ready line\n" + description());
    address_ = Endpoint::parse(std::string_view(ready_line_).substr(space + 1));
}

static std::vector<std::string> client_command(const Program &program, const Endpoint &server,
                                               std::initializer_list<std::string> options,
                                               const std::string &host) {
    std::vector<std::string> all = command(program, options);
    all.insert(all.end(), {host.empty() ? server.host : host, std::to_string(server.port)});
    return all;
}

Client::Client(const Program &program, const Endpoint &server,
               std::initializer_list<std::string> options, const std::string &host)
    : Process(client_command(program, server, options, host)) {}

const std::vector<Exchange> &exchanges(const Program &program) {
    static const auto echoed = [](std::initializer_list<std::string> frames) {
        std::vector<Exchange> all;
        for (const std::string &frame : frames) all.push_back({frame, frame});
        return all;
    };
    static const auto blank = [](std::size_t size) { return std::string(size, ' '); };
    static const std::vector<Exchange>
        zen_exchanges =
            [] {
                std::vector<Exchange> all;
                for (const auto &[asked, answered] : zen)
                    all.push_back({std::string(asked), std::string(answered)});
                return all;
            }(),
        with_length =
            echoed({std::string("\0\0\0\x0eHello, Server!", 18), std::string("\0\0\0\0", 4),
                    std::string("\0\0\x01\x05", 4) + std::string(261, '\n')}),
        with_newline = echoed({"Hello, Server!\n", "\n", "\x1b[2J\xff\r\n"}),
        of_one_size =
            echoed({"Hello, Server!" + blank(1010), blank(1023) + '\n', std::string(1024, 'x')});
    if (program.port == "8888") return with_length;
    if (program.port == "8889") return with_newline;
    if (program.port == "8890") return of_one_size;
    return zen_exchanges;
}

std::string framed(const Program &program, const std::string &message) {
    const std::size_t size = message.size();
    if (program.port == "8888")
        return std::string("\0\0", 2) + static_cast<char>(size / 256) +
               static_cast<char>(size % 256) + message;
    if (program.port == "8889") return message + '\n';
    if (program.port == "8890") return message + std::string(1024 - size, ' ');
    return message;
}

std::string refused(const Program &program) {
    if (program.port == "8888") return "\xff\xff\xff\xff";
    if (program.port == "8889") return std::string(65'537, 'x');
    if (program.port == "8890") return std::string(1024, ' ');
    return "What?";
}

Exchange pipelined(const Program &program, int times) {
    Exchange all;
    for (const Exchange &exchange : exchanges(program)) {
        all.question += exchange.question;
        all.answer += exchange.answer;
    }
    return {repeat(all.question, times), repeat(all.answer, times)};
}

Exchange pipelined_bytes(const Program &program, std::size_t bytes) {
    return pipelined(program, static_cast<int>(bytes / pipelined(program).answer.size()) + 1);
}

std::string repeat(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

} // namespace test
