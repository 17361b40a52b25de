#include "submission.h"

#include "../support/process.h"

#include <fstream>
#include <stdexcept>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace grade {

namespace {

constexpr std::uintmax_t most_source = 1 << 20; // bytes
constexpr std::size_t most_sources = 100;

bool is_source(const fs::path &path) {
    const std::string kind = path.extension();
    for (const char *one : {".cpp", ".h", ".hpp", ".hh", ".hxx", ".inc", ".ipp", ".tpp"})
        if (kind == one) return true;
    return false;
}

// Copies a file if it is a plain one of a reasonable size: no link to something else, no pipe.
bool copy_source(const fs::path &from, const fs::path &to) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(from, error);
    if (error || !fs::is_regular_file(status)) return false;
    if (fs::file_size(from, error) > most_source || error) return false;
    fs::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << std::ifstream(from, std::ios::binary).rdbuf();
    return true;
}

} // namespace

void copy_exercise(const Settings &settings, const std::string &exercise, const fs::path &to) {
    const fs::path kit = settings.kit, from = fs::path(settings.from) / exercise;
    fs::create_directories(to / exercise);
    copy_source(kit / "Makefile", to / "Makefile");
    for (const char *header : {"zen.h", "program.h", "socketserver.h"})
        if (!settings.own_headers || !copy_source(fs::path(settings.from) / header, to / header))
            copy_source(kit / header, to / header);
    copy_source(kit / exercise / "frames.h",
                to / exercise / "frames.h"); // unless they have their own
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(from, error))) return;
    std::size_t count = 0;
    for (const auto &entry : fs::directory_iterator(from, error))
        if (is_source(entry.path()) && ++count <= most_sources)
            copy_source(entry.path(), to / exercise / entry.path().filename());
}

void give(const fs::path &path, uid_t user) {
    if (user == geteuid()) return;
    if (chown(path.c_str(), user, user) != 0)
        throw std::runtime_error("cannot give " + path.string() + " to the user of the sandbox");
}

void give_all(const fs::path &directory, uid_t user) {
    give(directory, user);
    for (const auto &entry : fs::recursive_directory_iterator(directory)) give(entry.path(), user);
}

void take_back(const fs::path &directory) {
    if (geteuid() != 0) return;
    std::error_code error;
    for (const auto &entry : fs::recursive_directory_iterator(directory, error)) {
        if (lchown(entry.path().c_str(), 0, 0) != 0 || entry.is_symlink()) continue;
        fs::permissions(entry.path(), fs::perms(0755), error);
    }
    if (lchown(directory.c_str(), 0, 0) == 0) fs::permissions(directory, fs::perms(0755), error);
}

void remove_tree(const fs::path &directory) {
    if (directory.empty()) return;
    std::error_code error;
    fs::remove_all(directory, error);
    if (!fs::exists(fs::symlink_status(directory, error))) return;
    test::Process({"/bin/chmod", "-R", "u+rwX", directory}).wait_exit();
    test::Process({"/bin/rm", "-rf", "--", directory}).wait_exit();
}

void remove_files_of(uid_t user) {
    if (user == geteuid()) return;
    std::error_code error;
    for (const char *shared : {"/tmp", "/var/tmp", "/dev/shm", "/run/lock"})
        for (const auto &entry : fs::directory_iterator(shared, error)) {
            struct stat about = {};
            if (lstat(entry.path().c_str(), &about) == 0 && about.st_uid == user)
                remove_tree(entry.path());
        }
}

std::uintmax_t files_in(const fs::path &directory, std::uintmax_t most) {
    std::error_code error;
    std::uintmax_t sum = 0;
    for (fs::recursive_directory_iterator i(directory, error), end; i != end; i.increment(error)) {
        if (error || sum > most) return most + 1;
        std::error_code gone;
        if (const auto size = i->is_regular_file(gone) ? i->file_size(gone) : 0; !gone) sum += size;
        sum += 4096;
    }
    return sum;
}

} // namespace grade
