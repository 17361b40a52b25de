// A place for the programs of strangers: a process group and, if the grader is root, a user of
// their own; limits on what they use; no network but a loopback of their own, where the system
// allows that; and nothing of them left afterwards.
#ifndef ZEN_TESTS_GRADE_SANDBOX_H
#define ZEN_TESTS_GRADE_SANDBOX_H

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace grade {

/// Limits of a process in the sandbox; for what may be shared, of all together.
struct Limits {
    long processor_seconds = 20;
    long address_space = 4096; ///< MiB; 0 = any, for sanitizers, which reserve terabytes
    long file_size = 4;        ///< MiB
    long descriptors = 4096;
    long soft_descriptors = 0; ///< until it raises its limit itself; 0 = as many
    long processes = 600;      ///< more than the user has already
    long unread_output = -1;   ///< standard output is a pipe that nobody reads, with so many bytes
                               ///< in it, or as many as it takes; -1 = the grader reads it
};

/// A user id of nobody's that no other grader on this machine uses, held until this process ends;
/// the own one if the grader is not root.
uid_t take_user();

/// The command that runs `command` in the sandbox: in `directory`, as `user`, with these limits. Where
/// this process has no sandbox (place.h), it is run in `directory`, under those limits alone that are
/// not the usual ones. There, the limit on processes takes another user, if this one is root.
std::vector<std::string> sandboxed(const std::vector<std::string> &command,
                                   const std::string &directory, uid_t user, const Limits &limits);

/// What that command does: limits this process and becomes the program. Returns if it cannot: 127.
int run_in_sandbox(char **arguments);

/// Ends all processes of a user but this one, and this one is of that user. Returns: it could not.
int end_processes_of(char *user);

/// Makes this process the one that all descendants are left to (PR_SET_CHILD_SUBREAPER), and keeps
/// other processes of its user from looking into it.
void adopt_descendants();

/// Gives this process a network of its own in which there is only loopback, and shared memory of its
/// own. False: not allowed here.
bool leave_network();

/// The processes of this machine at one moment, those that nobody has waited for included.
class ProcessTree {
  public:
    ProcessTree();
    std::vector<pid_t> below(pid_t pid) const; ///< all descendants of a process

  private:
    std::multimap<pid_t, pid_t> children_; // by parent
};

/// All descendants of a process at this moment.
std::vector<pid_t> descendants(pid_t pid);

/// Waits for what `own` and its descendants have left to this process and has ended since, as init
/// does, so that nobody takes it for a zombie of theirs.
void reap_adopted(pid_t own);

/// Ends all processes of the sandbox that are left: those of `user`, if it is not the own one, and
/// all descendants of this process but `spared` and theirs.
void end_descendants(uid_t user, const std::vector<pid_t> &spared = {});

/// While it lives, this thread looks at files as `user` does: what /proc tells of a process, it
/// tells to its own user.
class LookAs {
  public:
    explicit LookAs(uid_t user);
    ~LookAs();
    LookAs(const LookAs &) = delete;
    LookAs &operator=(const LookAs &) = delete;

  private:
    uid_t own_user_;
    gid_t own_group_;
};

} // namespace grade

#endif
