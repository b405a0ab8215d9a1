"""What is compressed, how, and what is left as it is."""

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import answer
from gateway import Gateway

TEXT = b"one and the same line of words\n" * 200
TYPES = ("text/html", "text/css", "text/plain", "text/csv", "text/javascript", "application/javascript")
STRUCTURED = ("application/json", "application/problem+json", "image/svg+xml")


def _has_brotli(gateway: Gateway) -> bool:
    """Say whether this nginx can, as its own words and its folder of modules tell."""
    program = gateway.environment.get("GATEWAY_NGINX", "nginx")
    built = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    place = next((word.split("=")[1] for word in built.split() if word.startswith("--modules-path=")), "")
    return "brotli" in built or (Path(place) / "ngx_http_brotli_filter_module.so").exists()


@pytest.mark.parametrize("kind", [*TYPES, *STRUCTURED])
def test_text_is_compressed(gateway: Gateway, kind: str) -> None:
    gateway.orders.script.append(answer(200, TEXT, f"Content-Type: {kind}"))
    got = gateway.fetch("/", Accept_Encoding="gzip")
    assert got.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in got.headers["Vary"]
    assert gzip.decompress(got.body) == TEXT


@pytest.mark.parametrize(
    "kind", ["image/png", "image/webp", "font/woff2", "application/pdf", "application/octet-stream"]
)
def test_what_is_compressed_by_nature_is_left_as_it_is(gateway: Gateway, kind: str) -> None:
    gateway.orders.script.append(answer(200, TEXT, f"Content-Type: {kind}"))
    got = gateway.fetch("/", Accept_Encoding="br, gzip")
    assert "Content-Encoding" not in got.headers
    assert got.body == TEXT


def test_what_the_service_compressed_is_left_as_it_is(gateway: Gateway) -> None:
    own = gzip.compress(TEXT * 20)
    gateway.orders.script.append(answer(200, own, "Content-Type: text/plain", "Content-Encoding: gzip"))
    got = gateway.fetch("/", Accept_Encoding="br, gzip")
    assert got.headers.get_all("Content-Encoding") == ["gzip"]
    assert got.body == own


def test_a_service_may_keep_an_answer_from_being_compressed(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(200, TEXT, "Content-Type: text/html", "Content-Encoding: identity"))
    assert gateway.fetch("/", Accept_Encoding="br, gzip").body == TEXT


def test_what_is_small_is_left_as_it_is(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(200, b"x" * 1000, "Content-Type: text/plain"))
    assert "Content-Encoding" not in gateway.fetch("/", Accept_Encoding="br, gzip").headers


@pytest.mark.parametrize("accepted", ["", "identity", "deflate", "gzip;q=0, br;q=0"])
def test_who_does_not_ask_gets_it_plain(gateway: Gateway, accepted: str) -> None:
    gateway.orders.script.append(answer(200, TEXT, "Content-Type: text/plain"))
    assert gateway.fetch("/", Accept_Encoding=accepted).body == TEXT


@pytest.mark.parametrize("path", ["/static/site.css", "/"])
def test_brotli_is_used_where_the_module_is(gateway: Gateway, path: str) -> None:
    gateway.orders.script.append(answer(200, TEXT, "Content-Type: text/css"))
    got = gateway.fetch(path, Accept_Encoding="gzip, br")
    assert got.headers["Content-Encoding"] == ("br" if _has_brotli(gateway) else "gzip")
    assert "Accept-Encoding" in got.headers["Vary"]
    assert len(got.body) < 500


def test_brotli_can_be_left_out(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_BROTLI="off")
    assert gateway.fetch("/static/site.css", Accept_Encoding="gzip, br").headers["Content-Encoding"] == "gzip"
