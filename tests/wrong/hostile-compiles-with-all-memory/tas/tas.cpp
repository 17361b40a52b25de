// Makes a program of 4 GiB: the compiler, the assembler or the disk gives up first.

char zeros[1ul << 32] = {1};

int main() { return zeros[1]; }
