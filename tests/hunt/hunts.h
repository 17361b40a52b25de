// The hunts: wrong programs of tests/wrong of which a student sees what a user would see, and finds the
// mistake. symptoms.txt lists them; it tells its own form.
#ifndef ZEN_TESTS_HUNT_HUNTS_H
#define ZEN_TESTS_HUNT_HUNTS_H

#include <string>
#include <string_view>
#include <vector>

namespace hunt {

struct Hunt {
    int number = 0;
    std::string name;    ///< of the file in tests/wrong, without ".edit"
    std::string symptom; ///< what a user sees
    std::string lesson;  ///< what there is to be learned, of those in LAB.md; else empty
};

/// Reads symptoms.txt. Throws std::runtime_error, with the number of the line; the numbers must be 1, 2, 3 ...
std::vector<Hunt> read_hunts(std::string_view text);

/// The hunt of a seed: always the same one for the same list, and for other seeds likely another one.
/// `hunts` must not be empty.
const Hunt &chosen(const std::vector<Hunt> &hunts, std::string_view seed);

/// Where two texts differ last: the first line of the function that this is in, as it stands in `one`;
/// outside of all functions, the line itself.
std::string place_of_change(std::string_view one, std::string_view other);

} // namespace hunt

#endif
