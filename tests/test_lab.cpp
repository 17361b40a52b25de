// What LAB.md prints is true: its C++ listing is compiled and run.
#include "support/kit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

using namespace test;

namespace {

// The first block of the handout in the language given that contains `text`; empty if none does.
std::string listing(const std::string &language, const std::string &text) {
    std::ifstream file("LAB.md");
    std::string block;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (!inside && line == "```" + language) inside = true;
        else if (inside && line == "```") {
            if (block.find(text) != block.npos) return block;
            block.clear();
            inside = false;
        } else if (inside) block += line + "\n";
    }
    return {};
}

// Replaces the one place where `from` stands in `text`.
std::string replaced(std::string text, const std::string &from, const std::string &to) {
    const std::size_t place = text.find(from);
    REQUIRE(place != text.npos);
    return text.replace(place, from.size(), to);
}

struct Directory {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("zen-lab-" + std::to_string(getpid()));
    Directory() { std::filesystem::create_directory(path); }
    ~Directory() { std::filesystem::remove_all(path); }
};

} // namespace

TEST_CASE("LAB.md: the echo server with socketserver.h compiles and echoes", "[lab][sszt]") {
    const Directory directory;
    const std::string source = directory.path / "echo.cpp", binary = directory.path / "echo";
    std::ofstream(source) << replaced(listing("cpp", "MyTCPHandler"), "\"9999\"", "\"0\"");
    Process compiler({"/bin/sh", "-c",
                      "exec ${CXX:-c++} -std=c++20 -Wall -Wextra -pthread -I. \"$0\" -o \"$1\"",
                      source, binary});
    const auto status = compiler.wait_exit(Milliseconds(60'000));
    CHECK_PROGRAM(compiler, status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
    CHECK_PROGRAM(compiler, compiler.standard_error().empty());
    Process server({binary});
    const std::string ready = server.next_line().value_or("");
    Connection client(Endpoint::parse(ready.substr(ready.rfind(' ') + 1)));
    CHECK_PROGRAM(server, client.send("hello"));
    client.shut_down_sending();
    const std::string received = client.receive_all();
    CHECK_PROGRAM(server, received == "hello" || received == "HELLO");
    server.signal(SIGINT);
    const auto end = server.wait_exit();
    CHECK_PROGRAM(server, end && WIFEXITED(*end) && WEXITSTATUS(*end) == 0);
}
