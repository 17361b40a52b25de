#include "memory.h"

#include "procfs.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

namespace test {

namespace fs = std::filesystem;

[[noreturn]] static void fail(const std::string &what) {
    throw std::runtime_error(what + ": " + strerror(errno));
}

FailingMalloc::FailingMalloc() {
    std::string name = fs::temp_directory_path() / "zen-failing-malloc-XXXXXX";
    const int descriptor = mkstemp(name.data());
    if (descriptor < 0) fail("cannot make " + name);
    file_ = name;
    void *memory = MAP_FAILED;
    if (ftruncate(descriptor, sizeof *left_) == 0)
        memory = mmap(nullptr, sizeof *left_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    const int error = errno;
    close(descriptor);
    if (memory == MAP_FAILED) {
        fs::remove(file_);
        errno = error;
        fail("cannot map " + name);
    }
    left_ = new (memory) std::atomic<long>(0);
}

FailingMalloc::~FailingMalloc() {
    munmap(left_, sizeof *left_);
    std::error_code ignored;
    fs::remove(file_, ignored);
}

std::vector<std::string> FailingMalloc::prefix() const {
    const fs::path library = fs::read_symlink("/proc/self/exe").parent_path() / "failing_malloc.so";
    if (!fs::exists(library)) throw std::runtime_error("not built: " + library.string());
    return {"/usr/bin/env", "LD_PRELOAD=" + library.string(),
            "ZEN_FAILING_MALLOC=" + file_.string()};
}

DataLimit::DataLimit(pid_t pid, long more) : pid_(pid) {
    rlimit limit = {};
    if (prlimit(pid, RLIMIT_DATA, nullptr, &before_) != 0) fail("prlimit");
    limit.rlim_max = before_.rlim_max;
    limit.rlim_cur = static_cast<rlim_t>(data_memory(pid) * 1024 + more);
    if (prlimit(pid, RLIMIT_DATA, &limit, nullptr) != 0) fail("prlimit");
}

DataLimit::~DataLimit() { prlimit(pid_, RLIMIT_DATA, &before_, nullptr); }

} // namespace test
