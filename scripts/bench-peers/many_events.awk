# Prints an input for `launcher run`: 100 customers with 200 deposits each, spread over 50 branches.
BEGIN {
    printf "["
    for (c = 1; c <= 100; c++) {
        printf "%s\n{\"id\":%d,\"type\":\"customer\",\"events\":[", (c > 1 ? "," : ""), c
        for (e = 1; e <= 200; e++)
            printf "%s{\"id\":%d,\"interface\":\"deposit\",\"branch\":%d,\"money\":1}", (e > 1 ? "," : ""), e, (c + e) % 50 + 1
        printf "]}"
    }
    for (b = 1; b <= 50; b++) printf ",\n{\"id\":%d,\"type\":\"branch\",\"balance\":0}", b
    print "]"
}
