// A printed line against the one that a terminal shows. What differs from run to run:
//
// - the port of a client, which the system chooses (32768 to 60999, behind an address);
// - the number of a process or a thread: after "[1] ", "pid " and "pid=", and, of five digits and
//   more, in what ps and lsof print;
// - a number after "~": it is about that, within a factor of ten; for seconds, of 50;
// - the data of epoll, of which newer versions of strace print data=0x3.
//
// A port or a process that the section has named before has the same number again. All else is
// compared byte by byte; of the spaces in a line of ps or lsof only where they are.
#ifndef ZEN_LAB_PATTERNS_H
#define ZEN_LAB_PATTERNS_H

#include <map>
#include <string>

namespace lab {

class Numbers {
  public:
    /// Whether a line that a terminal shows is the one that is printed. `table`: of ps or lsof.
    bool match(const std::string &printed, const std::string &shown, bool table);

    /// A printed command as it is to be typed here: with the numbers of the processes of this run.
    std::string typed(const std::string &command) const;

  private:
    std::map<std::string, std::string> shown_of_; // by what is printed, in this section
};

} // namespace lab

#endif
