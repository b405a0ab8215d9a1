# Who runs on this state folder already; sourced by bin/start. A process is its pid with its start time.

started() {
    sed -n 's/^.*) \([^ZX] .*\)$/\1/p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

refuse_twin() {
    [ -f "$STATE_DIR/master" ] || return 0
    read -r pid since <"$STATE_DIR/master" || return 0
    if [ "$pid" != "$$" ] && [ -n "$since" ] && [ "$(started "$pid")" = "$since" ]; then
        echo "gateway: already running on $STATE_DIR (pid $pid)" >&2
        exit 1
    fi
}

# The workers of a master that was killed: they go on serving until the new ones are up and relieve them.
find_orphans() {
    ORPHANS=""
    for file in "$STATE_DIR"/workers/*; do
        [ -f "$file" ] || continue
        pid=${file##*/}
        read -r since <"$file" || since=""
        if [ -n "$since" ] && [ "$(started "$pid")" = "$since" ]; then
            ORPHANS="$ORPHANS{ pid = $pid, started = \"$since\" }, "
        else
            rm -f "$file"
        fi
    done
    export ORPHANS
}

# Connections that wait in an orphan's listening socket when it closes pass to the new workers' instead of being reset
# (Linux 5.14 and later; it takes root, and holds for this machine's network namespace).
migrate_waiting_connections() {
    (echo 1 >/proc/sys/net/ipv4/tcp_migrate_req) 2>/dev/null || :
}

# With reuseport nginx would share a port silently with a gateway of another state folder.
refuse_taken_port() {
    [ -z "$ORPHANS" ] || return 0
    for port in "$PORT" "$ADMIN_PORT" ${TLS_FILES:+"$TLS_PORT"}; do
        hex=$(printf ':%04X' "$port")
        if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hex" '$4 == "0A" && index($2, port) { found = 1 }
            END { exit !found }'; then
            echo "gateway: port $port is taken by another process" >&2
            exit 1
        fi
    done
}

# nginx's cache manager and loader outlive a killed master too, and would delete what the next one caches. They are known by
# their title and by this folder, in which they work; those of a living master are its children.
end_stray_cache_processes() {
    # As the kernel names it; remembered while it stands.
    state_place=${state_place:-$(cd "$STATE_DIR" && pwd -P)}
    owner="" owner_since=""
    [ ! -f "$STATE_DIR/master" ] || read -r owner owner_since <"$STATE_DIR/master"
    if [ -n "$owner" ] && [ "$(started "$owner")" != "$owner_since" ]; then
        owner=""
    fi
    for place in $(find /proc/[0-9]*/cwd -maxdepth 0 '(' -lname "$state_place" -o -lname "$state_place (deleted)" ')' 2>/dev/null); do
        process=${place%/cwd}
        case $(tr '\000' ' ' <"$process/cmdline" 2>/dev/null) in
            "nginx: cache "*) ;;
            *) continue ;;
        esac
        parent=$(sed -n 's/^PPid:[[:space:]]*//p' "$process/status" 2>/dev/null)
        [ "$parent" = "$owner" ] || kill -TERM "${process##*/}" 2>/dev/null || :
    done
}
