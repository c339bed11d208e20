# The tables, or with json=1 the JSON, of bench-peers.sh. Reads its results, one measurement a line:
#   ROW|WHAT|UNIT|SYSTEM|REPEAT|A_SECOND P50_US P99_US MAX_US SERVER_US LOAD_US ERRORS
# A ratio compares the same repeat of ours and of the other system, so that both have the same minutes of the machine.
# The lines before that are NAME|TEXT: what was measured, where and how.
BEGIN { FS = "|" }
NF == 2 { about[++abouts] = $1; text[$1] = $2; next }
{
    key = $1 "|" $2
    if (!(key in unit)) order[++rows] = key
    unit[key] = $3
    split($6, column, " ")
    value[key, $4, $5] = $3 == "ms" ? column[2] / 1000 : column[1]
    if (column[5] != "-") value[key, $4 " processor", $5] = column[5]
    errors += column[7]
    if ($5 > repeats) repeats = $5
}
END {
    if (json) print_json()
    else print_tables()
}

# Sets low, middle and high of a row: of the values of a system, or of the ratios of ours to them. Returns their number.
function spread(key, one, ratio, n, i, j, x, sorted) {
    n = 0
    for (i = 1; i <= repeats; i++) {
        if (!((key, one, i) in value)) continue
        if (ratio && !((key, "ours", i) in value)) continue
        x = value[key, one, i]
        if (ratio) x = x ? value[key, "ours", i] / x : 0
        for (j = n++; j > 0 && sorted[j] > x; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = x
    }
    low = sorted[1]; high = sorted[n]
    middle = n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
    return n
}

function shown(key, x) { return unit[key] == "ms" ? sprintf("%.3f", x) : sprintf("%.0f", x) }

# Prints a text in lines of at most 80 columns.
function print_wrapped(text, n, i, words, line) {
    n = split(text, words, " ")
    for (i = 1; i <= n; i++) {
        if (line != "" && length(line " " words[i]) > 80) {
            print line
            line = "   "
        }
        line = line == "" ? words[i] : line " " words[i]
    }
    print line
}

# Prints a table of the medians of the values of each system, or of those with a suffix.
function print_medians(title, suffix, r, s, key, what, line, systems, cell) {
    split("ours etcd postgresql", systems, " ")
    print title
    printf "%3s  %-29s %14s %14s %14s\n", "row", "load", "ours", "etcd", "PostgreSQL"
    for (r = 1; r <= rows; r++) {
        key = order[r]
        split(key, what, "|")
        line = sprintf("%3s  %-29s", what[1], what[2])
        for (s = 1; s <= 3; s++) {
            cell = "-"
            if (spread(key, systems[s] suffix)) cell = suffix ? sprintf("%.1f", middle) : shown(key, middle)
            line = line sprintf(" %14s", cell)
        }
        print line
    }
}

function print_tables(r, s, key, what, line, systems, cell) {
    split("ours etcd postgresql", systems, " ")
    for (r = 1; r <= abouts; r++) print_wrapped(about[r] ": " text[about[r]])
    print ""
    print_medians("Medians; a rate is operations a second, a p50 is in ms.", "")
    print ""
    print_medians("Processor time of all servers for one operation, in microseconds; medians.", " processor")
    print ""
    print "Ours divided by the other, of the same repeat: median (smallest to largest)."
    printf "%3s  %-29s %22s %22s\n", "row", "load", "to etcd", "to PostgreSQL"
    for (r = 1; r <= rows; r++) {
        key = order[r]
        split(key, what, "|")
        line = sprintf("%3s  %-29s", what[1], what[2])
        for (s = 2; s <= 3; s++) {
            cell = spread(key, systems[s], 1) ? sprintf("%.2f (%.2f to %.2f)", middle, low, high) : "-"
            line = line sprintf(" %22s", cell)
        }
        print line
    }
    if (errors) print "\n" errors " calls failed."
}

function quoted(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}

function json_spread() { return sprintf("{\"median\":%.3f,\"min\":%.3f,\"max\":%.3f}", middle, low, high) }

function print_json(r, s, key, what, line, systems) {
    split("ours etcd postgresql", systems, " ")
    line = ""
    for (r = 1; r <= abouts; r++) line = line (r > 1 ? "," : "") quoted(about[r]) ":" quoted(text[about[r]])
    printf "{\"about\":{%s},\"failed_calls\":%d,\"rows\":[", line, errors
    for (r = 1; r <= rows; r++) {
        key = order[r]
        split(key, what, "|")
        printf "%s\n{\"row\":%d,\"load\":%s,\"unit\":%s", (r > 1 ? "," : ""), what[1], quoted(what[2]), quoted(unit[key])
        for (s = 1; s <= 3; s++) {
            if (spread(key, systems[s])) printf ",\"%s\":%s", systems[s], json_spread()
            if (spread(key, systems[s] " processor")) printf ",\"%s_processor_us\":%s", systems[s], json_spread()
            if (s > 1 && spread(key, systems[s], 1)) printf ",\"to_%s\":%s", systems[s], json_spread()
        }
        printf "}"
    }
    print "]}"
}
