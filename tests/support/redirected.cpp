#include "redirected.h"

#include "procfs.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace test {

static std::vector<std::string> shell_command(const Program &program,
                                              std::initializer_list<std::string> arguments,
                                              const std::string &redirections) {
    std::vector<std::string> all = {"/bin/sh", "-c", "exec \"$@\" " + redirections, "sh"};
    for (std::string &argument : command(program, arguments)) all.push_back(std::move(argument));
    return all;
}

Redirected::Redirected(const Program &program, std::initializer_list<std::string> arguments,
                       const std::string &redirections)
    : Process(shell_command(program, arguments, redirections)) {}

RedirectedServer::RedirectedServer(const Program &program, const std::string &redirections)
    : Redirected(program, {"127.0.0.1", "0"}, redirections) {
    if (!eventually([&] { return bound_port(pid()) != 0; }))
        throw std::runtime_error("does not listen\n" + description());
}

Endpoint RedirectedServer::address() const { return {"127.0.0.1", bound_port(pid())}; }

PseudoTerminal::PseudoTerminal() : end_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (end_ < 0 || grantpt(end_) != 0 || unlockpt(end_) != 0)
        throw std::runtime_error(std::string("cannot make a terminal: ") + strerror(errno));
}

PseudoTerminal::~PseudoTerminal() { close(end_); }

std::string PseudoTerminal::path() const { return ptsname(end_); }

Fifo::Fifo()
    : path_(std::filesystem::temp_directory_path() / ("zen-test-log-" + std::to_string(getpid()))) {
    if (mkfifo(path_.c_str(), 0600) != 0)
        throw std::runtime_error("cannot make " + path_.string() + ": " + strerror(errno));
    end_ = open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

Fifo::~Fifo() {
    close(end_);
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

bool Fifo::is_full() const {
    pollfd pipe_end = {end_, POLLOUT, 0};
    return poll(&pipe_end, 1, 0) == 0;
}

void Fifo::wait_until_stuck() const {
    int waiting = 0; // bytes
    for (int before = -1; waiting != before;) {
        before = waiting;
        std::this_thread::sleep_for(Milliseconds(100));
        ioctl(end_, FIONREAD, &waiting);
    }
}

const std::string &Fifo::read_all() {
    char buffer[4096];
    for (ssize_t size; (size = read(end_, buffer, sizeof buffer)) > 0;)
        text_.append(buffer, static_cast<std::size_t>(size));
    return text_;
}

} // namespace test
