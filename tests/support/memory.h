// Memory that runs out in a program under test: at one allocation, or at all from now on.
#ifndef ZEN_TESTS_MEMORY_H
#define ZEN_TESTS_MEMORY_H

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

namespace test {

/// Lets one allocation of a program fail, or of its children: the program is started by prefix().
class FailingMalloc {
  public:
    FailingMalloc(); ///< Throws if it cannot make its file.
    ~FailingMalloc();
    FailingMalloc(const FailingMalloc &) = delete;
    FailingMalloc &operator=(const FailingMalloc &) = delete;

    /// What stands before the command of the program.
    std::vector<std::string> prefix() const;

    /// The `number`th allocation from now on fails, of all threads together; 0: none does.
    void fail_at(long number) { *left_ = number; }
    bool has_failed() const { return *left_ <= 0; }

  private:
    std::filesystem::path file_;
    std::atomic<long> *left_ = nullptr; // shared with the library in the program
};

/// While it lives, a running process gets no more memory than what it has and `more` bytes.
class DataLimit {
  public:
    DataLimit(pid_t pid, long more);
    ~DataLimit();
    DataLimit(const DataLimit &) = delete;
    DataLimit &operator=(const DataLimit &) = delete;

  private:
    pid_t pid_;
    rlimit before_ = {};
};

} // namespace test

#endif
