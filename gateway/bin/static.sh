# What is known of the static files; sourced by bin/start. A map of nginx names the files whose address carries their version,
# as orders draws it: ?v= and the first 12 figures of the content's SHA-256. An address of another release's, before or after
# this one, must not be kept with what lies here. The mark (nginx's own ETag) binds it to the file that was looked at.

STAMP_CHARACTERS=12
LONGEST_STATIC_PATH=160 # with all else in a line of the map: map_hash_bucket_size (http.conf)

# name_static_versions FILE: writes the map's lines. Names with other than plain characters have no version.
name_static_versions() {
    {
        (cd "$STATIC_DIR" && find -L . -type f -exec stat -L -c '%Y %s %n' {} +)
        (cd "$STATIC_DIR" && find -L . -type f -exec sha256sum {} +)
    } | awk -v stamp="$STAMP_CHARACTERS" -v longest="$LONGEST_STATIC_PATH" '
        $NF !~ /^\.\/[A-Za-z0-9\/._+~-]+$/ || length($NF) > longest { next }
        NF == 3 { mark[$3] = sprintf("%x-%x", $1, $2) }
        NF == 2 && $2 in mark { printf "\"%s:/static/%s:%s\" 1;\n", mark[$2], substr($2, 3), substr($1, 1, stamp) }
    ' >"$1"
}
