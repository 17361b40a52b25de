// LAB.md and README.md as the check of them sees them: headings, and the blocks between ``` lines.
//
// A block of commands stands under the terminal that it belongs to:
//
//     **Terminal 2**, again          "again": it goes on where its last block in the section ended
//
//     ```console                     "console": what the terminal shows, compared with what it does
//     $ nc 127.0.0.1 65432           "sh": commands only, which must succeed
//     Simple is better than?<Return>
//     Complex.^C
//     ```
#ifndef ZEN_LAB_DOCUMENT_H
#define ZEN_LAB_DOCUMENT_H

#include <string>
#include <utility>
#include <vector>

namespace lab {

struct Block {
    int line = 0;         // of the document, where it begins: that of the ```
    std::string language; // "console", "sh", "cpp", "text", ...
    int terminal = 0;     // 0: none is named
    bool again = false;
    std::string file; // of a listing: the name that the paragraph before it gives ("file `NAME`")
    std::vector<std::string> lines;

    bool has_commands() const { return language == "console" || language == "sh"; }
};

/// What stands between a heading and the next one, of whatever level.
struct Section {
    int line = 0, level = 0;
    std::string title, chapter; // the chapter: the heading of level 2 that it belongs to
    std::string anchor;         // as GitHub makes it of the title
    std::vector<Block> blocks;
    /// "Do all this with `./tap/tap` in place of `./tas/tas`": {"tas", "tap"}.
    std::vector<std::pair<std::string, std::string>> variants;

    bool has_commands() const;
    /// The section for another program, as one of its variants says.
    Section varied(const std::pair<std::string, std::string> &variant) const;
    /// The lines of its blocks that are typed at a prompt.
    std::vector<std::string> commands() const;
};

struct Document {
    std::string name;
    std::vector<std::string> lines;
    std::vector<bool> in_block; // for each line, whether it belongs to a block
    std::vector<Section> sections;

    /// "LAB.md:17: ", to be followed by what is wrong there.
    std::string at(int line) const { return name + ":" + std::to_string(line) + ": "; }
};

/// Throws if it cannot be read, or if it has a block without an end.
Document read_document(const std::string &name);

} // namespace lab

#endif
