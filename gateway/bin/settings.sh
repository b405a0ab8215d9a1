# Reads the environment for bin/start; sourced. Every check adds to `problems`, so that all are told at once.
# Each value is exported under the name that conf/nginx.conf.template uses.

problems=""

problem() {
    problems="$problems
  - $1"
}

# whole NAME MINIMUM MAXIMUM DEFAULT TEMPLATE_NAME (no default: required)
whole() {
    eval "value=\${$1:-$4}"
    case $value in
        "") problem "$1 is missing" ;;
        *[!0-9]* | ??????????*) problem "$1 is not a whole number: $value" ;;
        *)
            if [ "$value" -lt "$2" ] || [ "$value" -gt "$3" ]; then
                problem "$1 must be from $2 to $3: $value"
            fi ;;
    esac
    export "$5=$value"
}

# matching NAME PATTERN WHAT DEFAULT TEMPLATE_NAME: PATTERN is an extended regular expression for the whole value
matching() {
    eval "value=\${$1:-\$4}"
    if [ -z "$value" ]; then
        problem "$1 is missing"
    elif ! printf '%s\n' "$value" | grep -Eqx -- "$2" || [ "$(printf '%s\n' "$value" | wc -l)" != 1 ]; then
        problem "$1 is not $3: $value"
    fi
    export "$5=$value"
}

# on_or_off NAME DEFAULT TEMPLATE_NAME
on_or_off() {
    matching "$1" 'on|off' "on or off" "$2" "$3"
}

octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
address="$octet(\\.$octet){3}"

# port NAME VALUE: complains unless VALUE, digits only, is a port
port() {
    if ! { [ "$2" -ge 1 ] && [ "$2" -le 65535 ]; } 2>/dev/null; then
        problem "$1 has no valid port: $2"
    fi
}

# upstream NAME: splits host:port into NAME's TEMPLATE_HOST and TEMPLATE_PORT
upstream() {
    matching "$1_UPSTREAM" '[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?:[0-9]{1,5}' "host:port" "" TARGET
    host=${TARGET%:*} port=${TARGET##*:}
    [ -z "$TARGET" ] || port "$1_UPSTREAM" "$port"
    # nginx needs no help with an address; for a name see gate.lua.
    server=0.0.0.1
    case $host in
        localhost) server=127.0.0.1:$port ;;
        *[!0-9.]*) named_upstream=$host ;;
        *) server=$TARGET ;;
    esac
    export "$1_HOST=$host" "$1_PORT=$port" "$1_SERVER=$server"
}

# So that an answer of 200 kB is done with when its service has sent it. The kernel takes twice this of memory, which
# counts for this container: README.md, "Fixed".
SEND_BUFFER_KB=160

listeners() {
    export LISTEN_OPTIONS="reuseport backlog=4096 so_keepalive=on sndbuf=${SEND_BUFFER_KB}k"
    whole GATEWAY_PORT 1 65535 "" PORT
    whole GATEWAY_ADMIN_PORT 1 65535 "" ADMIN_PORT
    matching GATEWAY_BIND "$address" "an IPv4 address" 0.0.0.0 BIND
    matching GATEWAY_ADMIN_BIND "$address" "an IPv4 address" 127.0.0.1 ADMIN_BIND
    if [ -n "$PORT" ] && [ "$PORT" = "$ADMIN_PORT" ]; then
        problem "GATEWAY_PORT and GATEWAY_ADMIN_PORT are the same: $PORT"
    fi
}

services() {
    named_upstream=""
    for service in ORDERS USDA NOTIFY REALTIME_HTTP REALTIME_WS; do
        upstream "$service"
    done
    from_system=$(sed -n 's/^nameserver[[:space:]]\{1,\}\([0-9.]\{7,\}\)[[:space:]]*$/\1/p' /etc/resolv.conf 2>/dev/null | head -n 1)
    matching GATEWAY_RESOLVER "$address(:[0-9]{1,5})?" "the IPv4 address of a name server" \
        "${from_system:-127.0.0.1}" RESOLVER
    export RESOLVER_HOST="${RESOLVER%:*}" RESOLVER_PORT=53
    case $RESOLVER in *:*) RESOLVER_PORT=${RESOLVER##*:} ;; esac
    port GATEWAY_RESOLVER "$RESOLVER_PORT"
    if [ -n "$named_upstream" ] && [ -z "${GATEWAY_RESOLVER:-}$from_system" ]; then
        problem "GATEWAY_RESOLVER is missing, and /etc/resolv.conf names none: $named_upstream can't be found"
    fi
}

at_least_30() {
    if [ "$1" -gt 30 ] 2>/dev/null; then echo "$1"; else echo 30; fi
}

bounds() {
    whole GATEWAY_WORKERS 1 64 2 WORKERS
    whole GATEWAY_HOLD_S 1 300 25 HOLD_S
    whole GATEWAY_HOLD_REQUESTS 1 100000 2000 HOLD_REQUESTS
    # 4 services, 4 keys a request, 256 bytes a key.
    [ -n "$problems" ] || export CLIENTS_MB=$((HOLD_REQUESTS / 256 + 2))
    whole GATEWAY_HOLD_MB 1 65536 256 HOLD_MB
    whole GATEWAY_SHARE_PERCENT 1 100 5 SHARE_PERCENT
    whole GATEWAY_ADDRESS_SHARES 1 100 4 ADDRESS_SHARES
    whole GATEWAY_PLACE_S 1 600 10 PLACE_S
    whole GATEWAY_UPGRADES_PER_S 1 10000 50 UPGRADES_PER_S
    whole GATEWAY_BODY_MB 1 1024 10 BODY_MB
    whole GATEWAY_PAUSE_MAX_S 1 3600 600 PAUSE_MAX_S
    whole GATEWAY_RETRY_AFTER_S 1 600 3 RETRY_AFTER_S
    whole ORDERS_CONCURRENCY 0 10000 16 ORDERS_CONCURRENCY
    whole USDA_CONCURRENCY 0 10000 64 USDA_CONCURRENCY
    whole NOTIFY_CONCURRENCY 0 10000 64 NOTIFY_CONCURRENCY
    whole GATEWAY_PROBE_MS 10 10000 25 PROBE_MS
    whole GATEWAY_PROBE_UP_MS 50 60000 500 PROBE_UP_MS
    whole GATEWAY_CONNECT_MS 10 10000 500 CONNECT_MS
    whole GATEWAY_CONNECT_TRIES 1 5 1 CONNECT_TRIES
    whole GATEWAY_ANSWER_S 1 600 60 ANSWER_S
    whole GATEWAY_STREAM_IDLE_S 10 86400 120 STREAM_IDLE_S
    whole GATEWAY_UPSTREAM_IDLE_S 1 600 4 UPSTREAM_IDLE_S
    whole GATEWAY_CLIENT_HEAD_S 1 600 10 CLIENT_HEAD_S
    whole GATEWAY_CLIENT_BODY_S 1 600 15 CLIENT_BODY_S
    whole GATEWAY_CLIENT_READ_S 1 600 30 CLIENT_READ_S
    whole GATEWAY_CLIENT_IDLE_S 1 3600 65 CLIENT_IDLE_S
    whole GATEWAY_CONNECTIONS 64 16000 4096 CONNECTIONS
    # Who waits when a worker leaves must still be answered.
    whole GATEWAY_SHUTDOWN_S 1 600 "$(at_least_30 "$HOLD_S")" SHUTDOWN_S
    if [ -z "$problems" ] && [ "$SHUTDOWN_S" -lt "$HOLD_S" ]; then
        problem "GATEWAY_SHUTDOWN_S is less than GATEWAY_HOLD_S: $SHUTDOWN_S, $HOLD_S"
    fi
}

# What may come from one address: the demo's limits are those of design/interfaces.md.
limits() {
    case ${MERCADITO_ENV:-production} in
        demo | test) rate=1000 sign_ins=600 requests=20000 large=40 ;;
        production) rate=100 sign_ins=30 requests=400 large=10 ;;
        *) problem "MERCADITO_ENV must be production, demo or test: $MERCADITO_ENV" ;;
    esac
    whole GATEWAY_RATE_PER_S 1 1000000 "${rate:-1}" RATE_PER_S
    whole GATEWAY_SIGN_INS_PER_MIN 1 1000000 "${sign_ins:-1}" SIGN_INS_PER_MIN
    whole GATEWAY_ADDRESS_REQUESTS 1 65535 "${requests:-1}" ADDRESS_REQUESTS
    whole GATEWAY_ADDRESS_LARGE_REQUESTS 1 65535 "${large:-1}" ADDRESS_LARGE_REQUESTS
    whole GATEWAY_LARGE_REQUESTS 1 65535 40 LARGE_REQUESTS
    # Of each worker its part, rounded down, so that the sum is what the disk has room for; but one at least.
    export LARGE_REQUESTS_EACH=1 # where one of them is none, which is said already
    if [ "$WORKERS" -ge 1 ] && [ "$LARGE_REQUESTS" -ge 1 ]; then
        LARGE_REQUESTS_EACH=$(expr "$LARGE_REQUESTS" / "$WORKERS")
        [ "$LARGE_REQUESTS_EACH" -ge 1 ] || LARGE_REQUESTS_EACH=1
    fi 2>/dev/null
    path='/[A-Za-z0-9/_-]*'
    matching GATEWAY_SIGN_IN_PATHS "$path(,$path)*" "a list of paths" /api/v1/tokens,/sign-in,/sign-in/code,/forgot,/login SIGN_IN_PATHS
    # Each path, and with a slash at its end.
    export SIGN_IN_ADDRESSES="$(printf %s "$SIGN_IN_PATHS" | tr , '\n' | sed 's#/*$##; s#.*#& $client_network; &/ $client_network;#' | sort -u | tr '\n' ' ')"
    matching GATEWAY_KEYED_PATHS "$path(,$path)*" "a list of paths" /api/v1/orders KEYED_PATHS
    export KEYED_PATTERN="$(printf %s "$KEYED_PATHS" | tr , '|')"
    matching GATEWAY_KEYED_FORMS "$path(,$path)*" "a list of paths" /orders,/staff KEYED_FORMS
    export FORMS_PATTERN="$(printf %s "$KEYED_FORMS" | tr , '|')"
    KEYED_FORMS="\"$(printf %s "$KEYED_FORMS" | sed 's/,/", "/g')\""
    KEYED_PATHS="\"$(printf %s "$KEYED_PATHS" | sed 's/,/", "/g')\""
}

place='/[A-Za-z0-9/._+~-]*'

folders() {
    matching GATEWAY_STATE_DIR "$place" "an absolute path of plain characters" "" STATE_DIR
    matching STATIC_DIR "$place" "an absolute path of plain characters" "" STATIC_DIR
    if [ -n "$STATIC_DIR" ] && [ ! -d "$STATIC_DIR" ]; then
        problem "STATIC_DIR is not a folder: $STATIC_DIR"
    fi
    if [ -z "$problems" ] && ! mkdir -p "$STATE_DIR/workers" "$STATE_DIR/pauses" "$STATE_DIR/boots" "$STATE_DIR/tmp" 2>/dev/null; then
        problem "GATEWAY_STATE_DIR can't be written: $STATE_DIR"
    fi
    matching GATEWAY_ADMIN_TOKEN_FILE "$place" "an absolute path of plain characters" "" ADMIN_TOKEN_FILE
    [ -z "$ADMIN_TOKEN_FILE" ] || token "$ADMIN_TOKEN_FILE"
    matching GATEWAY_ACCESS_LOG "$place" "an absolute path of plain characters" /dev/stdout ACCESS_LOG
    case ${LOG_LEVEL:-info} in
        debug) ERROR_LEVEL=info ;;
        # From crit on lines of nginx's own name clients and whole request lines: a full disk, a handshake that it does not
        # understand, no port left for a connection.
        info | warning | error | critical) ERROR_LEVEL=emerg ;;
        *) problem "LOG_LEVEL must be debug, info, warning, error or critical: $LOG_LEVEL" ;;
    esac
    export ERROR_LEVEL
}

token() {
    secret=$(head -n 1 "$1" 2>/dev/null) || secret=""
    if [ -z "$secret" ]; then
        problem "GATEWAY_ADMIN_TOKEN_FILE is empty or can't be read: $1"
    elif [ "${MERCADITO_ENV:-production}" = production ] && [ ${#secret} -lt 24 ]; then
        problem "GATEWAY_ADMIN_TOKEN_FILE holds a weak secret: 24 characters or more in production"
    fi
}
