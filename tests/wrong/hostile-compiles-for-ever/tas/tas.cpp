// Takes the compiler minutes, if it gets through at all: each value needs two others, and no two
// are the same.

template <unsigned long path, int depth> struct Value {
    static constexpr unsigned long value =
        Value<2 * path, depth - 1>::value ^ Value<2 * path + 1, depth - 1>::value;
};
template <unsigned long path> struct Value<path, 0> {
    static constexpr unsigned long value = path;
};

int main() { return Value<1, 24>::value == 0; }
