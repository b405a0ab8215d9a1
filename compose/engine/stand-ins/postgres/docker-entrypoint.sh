#!/usr/bin/env bash
# Start PostgreSQL; on an empty PGDATA make the cluster first, by the official image's variables: POSTGRES_PASSWORD or
# POSTGRES_PASSWORD_FILE, POSTGRES_USER, POSTGRES_DB, POSTGRES_INITDB_ARGS, and *.sql, *.sh in /docker-entrypoint-initdb.d.
set -euo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

# Run statements on a server without a network, while the cluster is being made.
query() { # database psql-arguments...
    local name=$1
    shift
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$user" --dbname "$name" --host /run/postgresql "$@"
}

first_steps() {
    local file
    [ "$database" = postgres ] || query postgres --set name="$database" <<<'CREATE DATABASE :"name";'
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) query "$database" --file "$file" ;;
            *.sh) "$file" ;;
        esac
    done
}

make_cluster() {
    local password=${POSTGRES_PASSWORD:-}
    [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(<"$POSTGRES_PASSWORD_FILE")
    [ -n "$password" ] || { echo 'POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed' >&2; exit 1; }
    # shellcheck disable=SC2086 # the variable holds arguments
    initdb --username "$user" --pwfile <(printf '%s\n' "$password") --auth-local trust --auth-host scram-sha-256 \
        ${POSTGRES_INITDB_ARGS:-} --pgdata "$PGDATA"
    printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" -o "-c listen_addresses=''" --wait start
    first_steps
    pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
}

if [ "${1:-postgres}" != postgres ] && [ "${1#-}" = "$1" ]; then
    exec "$@"
fi
[ "${1:-}" = postgres ] && shift
if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$PGDATA" /run/postgresql
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" postgres "$@"
fi
chmod 700 "$PGDATA" 2>/dev/null || true
[ -s "$PGDATA/PG_VERSION" ] || make_cluster
exec postgres "$@"
