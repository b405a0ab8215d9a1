# TLS: the listener, its certificate and key, what plain HTTP is told, and the folder of ACME challenges; sourced by bin/start.

tls() {
    TLS="" TLS_FILES="" TLS_PORT_SHOWN="" REDIRECT_TO_TLS="" ACME=""
    on_or_off GATEWAY_TLS_REDIRECT on REDIRECT
    whole GATEWAY_TLS_CHECK_S 1 86400 30 TLS_CHECK_S
    case ${MERCADITO_ENV:-production} in production) hsts=31536000 ;; *) hsts=0 ;; esac
    whole GATEWAY_HSTS_S 0 63072000 "$hsts" HSTS_S
    STRICT_TRANSPORT=""
    [ "$HSTS_S" = 0 ] || STRICT_TRANSPORT="max-age=$HSTS_S"
    [ -z "${GATEWAY_ACME_DIR:-}" ] || acme
    if [ -n "${GATEWAY_TLS_PORT:-}${GATEWAY_TLS_CERTIFICATE_FILE:-}${GATEWAY_TLS_KEY_FILE:-}" ]; then
        tls_listener
    fi
    export TLS TLS_FILES TLS_PORT_SHOWN REDIRECT_TO_TLS ACME STRICT_TRANSPORT
}

acme() {
    matching GATEWAY_ACME_DIR "$place" "an absolute path of plain characters" "" ACME_DIR
    [ -d "$ACME_DIR" ] || problem "GATEWAY_ACME_DIR is not a folder: $ACME_DIR"
    ACME="location ^~ /.well-known/acme-challenge/ { root $ACME_DIR; default_type text/plain; }"
}

tls_listener() {
    for name in GATEWAY_TLS_PORT GATEWAY_TLS_CERTIFICATE_FILE GATEWAY_TLS_KEY_FILE; do
        eval "value=\${$name:-}"
        [ -n "$value" ] || problem "$name is missing: the port, the certificate and the key of TLS are given together or not at all"
    done
    whole GATEWAY_TLS_PORT 1 65535 1 TLS_PORT
    whole GATEWAY_TLS_PUBLIC_PORT 1 65535 "$TLS_PORT" TLS_PUBLIC_PORT
    for other in "$PORT" "$ADMIN_PORT"; do
        [ "$TLS_PORT" != "$other" ] || problem "GATEWAY_TLS_PORT is another listener's: $TLS_PORT"
    done
    matching GATEWAY_TLS_CERTIFICATE_FILE "$place" "an absolute path of plain characters" /none TLS_CERTIFICATE_FILE
    matching GATEWAY_TLS_KEY_FILE "$place" "an absolute path of plain characters" /none TLS_KEY_FILE
    if [ -n "${GATEWAY_TLS_CERTIFICATE_FILE:-}" ] && [ -n "${GATEWAY_TLS_KEY_FILE:-}" ]; then
        reason=$(certificate_problem)
        [ -z "$reason" ] || problem "$reason"
    fi
    TLS_FILES="ssl_certificate $TLS_CERTIFICATE_FILE; ssl_certificate_key $TLS_KEY_FILE; include $home/conf/tls.conf;"
    [ "$TLS_PUBLIC_PORT" = 443 ] || TLS_PORT_SHOWN=":$TLS_PUBLIC_PORT"
    [ "$REDIRECT" = off ] || REDIRECT_TO_TLS="include $home/conf/redirect.conf;"
}

# After find_nginx: `listen … http2` is deprecated since 1.25.1, and a `http2` directive unknown before.
listen_with_tls() {
    [ -n "$TLS_FILES" ] || return 0
    listen="listen $BIND:$TLS_PORT ssl"
    if at_least 1 25 1; then
        TLS="$listen $LISTEN_OPTIONS; http2 on;"
    else
        TLS="$listen http2 $LISTEN_OPTIONS;"
    fi
}
