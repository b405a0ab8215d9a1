"""The commands as processes: settings, a clean stop."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import date
from pathlib import Path

import pytest
from mercadito_demo.settings import SettingsError, mail_settings, site_settings


def start(*arguments: str, **env: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("USDA_", "HTTP_", "SMTP_"))}
    command = [sys.executable, "-m", "mercadito_demo", *arguments]
    return subprocess.Popen(command, env={**clean, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_site_serves_samples_without_a_folder_and_stops_cleanly() -> None:
    with start("usda-site", HTTP_PORT="0", USDA_TODAY="2026-01-08") as process:
        try:
            assert process.stdout
            listening = json.loads(process.stdout.readline())
            with urllib.request.urlopen(f"http://127.0.0.1:{listening['port']}/", timeout=10) as answer:
                assert b"SAMPLE" in answer.read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
    assert listening["source"] == "generated samples"


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    with start("usda-site", HTTP_PORT="99999", USDA_TODAY="8 Jan", USDA_FILES_DIR=str(tmp_path / "none")) as process:
        _, problems = process.communicate(timeout=10)
    assert process.returncode == 2
    assert all(name in problems for name in ("HTTP_PORT", "USDA_TODAY", "USDA_FILES_DIR"))


@pytest.mark.parametrize("port", ["-1", "x", "65536", "\uff11"])
def test_a_port_is_a_number_up_to_65535(port: str) -> None:
    with pytest.raises(SettingsError, match="SMTP_PORT"):
        mail_settings({"SMTP_PORT": port, "MAIL_DIR": "mail"})


def test_the_mail_server_needs_a_folder() -> None:
    with pytest.raises(SettingsError, match="MAIL_DIR"):
        mail_settings({})


def test_settings_are_read_as_given(tmp_path: Path) -> None:
    given = {"HTTP_HOST": "0.0.0.0", "HTTP_PORT": "81", "USDA_FILES_DIR": str(tmp_path), "USDA_TODAY": "2026-01-08"}
    settings = site_settings(given)
    assert (settings.host, settings.port, settings.files_dir) == ("0.0.0.0", 81, tmp_path)
    assert settings.today == date(2026, 1, 8)
