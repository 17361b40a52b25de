// grade: gives points to the programs of a submission, or of a class, and says what was wrong. It
// builds and runs what strangers have written; sandbox.h tells how it keeps that apart.
#include "class.h"
#include "sandbox.h"

#include <cstring>
#include <iostream>

#include <unistd.h>

using namespace grade;

namespace {

int grade_one(const Options &options) {
    write_results(options, Grading(), options.output); // there is one whatever happens
    const Grading grading = run(
        options.settings, "",
        [&](const Grading &now) { write_results(options, now, options.output); }, options.scale);
    std::cout << text_report(grading, isatty(STDOUT_FILENO), options.hidden) << std::flush;
    std::string good;
    for (const Result &result : grading.results)
        if (result.good()) good += result.check.name + "\n";
    if (!options.earned.empty() && grading.complete) write(options.earned, good);
    if (!options.csv.empty()) write(options.csv, csv({grading}));
    if (!options.output.empty()) write(options.output + "/grades.csv", csv({grading}));
    if (options.autolab) std::cout << autolab(grading) << std::endl;
    return grading.complete ? 0 : 1;
}

} // namespace

int main(int argc, char *argv[]) {
    if (argc > 10 && std::strcmp(argv[1], "--run") == 0) return run_in_sandbox(argv + 2);
    if (argc == 3 && std::strcmp(argv[1], "--end") == 0) return end_processes_of(argv[2]);
    try {
        const Options options = parse(argc, argv);
        if (options.list) {
            for (const Result &result : plan(options.settings))
                std::cout << result.check.points << "  " << result.check.name << '\n';
            return 0;
        }
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            struct sigaction action = {};
            action.sa_handler = [](int) { interrupted = 1; };
            sigaction(signal, &action, nullptr);
        }
        signal(SIGCHLD, SIG_DFL); // if it is ignored, nobody can be waited for
        adopt_descendants();
        if (!options.only.empty()) return grade_student(options);
        return options.class_directory.empty() ? grade_one(options) : grade_class(options, argv);
    } catch (const UsageError &error) {
        std::cerr << "grade: " << error.what() << '\n' << usage_line;
        return 2;
    } catch (const std::exception &error) {
        std::cerr << "grade: " << error.what() << '\n';
        return 1;
    }
}
