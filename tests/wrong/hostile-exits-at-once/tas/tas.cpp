// Says nothing and ends at once, as if all were well.

int main() { return 0; }
