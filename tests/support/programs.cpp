#include "programs.h"

#include <cstdlib>
#include <stdexcept>

namespace test {

const Program &named(std::string_view name) {
    for (const Program &program : programs)
        if (program.name == name) return program;
    for (const Program &program : own_programs)
        if (program.name == name) return program;
    throw std::runtime_error("no program is named " + std::string(name));
}

std::vector<Program> graded_programs() {
    std::vector<Program> all(programs.begin(), programs.end());
    all.insert(all.end(), own_programs.begin(), own_programs.end());
    return all;
}

const Program &client_of(const Program &server) {
    if (server.kind == Kind::tcp_server) return named("zenc");
    if (server.kind == Kind::udp_server) return named("zuc");
    return named(std::string(server.name.substr(0, 2)) + 'c'); // abs, abc
}

const Program &server_of(const Program &client) {
    for (const Program &program : programs)
        if (program.has('q') && client_of(program).name == client.name) return program;
    throw std::runtime_error("no server has the client " + std::string(client.name));
}

std::string kit_directory() {
    const char *directory = std::getenv("ZEN_KIT");
    return directory ? directory : ".";
}

std::vector<std::string> command(const Program &program,
                                 std::initializer_list<std::string> arguments,
                                 std::vector<std::string> prefix) {
    prefix.push_back(kit_directory() + "/" + std::string(program.path));
    if (!program.option.empty()) prefix.emplace_back(program.option);
    prefix.insert(prefix.end(), arguments);
    return prefix;
}

} // namespace test
