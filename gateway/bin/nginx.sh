# Finds nginx, its modules, and the user for its workers; sourced by bin/start.

# OpenResty has Lua built in; Debian's nginx loads it.
find_nginx() {
    NGINX=${GATEWAY_NGINX:-}
    for candidate in openresty /usr/local/openresty/bin/openresty nginx /usr/sbin/nginx; do
        [ -n "$NGINX" ] || NGINX=$(command -v "$candidate" || :)
    done
    build=$("${NGINX:-nginx}" -V 2>&1) || { problem "nginx can't be run: ${NGINX:-not found} (GATEWAY_NGINX)"; return; }
    version=$(printf %s "$build" | sed -n 's|^.*version: [a-z]*/\([0-9.]*\).*$|\1|p')
    modules=$(printf %s "$build" | tr ' ' '\n' | sed -n 's/^--modules-path=//p')
    modules=${modules:-/usr/lib/nginx/modules}
    LOAD_MODULES=""
    case $build in
        *ngx_lua*) ;;
        *)
            if [ -f "$modules/ngx_http_lua_module.so" ]; then
                LOAD_MODULES="load_module $modules/ndk_http_module.so; load_module $modules/ngx_http_lua_module.so;"
            else
                problem "nginx has no Lua module: neither built in nor in $modules"
            fi ;;
    esac
    HAS_BROTLI=""
    case $build in
        *brotli*) HAS_BROTLI=built-in ;;
        *)
            if [ -f "$modules/ngx_http_brotli_filter_module.so" ]; then
                HAS_BROTLI=module
                LOAD_MODULES="$LOAD_MODULES load_module $modules/ngx_http_brotli_filter_module.so;"
            fi ;;
    esac
    export LOAD_MODULES
}

# at_least MAJOR MINOR PATCH: is nginx's version that or a later one?
at_least() {
    printf '%s\n' "$1.$2.$3" "$version" | sort -c -t . -k 1,1n -k 2,2n -k 3,3n 2>/dev/null
}

serves_as() {
    su -s /bin/sh "$1" -c "test -r '$STATIC_DIR' && test -x '$STATIC_DIR' && test -r '$home/pages/page.css' \
        && test -w '$STATE_DIR/workers' && test -w '$STATE_DIR/pauses' && test -w '$STATE_DIR/boots'" >/dev/null 2>&1
}

# Started as root, the workers become someone else, provided that one can read the files and write the state.
choose_user() {
    WORKER_USER=""
    [ "$(id -u)" = 0 ] || return 0
    for candidate in ${GATEWAY_USER:-www-data nobody}; do
        group=$(id -gn "$candidate" 2>/dev/null) || continue
        chown "$candidate:$group" "$STATE_DIR/workers" "$STATE_DIR/pauses" "$STATE_DIR/boots" "$STATE_DIR/tmp" 2>/dev/null || continue
        if [ "$candidate" = root ] || serves_as "$candidate"; then
            WORKER_USER="user $candidate $group;"
            return 0
        fi
    done
    if [ -n "${GATEWAY_USER:-}" ]; then
        problem "GATEWAY_USER $GATEWAY_USER does not exist, or can't read STATIC_DIR and write GATEWAY_STATE_DIR"
        return 0
    fi
    chown "$(id -un)" "$STATE_DIR/workers" "$STATE_DIR/pauses" "$STATE_DIR/boots" "$STATE_DIR/tmp"
    WORKER_USER="user $(id -un) $(id -gn);"
    echo "gateway: workers stay root: no other user can read $STATIC_DIR and write $STATE_DIR (GATEWAY_USER)" >&2
}
