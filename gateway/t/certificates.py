"""Certificates for localhost, signed by themselves, made with the openssl command."""

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path

    @property
    def text(self) -> str:
        return self.file.read_text()

    def settings(self, port: int) -> dict[str, str]:
        return {
            "GATEWAY_TLS_PORT": str(port),
            "GATEWAY_TLS_CERTIFICATE_FILE": str(self.file),
            "GATEWAY_TLS_KEY_FILE": str(self.key),
        }

    def replace_with(self, other: "Certificate") -> None:
        """Renew as most programs do: one file after the other, each renamed into its place."""
        for place, source in ((self.file, other.file), (self.key, other.key)):
            new = place.with_suffix(".new")
            new.write_bytes(source.read_bytes())
            new.chmod(0o600)
            new.rename(place)


AUTHORITY = """
[ca]
default_ca = itself
[itself]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = named
x509_extensions = names
[named]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
basicConstraints = critical,CA:TRUE
"""


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _day(offset: int) -> str:
    return (datetime.now(UTC) + timedelta(days=offset)).strftime("%Y%m%d%H%M%SZ")


def make(folder: Path, name: str, *, begins: int = -1, ends: int = 30, passphrase: str = "") -> Certificate:
    """Make `name`.crt and `name`.key, valid between two days counted from today."""
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    own = folder / f"{name}.making"
    own.mkdir()
    (own / "index").touch()
    (own / "settings").write_text(AUTHORITY.format(folder=own))
    secrecy = ("-passout", f"pass:{passphrase}") if passphrase else ("-nodes",)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    _openssl("req", "-new", *curve, *secrecy, "-subj", "/CN=localhost", "-keyout", made.key, "-out", own / "request")
    given = ("-passin", f"pass:{passphrase}") if passphrase else ()
    dates = ("-startdate", _day(begins), "-enddate", _day(ends))
    sign = ("ca", "-selfsign", "-batch", "-notext", "-config", own / "settings", "-keyfile", made.key, *given)
    _openssl(*sign, *dates, "-in", own / "request", "-out", made.file)
    made.key.chmod(0o600)
    return made


def path_without_openssl(folder: Path) -> str:
    """Return a PATH with everything but the openssl command."""
    for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for program in Path(place).iterdir():
            if program.name != "openssl" and not (folder / program.name).exists() and os.access(program, os.X_OK):
                (folder / program.name).symlink_to(program)
    return str(folder)
