# What is wrong with the certificate and its key; sourced by bin/start and used again for renewed ones by bin/attendant.sh.
# Without the openssl command only `nginx -t` judges: everything but the dates.

find_openssl() {
    for candidate in openssl /usr/local/openresty/openssl*/bin/openssl; do
        command -v "$candidate" && return
    done
}

seconds() {
    date -d "${1#*=}" +%s
}

# Prints the reason why nginx should not be given these files, or nothing.
certificate_problem() {
    for pair in "GATEWAY_TLS_CERTIFICATE_FILE $TLS_CERTIFICATE_FILE" "GATEWAY_TLS_KEY_FILE $TLS_KEY_FILE"; do
        file=${pair#* }
        [ -f "$file" ] && [ -r "$file" ] && [ -s "$file" ] || { echo "${pair% *} is empty or can't be read: $file"; return; }
    done
    openssl=$(find_openssl) || return 0
    if ! certified=$("$openssl" x509 -in "$TLS_CERTIFICATE_FILE" -noout -pubkey 2>/dev/null); then
        echo "GATEWAY_TLS_CERTIFICATE_FILE holds no certificate (PEM): $TLS_CERTIFICATE_FILE"
    elif ! own=$("$openssl" pkey -in "$TLS_KEY_FILE" -passin pass: -pubout 2>/dev/null </dev/null); then
        echo "GATEWAY_TLS_KEY_FILE holds no private key without a passphrase (PEM): $TLS_KEY_FILE"
    elif [ "$certified" != "$own" ]; then
        echo "GATEWAY_TLS_KEY_FILE is not the key of GATEWAY_TLS_CERTIFICATE_FILE: $TLS_KEY_FILE"
    elif ! "$openssl" x509 -in "$TLS_CERTIFICATE_FILE" -noout -checkend 0 >/dev/null 2>&1; then
        echo "GATEWAY_TLS_CERTIFICATE_FILE has expired: $("$openssl" x509 -in "$TLS_CERTIFICATE_FILE" -noout -enddate)"
    elif [ "$(seconds "$("$openssl" x509 -in "$TLS_CERTIFICATE_FILE" -noout -startdate)")" -gt "$(date +%s)" ]; then
        echo "GATEWAY_TLS_CERTIFICATE_FILE is not valid yet: $("$openssl" x509 -in "$TLS_CERTIFICATE_FILE" -noout -startdate)"
    fi
}

# For /metrics: the second in which the certificate ends that nginx is about to show.
note_certificate_end() {
    rm -f "$STATE_DIR/certificate-end"
    [ -n "$TLS_FILES" ] && openssl=$(find_openssl) || return 0
    seconds "$("$openssl" x509 -in "$TLS_CERTIFICATE_FILE" -noout -enddate)" >"$STATE_DIR/certificate-end.new"
    mv "$STATE_DIR/certificate-end.new" "$STATE_DIR/certificate-end"
}

# Changes when the contents of a file do, wherever a link leads by now.
certificate_mark() {
    cat "$TLS_CERTIFICATE_FILE" "$TLS_KEY_FILE" 2>&1 | cksum
}

# The master reads the key; who serves strangers need not.
warn_of_readable_key() {
    reader=$(printf %s "$WORKER_USER" | sed -n 's/^user \([^ ]*\) .*$/\1/p')
    case $reader in "" | root) return ;; esac
    if su -s /bin/sh "$reader" -c "test -r '$TLS_KEY_FILE'" >/dev/null 2>&1; then
        echo "gateway: the workers' user $reader can read the key of the certificate: $TLS_KEY_FILE" >&2
    fi
}
