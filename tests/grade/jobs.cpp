#include "jobs.h"

#include "../support/procfs.h"
#include "sandbox.h"
#include "submission.h"

#include <csignal>
#include <fstream>

#include <unistd.h>

namespace grade {

namespace {

constexpr long most_memory = 768;               // MiB that a check's programs may use
constexpr long most_build_memory = 1536;        // and a compiler
constexpr std::uintmax_t most_files = 64 << 20; // bytes in the scratch directory of a check

// The memory in use by a process, in MiB.
long memory_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    long size = 0, resident = 0;
    file >> size >> resident;
    return resident * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

// Why a job has to be ended; empty: it may go on. `all` is what it has started.
std::string excess(const Job &job, const std::vector<pid_t> &all) {
    long memory = 0;
    for (const pid_t pid : all) memory += memory_of(pid);
    const long most = (job.result ? most_memory : most_build_memory) * (test::sanitized ? 6 : 1);
    if (memory > most)
        return "it was ended: it used more than " + std::to_string(most) + " MiB of memory";
    if (!job.scratch.empty() && files_in(job.scratch, most_files) > most_files)
        return "it was ended: it wrote more than " + std::to_string(most_files >> 20) +
               " MiB to files";
    return "";
}

} // namespace

void end_what_exceeds(std::vector<Job> &jobs) {
    const ProcessTree tree;
    for (Job &job : jobs) {
        if (!job.process) continue;
        const std::vector<pid_t> all = tree.below(job.process->pid());
        if (const std::string why = excess(job, all); !why.empty()) {
            job.ended_for = why;
            for (const pid_t pid : all) kill(pid, SIGKILL);
        } else if (Job::Clock::now() > job.deadline) {
            const auto limit = job.deadline - job.start;
            job.ended_for =
                "it was ended: it took longer than " +
                std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
                " seconds";
            job.process->signal(SIGKILL);
        }
    }
}

} // namespace grade
