// The picture of a server as SVG, 800 pixels wide, for light and dark screens; and a page with all of them.
#ifndef ZEN_TESTS_PICTURE_DRAW_H
#define ZEN_TESTS_PICTURE_DRAW_H

#include "model.h"

#include <string>
#include <vector>

namespace picture {

/// A document with the picture, and a legend below.
std::string svg(const Picture &picture);

/// A page in HTML that shows NAME.svg for each name, side by side where there is room.
std::string page(const std::vector<std::string> &names);

/// `bytes` as they stand in a picture: in quotes, with a dot for each that cannot be printed, and without the
/// blanks that fill a frame.
std::string label(const std::string &bytes);

} // namespace picture

#endif
