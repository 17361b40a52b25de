// The command line of every program, and how it reports what is wrong with it.
#include "support/kit.h"

#include <sys/wait.h>

using namespace test;

namespace {

// Runs the program to its end and checks its exit status and, for status 2, what it prints.
void check_usage_error(const Program &program, std::initializer_list<std::string> arguments,
                       const std::string &wrong) {
    Process process(command(program, arguments));
    check_exit(process, 2);
    CHECK_PROGRAM(process, process.standard_output().empty());
    const std::string error = process.standard_error(), name = program.file();
    const std::string first = name + ": " + wrong + "\n", second = "usage: " + name + " [-h]";
    INFO(process.description() << "expected: " << first << second);
    CHECK(error.substr(0, first.size() + second.size()) == first + second);
    CHECK(std::count(error.begin(), error.end(), '\n') == 2);
}

void check_usage_errors(const Program &program) {
    check_usage_error(program, {"-x"}, "unknown option -x");
    check_usage_error(program, {"-:"}, "unknown option -:");
    check_usage_error(program, {"127.0.0.1", "8000", "-h"}, "surplus argument '-h'");
    const std::string range = is_server(program) ? "0 to 65535" : "1 to 65535";
    for (const std::string port : {"abc", "70000", "+80", "-0", " 80"})
        check_usage_error(program, {"127.0.0.1", port},
                          "PORT must be a number from " + range + ", not '" + port + "'");
    if (program.has('w'))
        check_usage_error(program, {"-w", "0"}, "-w must be a number from 1 to 1024, not '0'");
    if (!program.has('t')) return;
    check_usage_error(program, {"-t"}, "no value for option -t");
    for (const std::string seconds : {"-0", "1.5", "86401"})
        check_usage_error(program, {"-t", seconds},
                          "-t must be a number from 0 to 86400, not '" + seconds + "'");
}

void check_unknown_host(const Program &program) {
    const std::string host(70, 'x'); // longer than a name may be: no resolver is asked
    Process process(command(program, {host, "8000"}));
    check_exit(process, 1);
    const std::string error = process.standard_error(),
                      start = program.file() + ": cannot resolve " + host + ": ";
    CHECK_PROGRAM(process, error.rfind(start, 0) == 0);
    CHECK_PROGRAM(process, std::count(error.begin(), error.end(), '\n') == 1);
}

} // namespace

// Which command lines are wrong is a check; here, what is said of them, and odd ones.
TEST_OF_EACH(programs, "says with the usage line what is wrong", "[command line][faults][row 33]") {
    check_usage_errors(program);
}
TEST_OF_EACH(own_usual_programs, "says with the usage line what is wrong",
             "[command line][faults][row 33]") {
    check_usage_errors(program);
}

TEST_OF_EACH(programs, "says that a host cannot be resolved", "[command line][faults][row 33]") {
    check_unknown_host(program);
}
TEST_OF_EACH(own_usual_programs, "says that a host cannot be resolved",
             "[command line][faults][row 33]") {
    check_unknown_host(program);
}
