// The tables of the handout against the programs.
#ifndef ZEN_LAB_TABLES_H
#define ZEN_LAB_TABLES_H

#include "names.h"

#include <string>

namespace lab {

/// The table of the options: it lists all, for each the programs that have it, and the defaults.
std::string check_options(const Document &document, const Kit &kit);
/// The table of the lines that servers print.
std::string check_log_lines(const Document &document, const Kit &kit, const Names &names);

} // namespace lab

#endif
