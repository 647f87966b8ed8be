# SPDX-License-Identifier: Apache-2.0
# Turn sql/NNNN_name.sql files, given in order, into the C array of migrations.  Each line becomes a string literal, so
# that no literal outgrows what compilers take.
function name(path,    n, part) {
    n = split(path, part, "/")
    sub(/\.sql$/, "", part[n])
    return part[n]
}
BEGIN { print "/* made by sql2c.awk from sql/; do not edit */" }
FNR == 1 {
    if (open) print "    NULL};"
    files[++count] = name(FILENAME)
    printf "static const char *const sql_%d[] = {\n", count
    open = 1
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\"")
    printf "    \"%s\\n\",\n", $0
}
END {
    if (open) print "    NULL};"
    print "static const struct migration migrations[] = {"
    for (i = 1; i <= count; i++)
        printf "    {%d, \"%s\", sql_%d},\n", substr(files[i], 1, 4) + 0, files[i], i
    print "};"
}
