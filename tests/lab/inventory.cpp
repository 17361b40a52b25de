#include "inventory.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace lab {

namespace fs = std::filesystem;

namespace {

// A source without its comments. A // in a string ends the line here: no name is lost by that.
std::string read_code(const fs::path &path) {
    std::ifstream file(path);
    std::string code;
    for (std::string line; std::getline(file, line);)
        code += line.substr(0, line.find("//")) + "\n";
    return code;
}

// The headers that every program includes, itself or by another one. Their namespace is zen.
bool is_of_all(const std::string &file) { return file == "zen.h" || file == "program.h"; }

bool is_source(const fs::path &path) {
    return path.extension() == ".cpp" || path.extension() == ".h";
}

bool contains_word(const std::string &text, const std::string &word) {
    const auto in_word = [](char c) {
        return c == '_' || std::isalnum(static_cast<unsigned char>(c));
    };
    for (std::size_t i = text.find(word); i != text.npos; i = text.find(word, i + 1)) {
        const std::size_t end = i + word.size();
        if ((i == 0 || !in_word(text[i - 1])) && (end == text.size() || !in_word(text[end])))
            return true;
    }
    return false;
}

} // namespace

std::string output_of(const std::string &command) {
    FILE *pipe = popen(command.c_str(), "r");
    if (!pipe) throw std::runtime_error("cannot run " + command);
    std::string output;
    char buffer[4096];
    for (std::size_t size; (size = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        output.append(buffer, size);
    pclose(pipe);
    return output;
}

Kit::Kit() {
    for (const auto &entry : fs::directory_iterator(".")) {
        const std::string name = entry.path().filename();
        if (is_source(entry.path())) code_[name] = read_code(entry.path());
        if (!entry.is_directory() || name[0] == '.' || name == "build" || name == "tests") continue;
        for (const auto &file : fs::directory_iterator(entry.path())) {
            const std::string path = name + "/" + file.path().filename().string();
            if (is_source(file.path())) code_[path] = read_code(file.path());
            if (file.path().extension() == ".cpp")
                programs_[file.path().stem()] = path.substr(0, path.size() - 4);
        }
    }
    static const std::regex option("  (-[a-z]) .*");
    for (const auto &[name, path] : programs_) {
        std::istringstream help(output_of("./" + path + " -h"));
        std::smatch match;
        for (std::string line; std::getline(help, line);)
            if (std::regex_match(line, match, option)) options_[name][match[1]] = line;
        if (options_[name].empty()) throw std::runtime_error(path + " -h tells no options");
    }
    // A rule: a target with what it is made from, or with commands. One that is only listed as
    // phony has neither.
    std::istringstream rules(output_of("make -npqr 2>/dev/null"));
    static const std::regex rule("([A-Za-z0-9_.%-]+):( .*)?");
    std::string target;
    std::smatch match;
    for (std::string line; std::getline(rules, line);) {
        if (std::regex_match(line, match, rule)) {
            target = match[1];
            if (match[2].matched) targets_.insert(target);
        } else if (line.rfind("#  recipe to execute", 0) == 0) {
            targets_.insert(target);
        }
    }
}

bool Kit::has_target(const std::string &name) const {
    return std::any_of(targets_.begin(), targets_.end(), [&](const std::string &target) {
        const auto percent = target.find('%');
        return percent == target.npos
                   ? target == name
                   : name.size() >= target.size() && name.starts_with(target.substr(0, percent)) &&
                         name.ends_with(target.substr(percent + 1));
    });
}

std::string Kit::kind(const std::string &program) const {
    const std::string &path = programs_.at(program);
    if (path.rfind("framing/", 0) == 0) return "framing";
    for (const char *header : {"lines.h\"", "guessing.h\"", "arguments.h\""})
        if (code_.at(path + ".cpp").find(header) != std::string::npos) return "own";
    return code_.at(path + ".cpp").find("UDP server of") != std::string::npos ? "UDP" : "TCP";
}

bool Kit::has_text(const std::string &program, const std::string &text) const {
    const std::string &path = programs_.at(program);
    const std::string &code = code_.at(path + ".cpp");
    if (code.find(text) != code.npos) return true;
    for (const auto &[file, header] : code_) {
        const std::string name = file.substr(file.rfind('/') + 1);
        if (name.find(".h") != name.npos && (is_of_all(file) || code.find(name) != code.npos) &&
            header.find(text) != header.npos)
            return true;
    }
    return false;
}

bool Kit::has_text(const std::string &text) const {
    for (const auto &[file, code] : code_)
        if (code.find(text) != code.npos) return true;
    return false;
}

bool Kit::has_name(const std::string &name) const {
    const std::size_t colons = name.rfind("::");
    const std::string scope = colons == name.npos ? "" : name.substr(0, colons);
    const std::string member = colons == name.npos ? name : name.substr(colons + 2);
    for (const auto &[file, code] : code_) {
        if (scope == "zen" && !is_of_all(file)) continue;
        if (scope == "socketserver" && file != "socketserver.h") continue;
        if (!scope.empty() && scope != "std" && !contains_word(code, scope)) continue;
        if (contains_word(code, member)) return true;
    }
    return false;
}

bool Kit::defines(const std::string &file, const std::string &name) const {
    const auto place = code_.find(file);
    if (place == code_.end()) return false;
    std::string scope, member = name;
    if (const std::size_t colons = name.rfind("::"); colons != name.npos) {
        scope = name.substr(0, colons);
        member = name.substr(colons + 2);
    }
    if (scope == "zen" || scope == "socketserver") scope.clear();
    const std::string &code = place->second;
    const auto has_class = [&](const std::string &what) {
        return std::regex_search(code, std::regex("(class|struct)\\s+" + what + "\\b"));
    };
    if (!scope.empty() && !has_class(scope)) return false;
    if (has_class(member)) return true;
    // A line of code that is nothing but a type, the name and its parameters, or the name and "=".
    const std::regex function("\\s*([A-Za-z_][\\w:<>,&*\\s]*[\\s*&])?" + member + "\\([^;]*");
    const std::regex constant("\\s*(inline |constexpr |static |const )*[\\w:<>]+ " + member +
                              "(\\[\\])? = .*");
    std::istringstream lines(code);
    for (std::string line; std::getline(lines, line);) {
        const bool statement =
            line.find("return ") != line.npos || line.find("throw ") != line.npos;
        const std::size_t body = line.find(" {");
        if (!statement && std::regex_match(line.substr(0, body), function)) return true;
        if (std::regex_match(line, constant)) return true;
    }
    return false;
}

std::string Kit::value(const std::string &name) const {
    const std::regex assignment("\\b" + name + " = ([0-9']+)");
    std::smatch match;
    for (const auto &[file, code] : code_)
        if (std::regex_search(code, match, assignment))
            return std::regex_replace(match[1].str(), std::regex("'"), "");
    return {};
}

} // namespace lab
