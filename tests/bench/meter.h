// What a server uses: processor time, memory, threads, children. And on which core it runs.
#ifndef ZEN_TESTS_BENCH_METER_H
#define ZEN_TESTS_BENCH_METER_H

#include <cstddef>
#include <optional>

#include <sched.h>
#include <sys/types.h>

namespace bench {

/// The processor time, in seconds, that a process and its threads have used, those that have ended
/// included; `with_children`: its children as well. The children that have ended are counted in
/// ticks of the clock, 10 ms as a rule.
double processor_seconds(pid_t pid, bool with_children);

struct Holding {
    long memory = 0; // KiB of memory in no file (RssAnon), its children's included
    std::size_t threads = 0, children = 0;
};
Holding holding(pid_t pid, bool with_children);

/// A core for the server and another one for the generator; the same one, if there is only one.
struct Cores {
    int server, generator;
    bool shared() const { return server == generator; }
};
Cores choose_cores();

/// The seconds that the two cores were busy, whatever with, since the system started; and those
/// that this process and its children that have ended used.
double busy_seconds(const Cores &cores);
double used_seconds();

/// While it lives, this thread runs on one core only, and what it starts keeps to that as well.
class OnCore {
  public:
    explicit OnCore(int core);
    ~OnCore();
    OnCore(const OnCore &) = delete;
    OnCore &operator=(const OnCore &) = delete;

  private:
    cpu_set_t before_;
};

/// Raises the limit of descriptors of this process as far as it may: what it is then.
std::size_t raise_descriptor_limit();

} // namespace bench

#endif
