-- Databases and roles, one database per service: a psql script for the superuser, safe to run again.
--
--   SECRETS_DIR=/run/secrets psql --no-psqlrc --dbname postgres --file databases.sql
--
-- Per database X: role X_owner (owns it, runs migrations) and role X (reads and writes rows, makes nothing).
-- Role backup reads all of them and changes nothing.
-- Passwords are read from the files X_owner_db_password, X_db_password and backup_db_password in $SECRETS_DIR at every run, so that
-- changing a file and running this again is how a password is rotated.
\set ON_ERROR_STOP on
\set QUIET on

\set orders `cat "$SECRETS_DIR/orders_db_password"`
\set orders_owner `cat "$SECRETS_DIR/orders_owner_db_password"`
\set usda `cat "$SECRETS_DIR/usda_db_password"`
\set usda_owner `cat "$SECRETS_DIR/usda_owner_db_password"`
\set notify `cat "$SECRETS_DIR/notify_db_password"`
\set notify_owner `cat "$SECRETS_DIR/notify_owner_db_password"`
\set backup `cat "$SECRETS_DIR/backup_db_password"`

-- Passwords pass through here: a statement that fails must not put one into the server's log.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET client_min_messages = 'warning';
SET password_encryption = 'scram-sha-256';

-- Two runs at once would both find a role missing and one would fail.
SELECT pg_advisory_lock(hashtext('mercadito databases')) \g /dev/null

CREATE TEMPORARY TABLE wanted (database text, role text PRIMARY KEY, secret text NOT NULL);  -- no database: all
INSERT INTO wanted VALUES
    ('orders', 'orders', :'orders'), ('orders', 'orders_owner', :'orders_owner'),
    ('usda', 'usda', :'usda'), ('usda', 'usda_owner', :'usda_owner'),
    ('notify', 'notify', :'notify'), ('notify', 'notify_owner', :'notify_owner'), (NULL, 'backup', :'backup');

-- psql carries on when `cat` fails; an empty password would lock the role out without a word.
DO $$
DECLARE missing text;
BEGIN
    SELECT string_agg(role || '_db_password', ', ' ORDER BY role) INTO missing FROM wanted WHERE secret = '';
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'missing or empty in SECRETS_DIR: %', missing;
    END IF;
END
$$;

SELECT format('CREATE ROLE %I', role) FROM wanted
WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec

SELECT format(
    'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L', role, secret
) FROM wanted \gexec

SELECT format('ALTER ROLE %I SET %s = %L', role, setting.name, setting.value)
FROM wanted, (VALUES
    ('timezone', 'UTC'),
    ('statement_timeout', '10s'),
    ('lock_timeout', '3s'),
    ('idle_in_transaction_session_timeout', '60s')
) AS setting (name, value) \gexec

-- C.UTF-8: the same order on every machine and after every upgrade of the C library, so no index goes wrong silently.
SELECT format(
    'CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''', database, database || '_owner'
)
FROM (SELECT DISTINCT database FROM wanted WHERE database IS NOT NULL) AS named
WHERE database NOT IN (SELECT datname FROM pg_database) \gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database WHERE datallowconn \gexec
-- CloudNativePG has two roles, no superusers, that enter the databases which it makes: a former primary rejoins by the first
-- (pg_rewind), figures are read by the second. Nowhere else do they exist.
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', datname, rolname) FROM pg_database, pg_roles
WHERE (datname, rolname) IN (
    ('postgres', 'streaming_replica'), ('postgres', 'cnpg_metrics_exporter'), ('app', 'cnpg_metrics_exporter')
) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', named.database, wanted.role)
FROM wanted JOIN (SELECT DISTINCT database FROM wanted) AS named
    ON named.database = coalesce(wanted.database, named.database) \gexec

GRANT pg_read_all_data TO backup;
ALTER ROLE backup CONNECTION LIMIT 8;
ALTER ROLE backup SET default_transaction_read_only = on;

-- Run inside each database: the owner owns the schema, the service may use what the owner makes there.
SELECT $inside$
    SELECT format(statement.text, current_database(), current_database() || '_owner')
    FROM (VALUES
        ('ALTER DATABASE %1$I OWNER TO %2$I'),
        ('ALTER SCHEMA public OWNER TO %2$I'),
        ('REVOKE ALL ON SCHEMA public FROM PUBLIC'),
        ('GRANT USAGE ON SCHEMA public TO %1$I'),
        ('ALTER DEFAULT PRIVILEGES FOR ROLE %2$I IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %1$I'),
        ('ALTER DEFAULT PRIVILEGES FOR ROLE %2$I IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO %1$I')
    ) AS statement (text)
$inside$ AS inside \gset

\connect orders
SET client_min_messages = 'warning';
:inside \gexec
\connect usda
SET client_min_messages = 'warning';
:inside \gexec
\connect notify
SET client_min_messages = 'warning';
:inside \gexec
