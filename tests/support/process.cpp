#include "process.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

namespace {

constexpr std::size_t most_output = 8 << 20; // bytes that are kept; the rest is read as well

void make_pipe(int (&ends)[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0)
        throw std::runtime_error("pipe: " + std::string(strerror(errno)));
}

std::string last_lines(const std::string &text, int count) {
    std::size_t begin = text.size();
    for (int i = 0; i <= count && begin > 0; ++i) {
        const auto end_before = text.rfind('\n', begin - 1);
        if (end_before == text.npos) return text;
        begin = i == count ? end_before + 1 : end_before;
    }
    return begin == 0 ? text : text.substr(begin);
}

} // namespace

Process::Process(std::vector<std::string> arguments, std::string shown)
    : command_(std::move(shown)) {
    std::vector<char *> argv;
    for (std::string &argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (command_.empty())
        for (const std::string &argument : arguments)
            command_ += (command_.empty() ? "" : " ") + argument;
    int out[2], err[2];
    make_pipe(out);
    make_pipe(err);
    make_pipe(wake_);
    out_ = out[0];
    err_ = err[0];

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err[1], STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all; // whoever has started this process may ignore signals: a program must not
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = posix_spawn(&pid_, argv[0], &files, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    close(out[1]);
    close(err[1]);
    if (error != 0) {
        for (const int descriptor : {out_, err_, wake_[0], wake_[1]}) close(descriptor);
        throw std::runtime_error("cannot start " + command_ + ": " + strerror(error));
    }
    reader_ = std::thread(&Process::read_output, this);
}

Process::~Process() {
    kill(-pid_, SIGKILL);
    if (!status_) waitpid(pid_, nullptr, 0);
    close(wake_[1]); // the reader need not wait for a descendant that has left the group
    reader_.join();
    for (const int descriptor : {out_, err_, wake_[0]})
        if (descriptor >= 0) close(descriptor);
}

void Process::read_output() {
    std::array<pollfd, 3> sources = {{{out_, POLLIN, 0}, {err_, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
    std::array<char, 65536> buffer;
    while (sources[0].fd >= 0 || sources[1].fd >= 0) {
        poll(sources.data(), sources.size(), -1);
        if (char request; sources[2].revents) {
            if (read(wake_[0], &request, 1) != 1) break; // the destructor
            const std::lock_guard lock(mutex_);
            sources[0].fd = -1;
            close(std::exchange(out_, -1));
            changed_.notify_all();
            continue;
        }
        for (std::size_t i = 0; i < 2; ++i) {
            if (!sources[i].revents) continue;
            const ssize_t size = read(sources[i].fd, buffer.data(), buffer.size());
            const std::lock_guard lock(mutex_);
            if (size <= 0) sources[i].fd = -1;
            else if (text_[i].size() < most_output)
                text_[i].append(buffer.data(), static_cast<std::size_t>(size));
        }
        changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    complete_ = true;
    changed_.notify_all();
}

std::string Process::standard_output() const {
    const std::lock_guard lock(mutex_);
    return text_[0];
}

std::string Process::standard_error() const {
    const std::lock_guard lock(mutex_);
    return text_[1];
}

bool Process::wait_for(std::string_view text, Milliseconds limit) const {
    std::unique_lock lock(mutex_);
    const auto found = [&] { return text_[0].find(text) != std::string::npos; };
    changed_.wait_for(lock, limit, [&] { return complete_ || found(); });
    return found();
}

std::optional<std::string> Process::next_line(Milliseconds limit) {
    std::unique_lock lock(mutex_);
    std::size_t end = std::string::npos;
    changed_.wait_for(lock, limit, [&] {
        end = text_[0].find('\n', next_line_);
        return complete_ || end != std::string::npos;
    });
    if (end == std::string::npos) return {};
    const std::size_t begin = std::exchange(next_line_, end + 1);
    return text_[0].substr(begin, end - begin);
}

std::optional<int> Process::wait_exit(Milliseconds limit, bool with_output) {
    if (!status_) {
        const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
        if (handle < 0) throw std::runtime_error("pidfd_open: " + std::string(strerror(errno)));
        pollfd ended = {handle, POLLIN, 0};
        const int count = poll(&ended, 1, static_cast<int>(limit.count()));
        close(handle);
        int status = 0;
        if (count != 1 || waitpid(pid_, &status, 0) != pid_) return {};
        status_ = status;
    }
    if (!with_output) return status_;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return complete_; });
    return status_;
}

void Process::close_output() {
    if (write(wake_[1], "c", 1) != 1) throw std::runtime_error("cannot wake the reader");
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return out_ < 0 || complete_; });
}

void Process::signal(int number) const { kill(pid_, number); }

std::string Process::status_text() {
    const std::optional<int> status = wait_exit(Milliseconds(0));
    if (!status) return "still running";
    if (WIFEXITED(*status)) return "exit status " + std::to_string(WEXITSTATUS(*status));
    return "killed by signal " + std::to_string(WTERMSIG(*status)) + " (" +
           strsignal(WTERMSIG(*status)) + ")";
}

std::string Process::description() {
    std::string text = "program:  " + command_ + " (" + status_text() + ")\n";
    if (const std::string out = standard_output(); !out.empty())
        text += "its last lines:\n" + last_lines(out, 8);
    if (const std::string err = standard_error(); !err.empty())
        text += "its last lines on standard error:\n" + last_lines(err, 20);
    return text;
}

} // namespace test
