"""The small pages that notify draws by itself look as the shop does: its tokens say the same."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "services/orders/src/orders/static/css/mercadito.css"
SMALL_PAGES = ROOT / "services/notify/src/notify/api/pages/page.css"


def tokens(file: Path) -> list[dict[str, str]]:
    roots = re.findall(r":root \{(.*?)\}", file.read_text(), re.DOTALL)[:2]
    return [dict(re.findall(r"--([\w-]+): ([^;]+);", root)) for root in roots]


def test_a_token_has_one_value() -> None:
    for small, shop in zip(tokens(SMALL_PAGES), tokens(SHOP), strict=True):
        assert small
        assert small == {name: shop[name] for name in small}


def test_the_small_pages_name_no_colour_of_their_own() -> None:
    text = SMALL_PAGES.read_text()
    after = text[text.index("*, *::before") :]
    assert not re.findall(r"#[0-9a-f]{3,8}\b|rgb\(", after)
