#include "pairs.h"

#include "results.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <iterator>
#include <set>
#include <sstream>

namespace grade {

std::string folded(const std::string &line, bool &in_comment) {
    static const std::set<std::string> words = {
        "if",     "else",  "for",    "while", "do",      "switch", "case",     "break",
        "return", "try",   "catch",  "throw", "const",   "auto",   "continue", "void",
        "class",  "using", "struct", "new",   "include", "define", "namespace"};
    std::string all;
    for (std::size_t i = 0; i < line.size();) {
        const auto is_word = [&](std::size_t at) {
            return at < line.size() &&
                   (std::isalnum(static_cast<unsigned char>(line[at])) || line[at] == '_');
        };
        if (in_comment) {
            in_comment = line.compare(i, 2, "*/") != 0;
            i += in_comment ? 1 : 2;
        } else if (line.compare(i, 2, "//") == 0) break;
        else if (line.compare(i, 2, "/*") == 0) in_comment = true, i += 2;
        else if (is_word(i)) {
            const std::size_t begin = i;
            while (is_word(i)) ++i;
            const std::string word = line.substr(begin, i - begin);
            if (words.count(word)) all += word + ' ';
            else all += std::isdigit(static_cast<unsigned char>(word[0])) ? '0' : 'n';
        } else {
            if (!std::isspace(static_cast<unsigned char>(line[i]))) all += line[i];
            ++i;
        }
    }
    return all;
}

namespace {

// A source as its places: each is three folded lines in a row, as a number.
struct Folded {
    std::vector<std::size_t> places, lines; // where each begins: from 1
    std::vector<std::size_t> set;           // those that count, sorted
};

Folded fold(const std::string &source) {
    Folded all;
    std::vector<std::string> kept;
    std::vector<std::size_t> numbers;
    std::istringstream lines(source);
    bool in_comment = false;
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        const std::string one = folded(line, in_comment);
        ++number;
        if (one.find_first_not_of("{};") == one.npos) continue; // nothing of its own
        kept.push_back(one);
        numbers.push_back(number);
    }
    for (std::size_t i = 0; i + 2 < kept.size(); ++i) {
        const std::string place = kept[i] + '\n' + kept[i + 1] + '\n' + kept[i + 2];
        all.places.push_back(std::hash<std::string>()(place));
        all.lines.push_back(numbers[i]);
    }
    all.set = all.places;
    std::sort(all.set.begin(), all.set.end());
    all.set.erase(std::unique(all.set.begin(), all.set.end()), all.set.end());
    return all;
}

// The longest part in common, of the places that count.
void find_longest(Pair &pair, const Folded &one, const Folded &other) {
    std::vector<std::size_t> before(other.places.size() + 1), now(before);
    for (std::size_t i = 0; i < one.places.size(); ++i, before.swap(now))
        for (std::size_t k = 0; k < other.places.size(); ++k) {
            const bool equal = one.places[i] == other.places[k] &&
                               std::binary_search(one.set.begin(), one.set.end(), one.places[i]);
            now[k + 1] = equal ? before[k] + 1 : 0;
            if (now[k + 1] == 0 || now[k + 1] + 2 <= pair.lines) continue;
            pair.lines = now[k + 1] + 2;
            pair.line = one.lines[i + 1 - now[k + 1]];
            pair.other_line = other.lines[k + 1 - now[k + 1]];
        }
}

bool has_more(const Pair &a, const Pair &b) { return a.same * b.of > b.same * a.of; }

} // namespace

static std::vector<Pair> pairs_of_one(const std::string &program, const Sources &sources,
                                      const std::vector<std::string> &skeleton) {
    std::map<std::size_t, std::size_t> count; // of those who have a place
    std::map<std::string, Folded> all;
    for (const auto &[name, source] : sources) {
        all[name] = fold(source);
        for (const std::size_t place : all[name].set) ++count[place];
    }
    for (const std::string &source : skeleton)
        for (const std::size_t place : fold(source).set) count[place] = sources.size() + 5;
    const std::size_t most = std::max<std::size_t>(4, sources.size() / 2);
    for (auto &[name, one] : all)
        one.set.erase(std::remove_if(one.set.begin(), one.set.end(),
                                     [&](std::size_t place) { return count[place] > most; }),
                      one.set.end());
    std::vector<Pair> pairs;
    for (auto one = all.begin(); one != all.end(); ++one)
        for (auto other = std::next(one); other != all.end(); ++other) {
            std::vector<std::size_t> same;
            std::set_intersection(one->second.set.begin(), one->second.set.end(),
                                  other->second.set.begin(), other->second.set.end(),
                                  std::back_inserter(same));
            Pair pair = {program, one->first, other->first};
            pair.same = same.size();
            pair.of = std::min(one->second.set.size(), other->second.set.size());
            if (pair.same < 5 || pair.same * 4 < pair.of) continue;
            find_longest(pair, one->second, other->second);
            pairs.push_back(pair);
        }
    return pairs;
}

std::vector<Pair> pairs_of(const std::map<std::string, Sources> &programs,
                           const std::vector<std::string> &skeleton) {
    std::vector<Pair> all;
    for (const auto &[program, sources] : programs)
        for (const Pair &pair : pairs_of_one(program, sources, skeleton)) all.push_back(pair);
    std::stable_sort(all.begin(), all.end(), has_more);
    return all;
}

std::string csv(const std::vector<Pair> &pairs) {
    std::string text = "program,student,other student,percent,same places,of,longest part in lines,"
                       "from line,other from line\n";
    for (const Pair &pair : pairs) {
        text += csv_cell(pair.program) + "," + csv_cell(pair.one) + "," + csv_cell(pair.other);
        for (const std::size_t number : {100 * pair.same / pair.of, pair.same, pair.of, pair.lines,
                                         pair.line, pair.other_line})
            text += "," + std::to_string(number);
        text += "\n";
    }
    return text;
}

} // namespace grade
