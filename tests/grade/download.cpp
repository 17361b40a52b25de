#include "download.h"

#include "results.h"

#include "../support/programs.h"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>
#include <stdexcept>
#include <tuple>

#include <unistd.h>

namespace fs = std::filesystem;

namespace grade {

namespace {

constexpr std::uintmax_t most_source = 1 << 20; // bytes
constexpr std::size_t most_sources = 100;       // of an exercise
constexpr int most_depth = 8;
constexpr std::size_t most_entries = 20'000;

bool has_suffix(const fs::path &path, std::initializer_list<const char *> suffixes) {
    const std::string suffix = lower(path.extension());
    return std::find(suffixes.begin(), suffixes.end(), suffix) != suffixes.end();
}
bool is_source(const fs::path &path) {
    return has_suffix(path, {".cpp", ".h", ".hpp", ".hh", ".hxx", ".inc", ".ipp", ".tpp"});
}
bool is_archive(const fs::path &path) {
    return has_suffix(path, {".zip", ".tar", ".gz", ".tgz", ".xz", ".7z", ".rar"});
}

// What systems and builds leave, and the tests of the kit.
bool is_litter(const std::string &name) {
    return name.empty() || name[0] == '.' || name == "__MACOSX" || name == "build" ||
           name == "tests";
}

// The names in a list, or how many they are more.
std::string listed(const std::vector<std::string> &names, std::size_t most = 8) {
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
        list += (i == 0 ? "" : ", ") + names[i];
    return names.size() <= most ? list
                                : list + " and " + std::to_string(names.size() - most) + " more";
}

// The sources below a directory, by the place they have in the submission.
class Walk {
  public:
    explicit Walk(Found &found) : found_(found) {}
    std::map<fs::path, fs::path> files;

    void look_at(const fs::path &place, const fs::path &path, int depth = 0) {
        std::error_code error;
        const fs::file_status status = fs::symlink_status(path, error);
        const auto leave = [&](const char *why) {
            found_.remarks.push_back(plain(place) + " is left out: " + why);
        };
        if (++entries_ > most_entries) return;
        if (fs::is_symlink(status)) {
            if (is_source(place) || !place.has_extension())
                leave("it is a symbolic link, and none is followed");
        } else if (fs::is_directory(status)) {
            if (depth == most_depth) return leave("it is too deep");
            std::set<fs::path> names;
            for (const auto &entry : fs::directory_iterator(path, error))
                if (!is_litter(entry.path().filename())) names.insert(entry.path().filename());
            for (const fs::path &name : names) look_at(place / name, path / name, depth + 1);
        } else if (is_archive(place)) leave("it is an archive, to be unpacked into a directory");
        else if (!is_source(place)) return;
        else if (!fs::is_regular_file(status)) leave("it is no plain file");
        else if (access(path.c_str(), R_OK) != 0) leave("it may not be read");
        else if (fs::file_size(path, error) > most_source) leave("it is larger than a mebibyte");
        else files[place] = path;
    }

  private:
    Found &found_;
    std::size_t entries_ = 0;
};

// A source's name without what Canvas or a browser puts behind it ("tas-1.cpp", "tas (1).cpp"), and
// that number.
std::pair<std::string, long> stem_of(const fs::path &file) {
    static const std::regex numbered(R"((.*?)(?:[-_]| ?\()(\d{1,6})\)?)");
    const std::string stem = lower(file.stem());
    std::smatch parts;
    if (!std::regex_match(stem, parts, numbered)) return {stem, 0};
    return {parts[1], std::atol(parts[2].str().c_str())};
}

// A program of an exercise: tas of tas, abs of framing.
struct Target {
    std::string exercise, program;
};

std::vector<Target> targets() {
    std::vector<Target> all;
    for (const test::Program &program : test::graded_programs()) {
        const fs::path path = program.path;
        all.push_back({path.parent_path(), path.filename()});
    }
    return all;
}

bool is_of(const fs::path &file, const std::string &program) {
    return lower(file.extension()) == ".cpp" && stem_of(file).first == program;
}

auto depth_of(const fs::path &path) { return std::distance(path.begin(), path.end()); }

} // namespace

Found find_sources(const Submission &submission) {
    Found found;
    Walk walk(found);
    for (const auto &[name, path] : submission) walk.look_at(name, path);
    std::set<fs::path> used;
    const auto take = [&](const std::string &place, const fs::path &file) {
        found.sources[place] = walk.files.at(file);
        used.insert(file);
    };
    // Directories: of those of that name the least deep in which one of its programs is.
    std::map<fs::path, std::vector<std::string>> nested; // exercises, by the directory around them
    std::map<std::string, fs::path> directories;
    for (const auto &[exercise, program] : targets())
        for (const auto &[file, path] : walk.files) {
            const fs::path directory = file.parent_path();
            if (lower(directory.filename()) != exercise || !is_of(file, program)) continue;
            const auto [at, fresh] = directories.emplace(exercise, directory);
            if (!fresh && depth_of(directory) < depth_of(at->second)) at->second = directory;
        }
    for (const auto &[exercise, directory] : directories) {
        if (directory != exercise) nested[directory.parent_path()].push_back(exercise + "/");
        std::size_t count = 0;
        for (const auto &[file, path] : walk.files)
            if (file.parent_path() == directory && ++count <= most_sources)
                take(exercise + "/" + file.filename().string(), file);
    }
    for (const auto &[around, exercises] : nested)
        found.remarks.push_back((around.empty() ? "" : "in " + plain(around) + "/: ") +
                                listed(exercises, 20) + (exercises.size() > 1 ? " are" : " is") +
                                " taken from there");
    // Flat files: of those with that name the least deep, and of these the one handed in last.
    for (const auto &[exercise, program] : targets()) {
        const std::string place = exercise + "/" + program + ".cpp";
        if (found.sources.count(place)) continue;
        const fs::path *best = nullptr;
        for (const auto &[file, path] : walk.files) {
            const auto rank = [](const fs::path &one) {
                return std::tuple(-depth_of(one), stem_of(one).second);
            };
            if (is_of(file, program) && (!best || rank(file) > rank(*best))) best = &file;
        }
        if (!best) continue;
        take(place, *best);
        found.remarks.push_back(plain(*best) + " is taken for " + place);
        for (const auto &[file, path] : walk.files) // and the headers beside it
            if (file.parent_path() == best->parent_path() && lower(file.extension()) != ".cpp")
                take(exercise + "/" + file.filename().string(), file);
    }
    for (const char *header : {"zen.h", "program.h", "socketserver.h"})
        for (const auto &[file, path] : walk.files)
            if (file.filename() == header && !found.sources.count(header)) take(header, file);
    std::vector<std::string> left;
    for (const auto &[file, path] : walk.files)
        if (!used.count(file)) left.push_back(plain(file));
    if (!left.empty())
        found.remarks.push_back("left out, as no exercise is made of it: " + listed(left));
    return found;
}

namespace {

// Who has handed in what, read from a name that Moodle or Canvas has given. False: it has not.
bool named_by_a_system(const std::string &name, Submitter &student, std::string &id,
                       std::string &handed_in) {
    static const std::regex moodle(R"((.+)_(\d+)_assignsubmission_file_?(.*))");
    static const std::regex canvas(R"(([^_]+)_(?:LATE_|late_)?(\d+)_(\d+)_(.+))");
    std::smatch parts;
    if (std::regex_match(name, parts, moodle)) {
        student.keys = {"Identifier=Participant " + parts[2].str(), parts[1]};
        handed_in = parts[3];
    } else if (std::regex_match(name, parts, canvas)) {
        student.keys = {"ID=" + parts[2].str(), parts[1]};
        handed_in = parts[4];
    } else return false;
    student.name = parts[1];
    id = parts[2];
    return true;
}

} // namespace

std::vector<Submitter> students_in(const std::string &directory,
                                   std::vector<std::string> &remarks) {
    std::map<std::string, Submitter> found; // by the name and the number
    std::set<fs::path> names;
    for (const auto &entry : fs::directory_iterator(directory)) names.insert(entry.path());
    std::vector<std::string> left;
    for (const fs::path &path : names) {
        const std::string name = path.filename();
        if (is_litter(name)) continue;
        const bool is_directory = fs::is_directory(fs::symlink_status(path));
        Submitter student = {name, {name}, {}};
        std::string id, handed_in;
        if (fs::is_symlink(path))
            remarks.push_back(plain(name) + " is a symbolic link: it is not followed");
        else if (named_by_a_system(name, student, id, handed_in) || is_directory)
            found.emplace(student.name + "_" + id, student).first->second.submission[handed_in] =
                path;
        else left.push_back(plain(name));
    }
    if (!left.empty()) remarks.push_back("no student's: " + listed(left));
    std::map<std::string, int> count;
    for (const auto &[key, student] : found) ++count[student.name];
    std::vector<Submitter> students;
    for (const auto &[key, student] : found) {
        students.push_back(student);
        if (count[student.name] > 1) students.back().name = key;
        if (student.keys.front() != student.name)
            remarks.push_back(plain(students.back().name) + ": " +
                              plain(student.submission.begin()->second.filename()) +
                              (student.submission.size() > 1 ? " and so on" : ""));
    }
    if (students.empty()) throw std::runtime_error("no submission is in " + directory);
    std::sort(students.begin(), students.end(),
              [](const Submitter &a, const Submitter &b) { return a.name < b.name; });
    return students;
}

} // namespace grade
