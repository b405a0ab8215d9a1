"""What each process is told through its environment in a native run; the same names as in containers (.env.example)."""

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from native.state import ROOT, SettingsError, State

Environment = dict[str, str]
PASSED_ON = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
# What an operator may set for `make run`: for every service, and for one. Nothing else of the caller's environment
# reaches a process, so no secret of the caller does.
OPERATOR_SETTINGS = (
    "HUB_ADDRESS",
    "HUB_NAME",
    "HUB_TIME_ZONE",
    "LOG_LEVEL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "USDA_TODAY",
)
OPERATOR_SETTINGS_OF = {
    "orders": ("WEB_WORKERS", "WEB_THREADS"),
    "realtime": (
        "ALLOWED_ORIGINS",
        *("WS_PING_S", "WS_DRAIN_S", "WS_MAX_CONNECTIONS", "WS_MAX_PER_PERSON", "WS_MAX_PER_ADDRESS"),
        *("WS_WORKERS", "VIEWERS_S"),
    ),
    "usda": (
        *("USDA_PORTAL_URL", "USDA_PORTAL_MARKET", "USDA_MARS_URL", "USDA_MARS_KEY_FILE", "USDA_MARS_REPORTS"),
        *("USDA_ALLOWED_HOSTS", "USDA_CRAWL_EVERY_S", "USDA_CRAWL_DEADLINE_S", "USDA_DELAY_S", "USDA_RETRIES"),
        *("USDA_DOWNLOAD_TIMEOUT_S", "USDA_DOWNLOAD_MAX_BYTES", "USDA_COMMODITIES"),
        *("USDA_AWAIT_EVERY_S", "USDA_FORECAST_DEADLINE_S"),
    ),
    "notify": (
        *("SEND_LEASE_S", "QUIET_HOURS", "SEND_PER_SECOND", "SEND_PER_SECOND_AND_DOMAIN"),
        *("SMTP_CONNECTIONS", "SMTP_IDLE_S", "SMTP_MESSAGES_EACH"),
        *("DIGEST_AT", "MAIL_MODE", "MAIL_HOLD_EXCEPT", "MAIL_BOUNCE_ADDRESS"),
        *("DKIM_KEY_FILE", "DKIM_SELECTOR", "DKIM_DOMAIN"),
    ),
}
GATEWAY_BOUNDS = (
    *("GATEWAY_", "ORDERS_CONCURRENCY", "USDA_CONCURRENCY", "NOTIFY_CONCURRENCY"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "TRACE_PERCENT"),
)
# glibc gives each thread an arena of its own by default; two keep a small server small.
ARENAS = "2"
NATS_USERS = ("provisioner", "orders", "realtime", "usda", "notify", "operator")


# What the gateway takes for a path; the supervisor's commands are split at blanks, too.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._+~-]*")


def _usda_files() -> Path | None:
    files = os.environ.get("USDA_FILES_DIR")
    return (ROOT / files).resolve() if files else None


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) and date.fromisoformat(text))
    except ValueError:
        return False


def check(state: State) -> None:
    """Refuse, before anything starts, what would only show as a process that never gets ready; all of it at once."""
    problems = [
        f"{what} is {path}; use a path of letters, digits and any of /._+~- only"
        for what, path in (("MERCADITO_RUN_DIR", state.folder), ("the checkout's folder", ROOT))
        if not PLAIN_PATH.fullmatch(str(path))
    ]
    files, today = _usda_files(), os.environ.get("USDA_TODAY")
    if files is not None and not files.is_dir():
        problems.append(f"USDA_FILES_DIR: there is no folder {files}")
    if today and not _is_day(today):
        problems.append(f"USDA_TODAY is {today!r}; write a day as YYYY-MM-DD")
    if os.environ.get("USDA_MARS_KEY") and os.environ.get("USDA_MARS_KEY_FILE"):
        problems.append("USDA_MARS_KEY and USDA_MARS_KEY_FILE are both set; give one of them")
    if problems:
        raise SettingsError("\n".join(problems))


def _given(*names: str) -> Environment:
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _service_environment(state: State, service: str, port: str) -> Environment:
    database = f"postgresql://{{role}}@127.0.0.1:{state.ports['postgres']}/{service}"
    return {
        "MERCADITO_ENV": os.environ.get("MERCADITO_ENV") or "demo",
        **_given(*OPERATOR_SETTINGS, *OPERATOR_SETTINGS_OF[service]),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(state.ports[port]),
        "DATABASE_URL": database.format(role=service),
        "DATABASE_PASSWORD_FILE": f"{state.secrets_dir}/{service}_db_password",
        "IDENTITY_JWKS_FILE": str(state.jwks_file),
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or state.url,
        **nats_client(state, service),
    }


def nats_client(state: State, user: str) -> Environment:
    """Return the settings with which `user` finds NATS."""
    return {
        "NATS_URL": f"nats://127.0.0.1:{state.ports['nats']}",
        "NATS_USER": user,
        "NATS_PASSWORD_FILE": f"{state.secrets_dir}/nats_{user}_password",
    }


def migration(state: State, service: str) -> Environment:
    """Return the environment of a service's `migrate` command, the only one that knows the owner's password."""
    return {
        **_service_environment(state, service, {"orders": "orders-web"}.get(service, service)),
        "MIGRATION_DATABASE_URL": f"postgresql://{service}_owner@127.0.0.1:{state.ports['postgres']}/{service}",
        "MIGRATION_DATABASE_PASSWORD_FILE": f"{state.secrets_dir}/{service}_owner_db_password",
    }


def orders(state: State, port: str = "orders-web") -> Environment:
    """Return the environment of the orders service, which alone reads the private identity key."""
    return {
        **_service_environment(state, "orders", port),
        "IDENTITY_KEY_FILE": f"{state.secrets_dir}/identity_key.pem",
        "SESSION_SECRET_FILE": f"{state.secrets_dir}/session_secret",
    }


def _index(state: State) -> Environment:
    """Return the index page, if any: samples never stand among the USDA's own prices."""
    has_real_source = bool(_given("USDA_PORTAL_URL", "USDA_MARS_URL"))
    if has_real_source and not os.environ.get("USDA_FILES_DIR"):
        return _given("USDA_INDEX_URL")
    return {"USDA_INDEX_URL": os.environ.get("USDA_INDEX_URL") or f"http://127.0.0.1:{state.ports['usda-site']}/"}


def usda(state: State) -> Environment:
    """Return the environment of usda-ingest."""
    key_file = {"USDA_MARS_KEY_FILE": str(state.mars_key_file)} if os.environ.get("USDA_MARS_KEY") else {}
    return {
        **_service_environment(state, "usda", "usda"),
        **_index(state),
        **key_file,
        "USDA_RAW_DIR": str(state.folder / "usda-raw"),
        "USDA_SCHEDULE": os.environ.get("USDA_SCHEDULE", "on"),
    }


def realtime(state: State) -> Environment:
    """Return the environment of realtime, which has no database."""
    environment = _service_environment(state, "realtime", "realtime-http")
    for name in ("DATABASE_URL", "DATABASE_PASSWORD_FILE"):
        del environment[name]
    return {
        **environment,
        "WS_HOST": "127.0.0.1",
        "WS_PORT": str(state.ports["realtime"]),
        "ADMIN_TOKEN_FILE": f"{state.secrets_dir}/realtime_admin_token",
    }


def notify(state: State) -> Environment:
    """Return the environment of notify."""
    return {
        **_service_environment(state, "notify", "notify"),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(state.ports["smtp"]),
        "SMTP_STARTTLS": "off",
        "MAIL_FROM": "Mercadito <orders@mercadito.example>",
        "MAIL_MESSAGE_ID_DOMAIN": "mercadito.example",
        "MAIL_LINK_KEY_FILE": f"{state.secrets_dir}/mail_link_key",
        "BOUNCE_WEBHOOK_KEY_FILE": f"{state.secrets_dir}/bounce_webhook_key",
        # Its threads take turns: they need no arenas of their own.
        "MALLOC_ARENA_MAX": "1",
    }


def gateway(state: State) -> Environment:
    """Return the environment of the gateway."""
    ports = state.ports
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(GATEWAY_BOUNDS)},
        "MERCADITO_ENV": os.environ.get("MERCADITO_ENV") or "demo",
        "GATEWAY_PORT": str(ports["gateway"]),
        "GATEWAY_ADMIN_PORT": str(ports["gateway-admin"]),
        "GATEWAY_ADMIN_TOKEN_FILE": f"{state.secrets_dir}/gateway_admin_token",
        "GATEWAY_STATE_DIR": str(state.folder / "gateway"),
        "STATIC_DIR": str(ROOT / "services/orders/src/orders/static"),
        "ORDERS_UPSTREAM": f"127.0.0.1:{ports['orders-web']}",
        "REALTIME_WS_UPSTREAM": f"127.0.0.1:{ports['realtime']}",
        "REALTIME_HTTP_UPSTREAM": f"127.0.0.1:{ports['realtime-http']}",
        "USDA_UPSTREAM": f"127.0.0.1:{ports['usda']}",
        "NOTIFY_UPSTREAM": f"127.0.0.1:{ports['notify']}",
    }


def nats_server(state: State) -> Environment:
    """Return nats-server's environment: its users' passwords, which accounts.conf refers to."""
    return {f"NATS_PASSWORD_{user.upper()}": state.secret(f"nats_{user}_password") for user in NATS_USERS}


def usda_site(state: State) -> Environment:
    """Return the environment of the demo's stand-in for the USDA's site."""
    files = _usda_files()
    return {
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(state.ports["usda-site"]),
        **({"USDA_FILES_DIR": str(files)} if files else {}),
        **({"USDA_TODAY": os.environ["USDA_TODAY"]} if os.environ.get("USDA_TODAY") else {}),
    }


def full_environment(environment: Mapping[str, str]) -> Environment:
    """Return what a process sees: its own settings and, of the caller's environment, only what it needs to run."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**passed, "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": ARENAS, **environment}


def mail_sink(state: State) -> Environment:
    """Return the environment of the demo's SMTP server, which keeps each mail as a file."""
    return {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(state.ports["smtp"]), "MAIL_DIR": str(state.folder / "mail")}
