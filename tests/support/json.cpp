#include "json.h"

#include <cctype>
#include <stdexcept>

namespace test {

namespace {

class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Json whole() {
        Json json = value();
        skip();
        if (at_ != text_.size()) fail("something follows");
        return json;
    }

  private:
    [[noreturn]] void fail(const std::string &what) const {
        throw std::runtime_error("no JSON: " + what + " at byte " + std::to_string(at_));
    }

    void skip() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos)
            ++at_;
    }

    char peek() {
        skip();
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    void take(std::string_view wanted) {
        skip();
        if (text_.substr(at_, wanted.size()) != wanted) fail("no '" + std::string(wanted) + "'");
        at_ += wanted.size();
    }

    std::string string() {
        take("\"");
        std::string all;
        while (true) {
            if (at_ >= text_.size()) fail("a text is not closed");
            const char c = text_[at_++];
            if (c == '"') return all;
            if (static_cast<unsigned char>(c) < ' ') fail("a control character in a text");
            if (c != '\\') {
                all += c;
                continue;
            }
            const char escape = at_ < text_.size() ? text_[at_++] : '\0';
            if (escape == 'n') all += '\n';
            else if (escape == '"' || escape == '\\' || escape == '/') all += escape;
            else if (escape == 'u' && at_ + 4 <= text_.size()) {
                const int code = std::stoi(std::string(text_.substr(at_, 4)), nullptr, 16);
                all += static_cast<char>(code);
                at_ += 4;
            } else fail("an escape that is not used here");
        }
    }

    Json value() {
        Json json;
        const char c = peek();
        if (c == '{') {
            json.kind = Json::object;
            for (take("{"); peek() != '}'; peek() == '}' ? void() : take(",")) {
                const std::string name = string();
                take(":");
                if (!json.members.emplace(name, value()).second) fail("two members " + name);
            }
            take("}");
        } else if (c == '[') {
            json.kind = Json::array;
            for (take("["); peek() != ']'; peek() == ']' ? void() : take(","))
                json.items.push_back(value());
            take("]");
        } else if (c == '"') {
            json.kind = Json::text;
            json.string = string();
        } else if (c == 't' || c == 'f') {
            json.kind = Json::boolean;
            json.truth = c == 't';
            take(json.truth ? "true" : "false");
        } else if (c == 'n') take("null");
        else {
            json.kind = Json::number;
            while (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) ||
                                          std::string_view("+-.eE").find(text_[at_]) != text_.npos))
                json.string += text_[at_++];
            if (json.string.empty()) fail("no value");
            json.value = std::stod(json.string);
        }
        return json;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

Json Json::parse(std::string_view text) { return Reader(text).whole(); }

const Json &Json::operator[](const std::string &name) const {
    const auto found = members.find(name);
    if (found == members.end()) throw std::runtime_error("no member " + name);
    return found->second;
}

} // namespace test
