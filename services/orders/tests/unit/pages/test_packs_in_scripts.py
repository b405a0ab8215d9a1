"""Scripts write a pack in Spanish as the server does: two implementations, one glossary."""

import json
import subprocess
from pathlib import Path

from orders.domain.packs import glossary, pack_in

SERVICE = Path(__file__).resolve().parents[3]
PACKS = (
    "flats 8 1-lb containers with lids",
    "flats 12 1-pint baskets",
    "7/10 bushel cartons",
    "1/2 cartons",
    "cartons 2 layer",
    "40 lb cartons, 48s",
    "44 size",
    "extra-large",
    "reusable plastic containers",
    "film wrapped, 12 10-oz film bags",
    "36 inch bins, per lb",
    "cartons tray pack",
    "12 6-oz cups with lids",
    "medium-large",
    "22-26 lb containers",
    "9 kg (19.8 lb) containers",
    "5 kg/11 lb flats",
    "25 lb film bags topped",
    "cartons 24 3 1/2-oz film bags",
    "flats 12 6.2-oz cups",
    "30 lb mesh sacks",
    "large-extra large",
    "50 lb sacks, jumbo",
    "crates 24 bunched",
    "",
    "N/A",
    "$& cartons $1",
)
SCRIPT = """
import { packWriter } from "./src/orders/static/js/packs.js";
const { glossary, packs } = JSON.parse(process.argv[1]);
console.log(JSON.stringify(packs.map(packWriter(glossary))));
"""


def test_scripts_and_server_agree_on_packs() -> None:
    for locale in ("en", "es"):
        given = json.dumps({"glossary": glossary(locale), "packs": PACKS})
        command = ["node", "--input-type=module", "-e", SCRIPT, given]
        done = subprocess.run(command, cwd=SERVICE, capture_output=True, text=True, check=True, timeout=30)
        assert json.loads(done.stdout) == [pack_in(pack, locale) for pack in PACKS]
