#include "submission.h"

#include "../support/process.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>
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

// A plain file of a reasonable size: no link to something else, no pipe.
bool may_be_taken(const fs::path &file) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(file, error);
    return !error && fs::is_regular_file(status) && fs::file_size(file, error) <= most_source &&
           !error;
}

// The files that an exercise is built from, by their place in the directory of the build.
std::map<fs::path, fs::path> sources_of(const Settings &settings, const std::string &exercise) {
    const fs::path kit = settings.kit, submission = settings.from;
    std::map<fs::path, fs::path> sources;
    const auto take = [&](const fs::path &place, const fs::path &file) {
        if (may_be_taken(file)) sources[place] = file;
    };
    take("Makefile", kit / "Makefile");
    for (const char *header : {"zen.h", "program.h", "socketserver.h"}) {
        take(header, kit / header);
        if (settings.own_headers) take(header, submission / header);
    }
    take(exercise + "/frames.h", kit / exercise / "frames.h"); // unless they have their own
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(submission / exercise, error))) return sources;
    std::set<fs::path> own;
    for (const auto &entry : fs::directory_iterator(submission / exercise, error))
        if (is_source(entry.path())) own.insert(entry.path());
    std::size_t count = 0;
    for (const fs::path &file : own)
        if (++count <= most_sources) take(exercise / file.filename(), file);
    return sources;
}

} // namespace

void copy_exercise(const Settings &settings, const std::string &exercise, const fs::path &to) {
    fs::create_directories(to / exercise);
    for (const auto &[place, file] : sources_of(settings, exercise))
        std::ofstream(to / place, std::ios::binary)
            << std::ifstream(file, std::ios::binary).rdbuf();
}

std::string fingerprint(const Settings &settings, const std::vector<std::string> &exercises) {
    std::uint64_t hash =
        14'695'981'039'346'656'037u; // FNV-1a: no secret, only unlikely to be equal
    const auto add = [&](const std::string &text) {
        for (const char c : text + '\0')
            hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
    };
    for (const std::string &argument : settings.make) add(argument);
    add(std::to_string(settings.seconds));
    for (const std::string &exercise : exercises)
        for (const auto &[place, file] : sources_of(settings, exercise)) {
            std::ostringstream text;
            text << std::ifstream(file, std::ios::binary).rdbuf();
            add(place);
            add(text.str());
        }
    std::ostringstream digits;
    digits << std::hex << hash;
    return digits.str();
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
