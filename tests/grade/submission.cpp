#include "submission.h"

#include "../support/process.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace grade {

namespace {

// The files that an exercise is built from, by their place in the directory of the build.
std::map<std::string, fs::path> sources_of(const Settings &settings, const Found &found,
                                           const std::string &exercise) {
    const fs::path kit = settings.kit;
    std::error_code error; // the kit of an autograder has no directory of zens
    std::map<std::string, fs::path> sources = {{"Makefile", kit / "Makefile"}};
    for (const char *header : {"zen.h", "program.h", "socketserver.h"})
        sources[header] = kit / header;
    // frames.h, asyncio/*.h, unless they have their own: those of the handout, in which something may
    // be to be written.
    const fs::path given = settings.handout.empty() ? kit : fs::path(settings.handout);
    for (const auto &entry : fs::directory_iterator(kit / exercise, error)) {
        if (entry.path().extension() != ".h") continue;
        const fs::path place = exercise / entry.path().filename();
        sources[place] = fs::exists(given / place) ? given / place : entry.path();
    }
    for (const auto &[place, file] : found.sources) {
        const bool beside = fs::path(place).parent_path() == exercise;
        if (beside || (settings.own_headers && place.find('/') == place.npos))
            sources[place] = file;
    }
    return sources;
}

} // namespace

Found find_sources(const Settings &settings) {
    if (!settings.submission.empty()) return find_sources(settings.submission);
    Found found = find_sources(Submission{{"", settings.from}});
    // In the kit itself each exercise has its place, and nothing else was handed in.
    if (settings.from == settings.kit) found.remarks.clear();
    return found;
}

void copy_exercise(const Settings &settings, const Found &found, const std::string &exercise,
                   const fs::path &to) {
    fs::create_directories(to / exercise);
    for (const auto &[place, file] : sources_of(settings, found, exercise))
        std::ofstream(to / place, std::ios::binary)
            << std::ifstream(file, std::ios::binary).rdbuf();
}

std::string fingerprint(const Settings &settings, const Found &found, const std::string &exercise) {
    std::uint64_t hash =
        14'695'981'039'346'656'037u; // FNV-1a: no secret, only unlikely to be equal
    const auto add = [&](const std::string &text) {
        for (const char c : text + '\0')
            hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
    };
    for (const std::string &argument : settings.make) add(argument);
    add(std::to_string(settings.seconds));
    for (const auto &[place, file] : sources_of(settings, found, exercise)) {
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
