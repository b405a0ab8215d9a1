# A child that bin/start leaves beside the master, for what nginx itself does not see: that the certificate's files have
# changed, and that a killed master has left its cache processes behind. It ends with the master.

journal() { # LEVEL EVENT [REASON]
    reason=$(printf %s "${3:-}" | tr -d '\000-\037\\"' | cut -c 1-300)
    printf '{"level":"%s","service":"gateway","event":"%s","reason":"%s","ts":"%s"}\n' \
        "$1" "$2" "$reason" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >&2
}

is_master() {
    [ "$(started "$master")" = "$since" ]
}

# Asks nginx too: it judges what openssl does not, such as keys that are too short. Only what passed reaches the master, and
# a master that can't read its configuration keeps the old one.
renewal_problem() {
    reason=$(certificate_problem)
    [ -n "$reason" ] || reason=$("$NGINX" -t -q -p "$STATE_DIR" -c "$STATE_DIR/nginx.conf" -e stderr 2>&1 >/dev/null) || reason=${reason:-refused}
    printf %s "$reason"
}

# Files written one after the other are looked at again as soon as the second differs.
take_up_renewed_certificate() {
    mark=$(certificate_mark)
    [ "$mark" != "$known" ] || return 0
    known=$mark
    reason=$(renewal_problem)
    if [ -n "$reason" ]; then
        journal error certificate_refused "$reason"
    elif is_master; then
        note_certificate_end
        kill -HUP "$master"
        journal info certificate_renewed
    fi
}

attend() {
    known=$TAKEN_MARK
    while is_master; do
        # Sleeps without a process a second, and is woken when the master ends.
        timeout --foreground "$TLS_CHECK_S" tail --pid="$master" -s 0.25 -f /dev/null
        case $? in 0 | 124) ;; *) sleep 1 ;; esac
        [ -z "$TLS_FILES" ] || take_up_renewed_certificate
    done
    end_stray_cache_processes
}

# Right before exec: the shell's pid and start time become the master's.
leave_attendant() {
    master=$$ since=$(started $$)
    TAKEN_MARK=""
    [ -z "$TLS_FILES" ] || TAKEN_MARK=$(certificate_mark)
    attend </dev/null >/dev/null &
}
