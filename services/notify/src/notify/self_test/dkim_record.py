"""Whether receivers find the key that we sign with (RFC 6376, 3.6.1)."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from notify.self_test.dns import Dns, tags
from notify.self_test.finding import Finding, ok, problem, warning
from notify.writing.dkim import Dkim

CHECK = "DKIM"


async def dkim_finding(dns: Dns, dkim: Dkim | None) -> Finding:
    """Compare the published key with ours.

    Raises:
        Silent: the DNS does not answer.

    """
    if dkim is None:
        return warning(
            CHECK, "mails leave unsigned", "set DKIM_KEY_FILE and DKIM_SELECTOR, unless the relay signs for this domain"
        )
    publish = f'publish there: TXT "{dkim.record}"'
    found = await dns.texts(dkim.record_name)
    if not found:
        return problem(CHECK, f"there is no record at {dkim.record_name}", publish)
    if len(found) > 1:
        return problem(
            CHECK, f"there are {len(found)} records at {dkim.record_name}, which one counts is chance", publish
        )
    record = tags(found[0])
    if fault := _fault(record, dkim):
        return problem(CHECK, f"{dkim.record_name} {fault}", publish)
    return _usable(record, dkim)


def _fault(record: dict[str, str], dkim: Dkim) -> str | None:
    """Return why a receiver would not believe our signatures by this record, in words that follow its name."""
    kind = record.get("k", "rsa")
    faults = {
        "holds no DKIM key": record.get("v", "DKIM1") != "DKIM1" or "p" not in record,
        "takes its key back (an empty p=)": record.get("p") == "",
        f"speaks of a key of another type ({kind}, ours is {dkim.algorithm})": kind != dkim.algorithm,
        f"does not allow SHA-256 (h={record.get('h')})": "sha256" not in record.get("h", "sha256").split(":"),
        f"is not for mail (s={record.get('s')})": not {"*", "email"} & set(record.get("s", "*").split(":")),
    }
    found = next((words for words, is_so in faults.items() if is_so), None)
    is_ours = found is None and _public(record) == dkim.key.public_key()
    return None if is_ours else found or "holds another key than DKIM_KEY_FILE"


def _public(record: dict[str, str]) -> RSAPublicKey | Ed25519PublicKey | None:
    try:
        raw = base64.b64decode(record["p"], validate=True)
        if record.get("k", "rsa") == "ed25519":
            return Ed25519PublicKey.from_public_bytes(raw)
        key = load_der_public_key(raw)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _usable(record: dict[str, str], dkim: Dkim) -> Finding:
    says = f"{dkim.record_name} holds our key"
    if "y" in record.get("t", "").split(":"):
        return warning(CHECK, f"{says}, and calls it a test (t=y): receivers ignore it", "take t=y out of the record")
    if dkim.algorithm == "ed25519":
        return warning(CHECK, f"{says} (Ed25519)", "many receivers know RSA only, and take such mails for unsigned")
    return ok(CHECK, says)
