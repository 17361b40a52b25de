// Includes what somebody types at the compiler: without /dev/null there, it waits for ever.

#include "/dev/stdin"

int main() { return 0; }
