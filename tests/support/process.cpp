#include "process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

namespace {

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
    for (const int end : {out[0], err[0]}) fcntl(end, F_SETFL, O_NONBLOCK); // see take()
    pipes_[0] = out[0];
    pipes_[1] = err[0];

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err[1], STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none,
        all; // whoever has started this process may ignore signals: a program must not
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
        for (const int descriptor : {pipes_[0], pipes_[1], wake_[0], wake_[1]}) close(descriptor);
        throw std::runtime_error("cannot start " + command_ + ": " + strerror(error));
    }
    reader_ = std::thread(&Process::read_output, this);
}

Process::~Process() {
    kill(-pid_, SIGKILL);
    if (!status_) waitpid(pid_, nullptr, 0);
    close(wake_[1]); // the reader need not wait for a descendant that has left the group
    reader_.join();
    for (const int descriptor : {pipes_[0], pipes_[1], wake_[0]})
        if (descriptor >= 0) close(descriptor);
}

void Process::read_output() {
    std::array<pollfd, 3> sources = {
        {{pipes_[0], POLLIN, 0}, {pipes_[1], POLLIN, 0}, {wake_[0], POLLIN, 0}}};
    while (sources[0].fd >= 0 || sources[1].fd >= 0) {
        poll(sources.data(), sources.size(), -1);
        const std::lock_guard lock(mutex_);
        if (char request; sources[2].revents) {
            if (read(wake_[0], &request, 1) != 1) break; // the destructor
            sources[0].fd = -1;
            close(std::exchange(pipes_[0], -1));
            changed_.notify_all();
            continue;
        }
        for (std::size_t i = 0; i < 2; ++i)
            if (sources[i].revents && !take(i)) sources[i].fd = -1;
    }
    const std::lock_guard lock(mutex_);
    complete_ = true;
    changed_.notify_all();
}

// Takes what is in a pipe at this moment, and no more than a pipe holds, as a program may write for
// ever. False: at the end of the pipe. The mutex is held: the reader takes, and so does whoever wants to
// know at once all that a process has written, as the reader may not have run since.
bool Process::take(std::size_t which) const {
    std::array<char, 65536> buffer;
    const ssize_t most = fcntl(pipes_[which], F_GETPIPE_SZ);
    for (ssize_t taken = 0; taken < most;) {
        const ssize_t size = read(pipes_[which], buffer.data(), buffer.size());
        if (size < 0 && errno == EAGAIN) break;
        if (size <= 0) return false;
        outputs_[which].append({buffer.data(), static_cast<std::size_t>(size)});
        taken += size;
    }
    changed_.notify_all();
    return true;
}

std::string Process::output_of(std::size_t which) const {
    const std::lock_guard lock(mutex_);
    if (pipes_[which] >= 0) take(which);
    return outputs_[which].text();
}

std::string Process::standard_output() const { return output_of(0); }

std::string Process::standard_error() const { return output_of(1); }

bool Process::wait_for(std::string_view text, Milliseconds limit) const {
    std::unique_lock lock(mutex_);
    std::size_t from = 0; // before it, the text does not begin
    const auto found = [&] {
        if (outputs_[0].find(text, from) != std::string::npos) return true;
        from = std::max(from + text.size(), outputs_[0].size() + 1) - text.size();
        return false;
    };
    changed_.wait_for(lock, limit, [&] { return found() || complete_; });
    return found();
}

std::optional<std::string> Process::next_line(Milliseconds limit) {
    std::unique_lock lock(mutex_);
    std::optional<std::string> line;
    changed_.wait_for(lock, limit, [&] {
        line = outputs_[0].line(next_line_);
        return line || complete_;
    });
    return line;
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

void Process::narrow_output() const { fcntl(pipes_[0], F_SETPIPE_SZ, 4096); }

bool Process::has_room_for_a_line() const {
    int unread = 0;
    ioctl(pipes_[0], FIONREAD, &unread);
    return fcntl(pipes_[0], F_GETPIPE_SZ) - unread > 100;
}

void Process::close_output() {
    if (write(wake_[1], "c", 1) != 1) throw std::runtime_error("cannot wake the reader");
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return pipes_[0] < 0 || complete_; });
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
