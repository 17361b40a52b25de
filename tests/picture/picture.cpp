// make picture-zens: draws who waits for whom while a server serves three clients.
//
//     picture -o DIR [-f FROM] [NAME ...]    writes DIR/NAME.svg; without NAME, of all servers, and DIR/index.html
//
// FROM is what a student has handed in, complete or not: the server is built from what is in there. Exit
// status 1 if there is no strace, or a picture could not be made.
#include "draw.h"
#include "scenario.h"

#include "../grade/download.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include <unistd.h>

using namespace picture;
namespace fs = std::filesystem;

namespace {

// Builds a student's server in a directory of its own: with the headers of the kit, and the sources of the
// submission in their places. The programs are taken from there then.
void build(const test::Program &server, const fs::path &from, const fs::path &to) {
    const fs::path source(std::string(server.path) + ".cpp");
    const grade::Found found = grade::find_sources({{"", from}});
    if (!found.sources.count(source))
        throw std::runtime_error(from.string() + " has no " + source.string());
    fs::remove_all(to);
    for (const fs::path &directory : {fs::path("."), source.parent_path()}) {
        fs::create_directories(to / directory);
        for (const auto &entry : fs::directory_iterator(directory))
            if (entry.path().extension() == ".h" || entry.path().filename() == "Makefile")
                fs::copy_file(entry.path(), to / directory / entry.path().filename());
    }
    for (const auto &[place, file] : found.sources)
        if (fs::path(place).parent_path() == source.parent_path())
            fs::copy_file(file, to / place, fs::copy_options::overwrite_existing);
    test::Process make({"/usr/bin/env", "MAKEFLAGS=", "make", "-s", "-C", to, source.stem()});
    const auto status = make.wait_exit(std::chrono::minutes(5));
    if (!status || *status != 0) throw std::runtime_error(make.standard_error());
    setenv("ZEN_KIT", to.c_str(), 1);
}

// The line of a text that says what a program of a handout lacks; empty: none does.
std::string not_written(const std::string &text) {
    const auto place = text.find(": not written yet: ");
    if (place == text.npos) return "";
    const auto begin = text.rfind('\n', place) + 1; // npos + 1 is 0
    return text.substr(begin, text.find('\n', place) - begin);
}

// Writes a picture, and says where. Throws if there is none.
void draw(const test::Program &server, const fs::path &to) {
    const Recorded recorded = record(server);
    if (!not_written(recorded.problem).empty()) throw std::runtime_error(recorded.problem);
    const Picture picture = make_picture(std::string(server.name), read_strace(recorded.trace),
                                         recorded.clients, recorded.span);
    const fs::path file = to / (file_name(server) + ".svg");
    std::ofstream(file, std::ios::binary) << svg(picture);
    std::cout << file.string() << (recorded.problem.empty() ? "" : "    (" + recorded.problem + ")")
              << std::endl;
}

// Draws all of these; `names` gets those of which there is a picture. False if one failed. It is no failure
// that a program is not written yet.
bool draw_all(const std::vector<test::Program> &servers, const fs::path &from, const fs::path &to,
              std::vector<std::string> &names) {
    bool good = true;
    for (const test::Program &server : servers) {
        try {
            if (!from.empty()) build(server, from, to / "from");
            draw(server, to);
            names.push_back(file_name(server));
        } catch (const std::exception &error) {
            const std::string unwritten = not_written(error.what());
            if (unwritten.empty())
                std::cerr << "picture: " << server.name << ": " << error.what() << std::endl;
            else std::cout << unwritten << std::endl;
            good = good && !unwritten.empty();
        }
    }
    return good;
}

} // namespace

int main(int argc, char *argv[]) {
    fs::path to, from;
    for (int letter; (letter = getopt(argc, argv, "o:f:")) != -1;) {
        if (letter == 'o') to = optarg;
        else if (letter == 'f') from = optarg;
        else return 2;
    }
    try {
        if (to.empty()) throw std::runtime_error("where to? -o DIR");
        if (!can_trace())
            throw std::runtime_error("needs strace, and the right to use it, which a container may "
                                     "not give (LAB.md, Platforms)");
        fs::create_directories(to);
        std::vector<test::Program> servers;
        for (int i = optind; i < argc; ++i) servers.push_back(pictured(argv[i]));
        const bool all = servers.empty();
        if (all) servers = pictured();
        std::vector<std::string> names;
        const bool good = draw_all(servers, from, to, names);
        if (all) {
            std::ofstream(to / "index.html", std::ios::binary) << page(names);
            std::cout << "All, side by side: " << (to / "index.html").string() << '\n';
        }
        return good ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << "picture: " << error.what() << '\n';
        return 1;
    }
}
