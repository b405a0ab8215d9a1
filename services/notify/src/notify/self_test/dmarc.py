"""What receivers do with mails that are not proved to be ours, and whether ours are proved by what they look at.

DMARC asks that the domain of From be the one that signs (DKIM) or the one of the envelope (SPF), or, unless it is
strict, one under the same organisation's. That one is found as RFC 9989 has it: by asking upwards, not by a list of
public suffixes.
"""

from notify.self_test.dns import Dns, tags
from notify.self_test.finding import Finding, ok, problem, warning
from notify.writing.dkim import Dkim

CHECK = "DMARC"
# Names of more labels are asked for as if they had so many (RFC 9989, 4.10).
MOST_LABELS = 8


async def dmarc_finding(dns: Dns, sender: str, returns: str, dkim: Dkim | None) -> Finding:
    """Look for the policy of the domain in From.

    Raises:
        Silent: the DNS does not answer.

    """
    found: list[tuple[str, dict[str, str]]] = []
    organisation = below = sender
    for domain in _upwards(sender):
        records = [tags(text) for text in await dns.texts(f"_dmarc.{domain}") if _is_dmarc(text)]
        if len(records) > 1:
            return problem(CHECK, f"_dmarc.{domain} has {len(records)} records, so none counts", "leave one")
        if records:
            found.append((domain, records[0]))
            # A public suffix with a policy of its own is nobody's organisation: that is the name below it.
            organisation = below if records[0].get("psd") == "y" else domain
            if records[0].get("psd", "u") in ("y", "n"):
                break
        below = domain
    if not found:
        return warning(
            CHECK,
            f"{sender} has no policy: the big receivers ask for one of who sends much",
            f'publish at _dmarc.{sender}: TXT "v=DMARC1; p=none; rua=mailto:<where reports go>"',
        )
    at, record = found[0]
    policy = record.get("sp", record.get("p", "none")) if at != sender else record.get("p", "none")
    proofs = _proofs(sender, returns, dkim, record, organisation)
    return _judged(f"_dmarc.{at} says p={policy}", policy, proofs, dkim)


def _judged(says: str, policy: str, proofs: list[str], dkim: Dkim | None) -> Finding:
    if not proofs and dkim is None:
        return warning(
            CHECK,
            f"{says}; the envelope's domain is another one, and we do not sign",
            "set DKIM_KEY_FILE, or make sure that the relay signs for the domain in MAIL_FROM",
        )
    if not proofs:
        return problem(
            CHECK,
            f"{says}; neither DKIM nor SPF speaks for the domain of MAIL_FROM",
            "set DKIM_DOMAIN to MAIL_FROM's domain",
        )
    speak = "speak" if len(proofs) > 1 else "speaks"
    by = f"{says}; {' and '.join(proofs)} {speak} for the domain of MAIL_FROM"
    if policy == "none":
        return warning(
            CHECK, f"{by}, but false mails are let in", "when its reports look well, say p=quarantine or p=reject"
        )
    return ok(CHECK, by)


def _proofs(sender: str, returns: str, dkim: Dkim | None, record: dict[str, str], organisation: str) -> list[str]:
    def is_aligned(other: str, mode: str) -> bool:
        if mode == "s":
            return other == sender
        return other in (sender, organisation) or other.endswith(f".{organisation}")

    proofs = []
    if dkim is not None and is_aligned(dkim.domain, record.get("adkim", "r")):
        proofs.append("DKIM")
    if is_aligned(returns, record.get("aspf", "r")):
        proofs.append("SPF")
    return proofs


def _is_dmarc(text: str) -> bool:
    return text.replace(" ", "").lower().startswith("v=dmarc1")


def _upwards(domain: str) -> list[str]:
    labels = domain.lower().split(".")
    steps = [".".join(labels[start:]) for start in range(len(labels))]
    return steps[:1] + steps[max(1, len(labels) - MOST_LABELS + 1) :]
