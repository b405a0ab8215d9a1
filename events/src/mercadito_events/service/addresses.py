"""What a client's address counts as where tries or connections are counted by address."""

import ipaddress

IPV6_PREFIX_BITS = 64


def counted(text: str) -> str | None:
    """Return an IPv4 address, or of IPv6 the network, in its usual form; None for what is no address.

    Whoever rents one server has a /64 of IPv6, and as many addresses as there are guesses.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_PREFIX_BITS), strict=False))
