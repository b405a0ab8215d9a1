"""Questions to the DNS, each with an end."""

from dataclasses import dataclass
from typing import Any, Final

from dns.asyncresolver import Resolver
from dns.exception import DNSException, Timeout
from dns.rdatatype import AAAA, MX, TXT, A, RdataType
from dns.resolver import NXDOMAIN, NoNameservers

LONGEST_WAIT_S: Final = 5.0
EDNS_BYTES: Final = 1_232


class Silent(Exception):
    """The DNS gave no answer, which says nothing about whether there is a record; the text says why."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who takes a domain's mail, by an MX record."""

    preference: int
    name: str
    """Without the dot at its end; empty where the domain says that it takes no mail (RFC 7505)."""


class Dns:
    """Asks the machine's resolvers, or the one that is given as host (an address) and port."""

    def __init__(self, server: tuple[str, int] | None = None, *, wait_s: float = LONGEST_WAIT_S) -> None:
        self._server = server
        self._wait_s = min(wait_s, LONGEST_WAIT_S)

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name, the pieces of each joined, none where there are none.

        Raises:
            Silent: nobody knows.

        """
        return [b"".join(record.strings).decode("utf-8", "replace") for record in await self._ask(name, TXT)]

    async def addresses(self, name: str) -> list[str]:
        """Return the addresses of a name, IPv4 first.

        Raises:
            Silent: nobody knows.

        """
        return [record.address for kind in (A, AAAA) for record in await self._ask(name, kind)]

    async def mail_servers(self, name: str) -> list[MailServer]:
        """Return a domain's MX records, the preferred first.

        Raises:
            Silent: nobody knows.

        """
        found = [
            MailServer(record.preference, record.exchange.to_text(omit_final_dot=True).removesuffix("."))
            for record in await self._ask(name, MX)
        ]
        return sorted(found, key=lambda each: (each.preference, each.name))

    async def _ask(self, name: str, kind: RdataType) -> list[Any]:
        try:
            answer = await self._resolver().resolve(
                f"{name}.", kind, raise_on_no_answer=False, search=False, lifetime=self._wait_s
            )
        except NXDOMAIN:
            return []
        except Timeout as error:
            raise Silent(f"no answer about {name} in {self._wait_s:g} s") from error
        except NoNameservers as error:
            raise Silent(f"the DNS server failed or refused to look up {name}") from error
        except DNSException as error:
            raise Silent(f"{name} cannot be looked up ({type(error).__name__})") from error
        return list(answer)

    def _resolver(self) -> Resolver:
        resolver = Resolver(configure=self._server is None)
        if self._server is not None:
            resolver.nameservers, resolver.port = [self._server[0]], self._server[1]
        # Keys are longer than the 512 bytes of an old answer.
        resolver.use_edns(0, 0, EDNS_BYTES)
        return resolver


def tags(record: str) -> dict[str, str]:
    """Return what a record of the form ``v=DKIM1; k=rsa; p=…`` says, names in lower case."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, sign, value in pairs if sign}
