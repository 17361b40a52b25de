// words: counts the words of files with several processes (MapReduce). Each file is cut into
// pieces. For each piece a process makes a list of its words and how often they occur (map); the
// parent adds these lists up (reduce), and prints the same as
//     cat FILES | tr -s '[:space:]' '\n' | LC_ALL=C sort | uniq -c
//
// Run:        ./asyncio/words -j 2 LAB.md README.md
// Simplified: all different words have to fit into memory. A piece whose process dies is not tried
//             again, but said.
// See also:   tour process, tour shared; executors.h.

#include "arguments.h"
#include "counting.h"
#include "executors.h"
#include "waiting.h"

#include <sys/stat.h>

using namespace std::chrono_literals;
using asyncio::Coroutine;
using Progress = asyncio::SharedValue<std::uint64_t>; // bytes that have been read by all
constexpr arguments::Usage usage = {
    {"words", "Counts the words of files with several processes (asyncio).",
     "j:", "./asyncio/words -j 2 README.md LAB.md"},
    "[-j N] FILE...",
    "  -j N         so many processes at a time, 1 to 256 (as many as there are processors)\n"
    "  FILE         words are what is between white space\n"};

constexpr std::uint64_t piece_size = 8 << 20, everything = ~std::uint64_t(0);
struct Piece { // the words that begin at one of these bytes
    std::string file;
    std::uint64_t begin = 0, end = everything;
    std::string name() const {
        if (begin == 0 && end == everything) return file;
        return file + ", bytes " + std::to_string(begin) + " to " + std::to_string(end - 1) + ",";
    }
};

// ---- Map: in a process of its own
std::string count_words(const Piece &piece, const Progress &progress) {
    const zen::Descriptor file(open(piece.file.c_str(), O_RDONLY));
    counting::Counter counter(piece.begin, piece.end);
    std::string buffer(1 << 18, ' ');
    if (piece.begin > 0) { // the byte before tells whether a word begins here
        const ssize_t size = pread(file.get(), buffer.data(), 1, off_t(piece.begin) - 1);
        if (size > 0 && !counting::is_space(buffer[0])) counter.skip_word();
        lseek(file.get(), off_t(piece.begin), SEEK_SET);
    }
    while (true) {
        const ssize_t size = read(file.get(), buffer.data(), buffer.size());
        if (size < 0) zen::fail("cannot read " + piece.file);
        {
            const std::lock_guard held(progress.get_lock());
            progress.value() += std::uint64_t(size);
        }
        if (size > 0 && counter.take({buffer.data(), std::size_t(size)})) continue;
        if (size == 0) counter.finish_word(); // without white space after it
        return counter.list();
    }
}

// ---- Reduce: in the parent
void print_counts(const counting::Counts &counts) {
    std::vector<const counting::Counts::value_type *> sorted;
    for (const auto &each : counts) sorted.push_back(&each);
    std::sort(sorted.begin(), sorted.end(), [](auto a, auto b) { return a->first < b->first; });
    std::string lines;
    for (const auto *each : sorted) {
        const std::string number = std::to_string(each->second);
        lines.append(number.size() < 7 ? 7 - number.size() : 0, ' ') += number + ' ' + each->first;
        lines += '\n';
        if (lines.size() < 65'536 && each != sorted.back()) continue;
        if (!zen::write_all(STDOUT_FILENO, lines)) zen::fail("cannot print");
        lines.clear();
    }
}

// ---- The program
class Words {
  public:
    Words(std::size_t processes, const std::vector<std::string> &files) : pool_(processes) {
        for (const std::string &file : files) cut(file);
    }
    /// Counts all. Returns the exit status: 1 if something could not be counted, which is said.
    Coroutine<int> run() {
        const auto showing = asyncio::create_task(show_progress());
        std::vector<asyncio::Task<void>> calls;
        for (const Piece &piece : pieces_) calls.push_back(asyncio::create_task(count(piece)));
        co_await asyncio::gather(calls);
        showing.cancel();
        clear_line();
        print_counts(counts_);
        co_return status_;
    }

  private:
    void cut(const std::string &file) {
        struct stat status = {};
        if (stat(file.c_str(), &status) != 0) return fail("cannot read " + file);
        if (!S_ISREG(status.st_mode) || status.st_size == 0) return pieces_.push_back({file});
        if (!zen::Descriptor(open(file.c_str(), O_RDONLY))) return fail("cannot read " + file);
        const auto size = std::uint64_t(status.st_size);
        total_ += size;
        for (std::uint64_t begin = 0; begin < size; begin += piece_size)
            pieces_.push_back({file, begin, size - begin > piece_size ? begin + piece_size : size});
    }
    Coroutine<void> count(Piece piece) {
        const auto list = asyncio::run_in_executor(
            pool_, [piece, progress = progress_] { return count_words(piece, progress); });
        try {
            const std::string lines = co_await list;
            counting::add_list(counts_, lines);
        } catch (const asyncio::BrokenProcessPool &error) {
            say(piece.name() + " is not counted: " + error.what());
        } catch (const std::exception &error) {
            say(error.what());
        }
    }
    // On a terminal only: how much has been read.
    Coroutine<void> show_progress() {
        const asyncio::Finally last([this] { clear_line(); }); // also when a signal has come
        while (shows_ && total_ > 0) {
            const std::uint64_t percent =
                std::min<std::uint64_t>(100 * progress_.value() / total_, 100);
            zen::write_all(STDERR_FILENO, "\r" + std::to_string(percent) + " % of " +
                                              std::to_string(total_ >> 20) + " MiB");
            co_await asyncio::sleep(100ms);
        }
    }
    void clear_line() const {
        if (shows_) zen::write_all(STDERR_FILENO, "\r\x1b[K");
    }
    void fail(const std::string &what) { say(what + ": " + std::strerror(errno)); }
    void say(const std::string &what) {
        clear_line();
        status_ = zen::report(usage.program, what);
    }

    const bool shows_ = isatty(STDERR_FILENO);
    asyncio::ProcessPoolExecutor pool_;
    Progress progress_;
    std::vector<Piece> pieces_;
    std::uint64_t total_ = 0; // bytes
    int status_ = 0;
    counting::Counts counts_;
};

int main(int argc, char *argv[]) {
    std::size_t processes = asyncio::ProcessPoolExecutor::default_workers();
    const auto on_option = [&](char, const std::string &value) {
        processes = std::size_t(usage.number("-j", value, 1, 256));
    };
    const auto files = arguments::read(argc, argv, usage, 1, std::size_t(argc), on_option);
    try {
        Words words(processes, files);
        return asyncio::run(words.run());
    } catch (const asyncio::KeyboardInterrupt &) {
        return 130; // as a shell says of a program that SIGINT has ended
    } catch (const std::exception &error) {
        return zen::report(usage.program, error.what());
    }
}
