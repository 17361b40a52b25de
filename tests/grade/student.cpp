// The programs under test: Student and Server of check.h.
#include "check.h"

#include "place.h"
#include "story.h"

#include <exception>
#include <stdexcept>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace grade {

Pipe::Pipe() {
    static int pipes = 0;
    path_ = place.scratch + "/pipe" + std::to_string(++pipes);
    unlink(path_.c_str());
    if (mkfifo(path_.c_str(), 0600) == 0 && chmod(path_.c_str(), 0666) == 0)
        descriptor_ = open(path_.c_str(), O_RDWR | O_CLOEXEC); // which waits for nobody
    if (descriptor_ < 0) throw std::runtime_error("cannot make " + path_);
}

Pipe::~Pipe() {
    close_it();
    unlink(path_.c_str());
}

void Pipe::write(std::string_view bytes) {
    if (::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        throw std::runtime_error("cannot write to " + path_);
}

void Pipe::end() {
    const auto is_read = [&] {
        int waiting = 0; // bytes
        return ioctl(descriptor_, FIONREAD, &waiting) != 0 || waiting == 0;
    };
    test::eventually(is_read);
    close_it();
}

void Pipe::close_it() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
}

static std::string typed(const Program &program, const std::vector<std::string> &arguments) {
    std::string text = "./" + std::string(program.path);
    for (const std::string &argument : arguments) text += " " + argument;
    return text;
}

static std::vector<std::string> with_option(const Program &program,
                                            std::vector<std::string> arguments) {
    if (!program.option.empty()) arguments.insert(arguments.begin(), std::string(program.option));
    return arguments;
}

static std::vector<std::string> student_command(const Program &program,
                                                std::vector<std::string> arguments, Limits limits,
                                                const std::string &input) {
    if (test::sanitized) limits.address_space = 0;
    // UndefinedBehaviorSanitizer opens pipes to look at an object, and calls it bad where it cannot.
    if (test::sanitized && limits.descriptors < 32)
        undetermined("a sanitizer needs descriptors of its own");
    arguments = with_option(program, std::move(arguments));
    arguments.insert(arguments.begin(), place.programs + "/" + std::string(program.path));
    if (!input.empty())
        arguments.insert(arguments.begin(), {"/bin/sh", "-c", "exec \"$@\" <\"$0\"", input});
    if (limits.unread_output >=
        0) { // fills the pipe by a descriptor of its own, which does not wait
        const std::string fill = "dd if=/dev/zero of=output bs=512 oflag=nonblock count=" +
                                 std::to_string(limits.unread_output / 512);
        arguments.insert(arguments.begin(), {"/bin/sh", "-c",
                                             "rm -f output && mkfifo output && exec 1<>output && " +
                                                 fill + " 2>/dev/null; exec \"$@\"",
                                             "sh"});
    }
    return sandboxed(arguments, place.scratch, place.user, limits);
}

Student::Student(const Program &program, std::vector<std::string> arguments, const Limits &limits,
                 const std::string &input)
    : Process(student_command(program, arguments, limits, input),
              typed(program, with_option(program, arguments))) {
    story.student = this;
    story.server_serves = false;
}

Student::~Student() {
    if (story.student != this) return;
    // What failed is told when the program is gone: keep what it has said.
    if (std::uncaught_exceptions() > 0) story.last_words = about(*this, false);
    story.student = nullptr;
}

int Student::exit_status(Milliseconds limit) {
    const auto status = wait_exit(limit);
    if (!status) fail("the program has not ended after " + std::to_string(limit.count()) + " ms");
    return WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
}

static std::vector<std::string> server_arguments(std::vector<std::string> options,
                                                 const std::string &host, std::uint16_t port) {
    options.insert(options.end(), {host, std::to_string(port)});
    return options;
}

Server::Server(const Program &program, const std::vector<std::string> &options,
               const std::string &host, const Limits &limits, std::uint16_t port)
    : Student(program, server_arguments(options, host, port), limits), program_(program) {
    story.server_serves = true;
    story.options.clear();
    for (const std::string &option : with_option(program, options)) story.options += " " + option;
    address_.host = host;
    const auto reached = [&] {
        {
            const LookAs as_it = eyes();
            address_.port = test::bound_port(pid());
        }
        // Where the system does not tell, the ready line has to.
        if (address_.port == 0 && !ready_line_ && (ready_line_ = next_line(Milliseconds(0))) &&
            !machine_lets_look())
            address_.port = Endpoint::parse(ready_line_->substr(ready_line_->rfind(' ') + 1)).port;
        return address_.port != 0 || wait_exit(Milliseconds(0));
    };
    test::eventually(reached);
    if (address_.port == 0)
        fail(wait_exit(Milliseconds(0)) ? "the server ended before it could be reached"
                                        : "the server has bound no port after 10 seconds");
}

std::optional<std::string> Server::ready_line(Milliseconds limit) {
    if (!ready_line_) ready_line_ = next_line(limit);
    return ready_line_;
}

void Server::signal(int number) const {
    if (number == SIGINT || number == SIGTERM || number == SIGKILL) story.server_serves = false;
    Process::signal(number);
}

LookAs Server::eyes() const { return LookAs(place.user); }

} // namespace grade
