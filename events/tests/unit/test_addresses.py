"""What a client's address counts as."""

import pytest
from mercadito_events.service.addresses import counted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("", None),
        ("203.0.113.7, 203.0.113.8", None),
        ("localhost", None),
    ],
)
def test_an_address_counts_as_itself_or_as_its_network(text: str, expected: str | None) -> None:
    assert counted(text) == expected
