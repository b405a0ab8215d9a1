"""Configurations of nginx: the peer with our own headers and log, made from the gateway's files; and fast services."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.world import ROOT

_CONF = ROOT / "gateway" / "conf"
_LUA_MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
_EMPTY = "-- nothing"
# What nginx.conf.template defines of the variables that the included files use: without TLS, proxies in front, traces.
_EMPTY_ONES = ("from_trusted_proxy", "strict_transport", "once_by_key", "carries_its_version")
_NOTHING = dict.fromkeys(_EMPTY_ONES, '""') | {"trace_flag": "00"}
_TEMPLATE_MAPS = "".join(f'map "" ${name} {{ default {value}; }}\n' for name, value in _NOTHING.items())


def _without_lua(text: str) -> str:
    """Return a file of ours without what only the Lua module understands."""
    return "".join(line for line in text.splitlines(keepends=True) if not re.match(r"\s*lua_|\w+_by_lua_block", line))


def _conf(name: str) -> str:
    return _without_lua((_CONF / name).read_text())


def _proxying() -> str:
    """Return how we speak to services, without what belongs to holding."""
    lines = re.findall(r"^proxy_(?!intercept_errors|next_upstream)\w+ .*;\n", _conf("proxy.conf"), re.MULTILINE)
    return "".join(lines)


def _head(home: Path, workers: int, modules: str = "") -> str:
    user = "user www-data www-data;\n" if os.geteuid() == 0 else ""
    return (
        f"{modules}{user}daemon off;\nworker_processes {workers};\nworker_rlimit_nofile 16384;\n"
        f"pid {home}/nginx.pid;\nerror_log stderr crit;\n"
        "events { worker_connections 8192; multi_accept on; }\n"
    )


def _temporary(home: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {home}/{kind};\n" for kind in kinds)


EXTRAS: Mapping[str, tuple[str, str, str]] = {
    # Name: what goes into http, into the location, into the upstream; {port} is that of the service.
    "rate limits": (
        (
            "limit_req_zone $binary_remote_addr zone=address:4m rate=1000000r/s;"
            ' map "$request_method:$uri" $sign_in { default ""; "~^POST:/login/?$" $binary_remote_addr; }'
            " limit_req_zone $sign_in zone=sign_ins:1m rate=30r/m;"
        ),
        "limit_req zone=address burst=1000000 nodelay; limit_req zone=sign_ins burst=30 nodelay;",
        "",
    ),
    "noticing gone clients, and an empty access handler": (
        "lua_check_client_abort on;",
        f"access_by_lua_block {{ {_EMPTY}\n }}",
        "",
    ),
    "an empty access handler": ("", f"access_by_lua_block {{ {_EMPTY}\n }}", ""),
    "an access handler that reads the body, noticing gone clients": (
        "lua_check_client_abort on;",
        "access_by_lua_block { ngx.req.read_body() }",
        "",
    ),
    "an empty log handler": ("", f"log_by_lua_block {{ {_EMPTY}\n }}", ""),
    "a balancer that names the address": (
        "",
        "",
        'balancer_by_lua_block {{ require("ngx.balancer").set_current_peer("127.0.0.1", {port}) }}',
    ),
}

# What the gateway needs at least: the floor of any gateway in Lua.
TOGETHER = tuple(name for name in EXTRAS if "empty access" not in name)


def plain(home: Path, port: int, upstream: int, extras: Sequence[str] = ()) -> str:
    """Return the peer's configuration; `extras` add one primitive of ours each, doing nothing."""
    added = [EXTRAS[name] for name in extras]
    in_http, in_location, in_upstream = ("\n".join(parts) for parts in zip(*added, strict=True)) if added else ("",) * 3
    lua = any("lua" in part for part in (in_location, in_upstream))
    modules = "".join(f"load_module /usr/lib/nginx/modules/{module};\n" for module in _LUA_MODULES) if lua else ""
    path = 'lua_package_path "/usr/share/lua/5.1/?.lua;;";\n' if lua else ""
    return (
        f"{_head(home, 2, modules)}http {{\n{_conf('types.conf')}{_conf('http.conf')}{_conf('log.conf')}"
        f"{_conf('clients.conf')}{_conf('maps.conf')}{_TEMPLATE_MAPS}{path}{in_http}\n"
        f"access_log {home}/access.log line;\n{_temporary(home)}"
        "client_max_body_size 10m;\nproxy_connect_timeout 500ms;\nproxy_read_timeout 60s;\nproxy_send_timeout 60s;\n"
        f"upstream orders {{\nserver 127.0.0.1:{upstream};\n{in_upstream.format(port=upstream)}\n"
        "keepalive 32;\nkeepalive_timeout 4s;\n}\n"
        f"server {{\nlisten 127.0.0.1:{port} reuseport backlog=4096 so_keepalive=on;\n{_conf('headers.conf')}"
        f"location / {{\nset $gateway_service orders;\n{_proxying()}{in_location}\nproxy_pass http://orders;\n}}\n}}\n}}\n"
    )


def services(home: Path, ports: Mapping[str, int]) -> str:
    """Return services that answer everything at once."""
    servers = "".join(
        f'server {{\nlisten 127.0.0.1:{port} backlog=4096;\nadd_header X-Service {name};\nreturn 200 "fine\\n";\n}}\n'
        for name, port in ports.items()
    )
    return (
        f"{_head(home, 1)}http {{\naccess_log off;\nkeepalive_timeout 65s;\nkeepalive_requests 1000000;\n"
        f"{_temporary(home)}{servers}}}\n"
    )
