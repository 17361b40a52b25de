// A library to be preloaded into a program (LD_PRELOAD), in which one allocation fails that a test
// chooses: support/memory.h starts programs so. It stands in front of the functions of glibc, which
// are known by names of their own as well. operator new calls malloc.
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" {
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *memory, std::size_t size);
}

namespace {

// How many allocations are left until one fails, that one included; 0 or less: none will. It is in
// a file that the test has mapped as well, and so is shared with the children of the program.
std::atomic<long> *left = nullptr;

[[gnu::constructor]] void map_countdown() {
    const char *file = std::getenv("ZEN_FAILING_MALLOC");
    const int descriptor = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *memory = mmap(nullptr, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory != MAP_FAILED) left = static_cast<std::atomic<long> *>(memory);
}

bool fails() {
    if (!left || left->load() <= 0 || left->fetch_sub(1) != 1) return false;
    errno = ENOMEM;
    return true;
}

} // namespace

extern "C" {

void *malloc(std::size_t size) noexcept { return fails() ? nullptr : __libc_malloc(size); }

void *calloc(std::size_t count, std::size_t size) noexcept {
    return fails() ? nullptr : __libc_calloc(count, size);
}

void *realloc(void *memory, std::size_t size) noexcept {
    return fails() ? nullptr : __libc_realloc(memory, size);
}
}
