"""The net weight of a package: what its own text states, else what the USDA's handbook says; never a guess.

A quarter of the weight-bearing texts are traps for anyone who strips non-digits: ``8 1-lb film bags`` is 8 lb, not 81.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache

from usda_ingest.reading.handbook_weights import handbook_lb
from usda_ingest.reading.quote import PER_PACKAGE

LB_PER_KG = Decimal("2.2046226")
HANDBOOK = "H-697"
_OZ_PER_LB = 16
_CENT = Decimal("0.01")
# A truck carries 45,000 lb; what claims more is a typing error, not a package.
MAX_LB = Decimal(45_000)

_WHOLE = r"\d+(?:\.\d+)?"
_NUMBER = rf"(?:\d+[ -]\d+/\d+|{_WHOLE})"
_UNIT = r"(lb|oz|kg)s?\b"
_START = r"(?<![\d./-])"

# Two packages in one text, a minimum, a choice: whatever number stands there is not the weight of this package.
_UNCLEAR = re.compile(r"&|\band\b|\bor\b|\bmin\b|\bmax\b", re.IGNORECASE)
_SEVERAL = re.compile(rf"{_START}(\d+) ({_NUMBER})[- ]{_UNIT}(?:/\d+-g\w*)?", re.IGNORECASE)
_BOTH_SYSTEMS = re.compile(rf"{_WHOLE} ?kg ?[/(] ?({_WHOLE}) ?lbs?\b", re.IGNORECASE)
_RANGE = re.compile(rf"{_START}({_WHOLE}) ?- ?({_WHOLE}) {_UNIT}", re.IGNORECASE)
_SINGLE = re.compile(rf"{_START}({_NUMBER}) {_UNIT}", re.IGNORECASE)
_APPROXIMATE = re.compile(r"\bapprox", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PackageWeight:
    """A weight in pounds and how sure it is.

    The sources, the surest first: ``stated``, ``stated range`` (its middle), ``stated approximately``, ``H-697``.
    """

    lb: Decimal
    source: str


@lru_cache(maxsize=4_096)
def net_weight(commodity: str, package: str, unit: str) -> PackageWeight | None:
    """Return the weight of what the price is for: a price per pound says it itself, one per head tells none."""
    if unit != PER_PACKAGE:
        return stated_weight(f"1 {unit}") if unit in ("lb", "kg") else None
    stated = stated_weight(package)
    if stated is not None:
        return stated
    lb = handbook_lb(commodity, package)
    return None if lb is None else PackageWeight(lb.quantize(_CENT), HANDBOOK)


def stated_weight(package: str) -> PackageWeight | None:
    """Return the weight that the text states, None when it states none or more than one."""
    if _UNCLEAR.search(package):
        return None
    found = _several(package) or _both_systems(package) or _range(package) or _single(package)
    return found if found and 0 < found.lb <= MAX_LB else None


def _several(package: str) -> PackageWeight | None:
    found = _SEVERAL.findall(package)
    if len(found) != 1:
        return None
    count, weight, unit = found[0]
    return PackageWeight(_pounds(int(count) * _fraction(weight), unit), "stated")


def _both_systems(package: str) -> PackageWeight | None:
    found = _BOTH_SYSTEMS.search(package)
    return PackageWeight(_pounds(_fraction(found[1]), "lb"), "stated") if found else None


def _range(package: str) -> PackageWeight | None:
    found = _RANGE.search(package)
    if not found:
        return None
    middle = (_fraction(found[1]) + _fraction(found[2])) / 2
    return PackageWeight(_pounds(middle, found[3]), "stated range")


def _single(package: str) -> PackageWeight | None:
    found = _SINGLE.findall(package)
    if len(found) != 1:
        return None
    weight, unit = found[0]
    source = "stated approximately" if _APPROXIMATE.search(package) else "stated"
    return PackageWeight(_pounds(_fraction(weight), unit), source)


def _fraction(number: str) -> Fraction:
    """Return ``3``, ``4.5``, ``3 1/2`` or ``2-1/2`` exactly; nothing else matches the patterns."""
    try:
        return sum((Fraction(part) for part in re.split("[ -]", number)), Fraction())
    except ZeroDivisionError:
        return Fraction()


def _pounds(amount: Fraction, unit: str) -> Decimal:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    if unit.lower() == "oz":
        exact /= _OZ_PER_LB
    elif unit.lower() == "kg":
        exact *= LB_PER_KG
    return min(exact, MAX_LB + 1).quantize(_CENT, ROUND_HALF_UP)
