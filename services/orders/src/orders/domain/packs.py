"""Packs and categories in the reader's words.

Both come from the market reports in English trade shorthand ("40 lb cartons, 48s"). They are a closed vocabulary, so a
glossary serves better than sentences to translate; a word that is not in it stays as the report wrote it.
"""

import re
from functools import lru_cache

PACKS_REMEMBERED = 10_000

_CONTAINERS = {
    "carton": ("carton", "caja"),
    "cartons": ("carton", "cajas"),
    "box": ("box", "caja"),
    "boxes": ("box", "cajas"),
    "case": ("case", "caja"),
    "cases": ("case", "cajas"),
    "sack": ("sack", "saco"),
    "sacks": ("sack", "sacos"),
    "bag": ("bag", "bolsa"),
    "bags": ("bag", "bolsas"),
    "flat": ("flat", "charola"),
    "flats": ("flat", "charolas"),
    "tray": ("tray", "charola"),
    "trays": ("tray", "charolas"),
    "crate": ("crate", "reja"),
    "crates": ("crate", "rejas"),
    "wirebound": ("crate", "reja"),
    "bin": ("bin", "contenedor"),
    "bins": ("bin", "contenedores"),
    "lug": ("lug", "caja"),
    "lugs": ("lug", "cajas"),
    "basket": ("basket", "canasta"),
    "baskets": ("basket", "canastas"),
    "container": ("container", "envase"),
    "containers": ("container", "envases"),
    "bunch": ("bunch", "manojo"),
    "bunches": ("bunch", "manojos"),
    "bale": ("bale", "paca"),
    "bales": ("bale", "pacas"),
}
_CONTAINERS |= {
    "reusable plastic containers": ("container", "cajas de plástico"),
    "reusable plastic container": ("container", "caja de plástico"),
}
_SINGULAR_ES = {plural: _CONTAINERS[singular][1] for plural, (singular, _) in _CONTAINERS.items()}
_PHRASES = {
    "tray pack": "con charola",
    "tray packs": "con charola",
    "containerized": "en contenedor",
    "minimum": "mínimo",
    "maximum": "máximo",
    "mixed": "surtido",
    "pint": "pinta",
    "pints": "pintas",
    "quart": "cuarto",
    "cell pack": "con separadores",
    "place pack": "acomodadas",
    "film wrapped": "envueltas en plástico",
    "film lined": "forradas con plástico",
    "film bags": "bolsas de plástico",
    "mesh bags": "bolsas de malla",
    "mesh sacks": "sacos de malla",
    "with lids": "con tapa",
    "1 layer": "de 1 capa",
    "2 layer": "de 2 capas",
    "3 layer": "de 3 capas",
    "jumbo pack": "paquete jumbo",
    "loose": "a granel",
    "bunched": "en manojos",
    "wrapped": "envueltas",
    "bagged": "en bolsas",
    "iced": "con hielo",
    "packed": "empacadas",
    "film": "plástico",
    "cups": "vasos",
    "dozen": "docenas",
    "medium-large": "mediano a grande",
    "large-extra large": "grande a extra grande",
    "small-medium": "chico a mediano",
    "extra large": "extra grande",
    "extra-large": "extra grande",
    "large": "grande",
    "medium": "mediano",
    "small": "chico",
    "size": "tamaño",
    "sizes": "tamaños",
    "inch": "pulgadas",
    "various": "varios",
    "and": "y",
    "per": "por",
    "each": "cada una",
    "organic": "orgánico",
    "1 layer containers": "envases de 1 capa",
    "flat cartons": "cajas planas",
    "irregular size": "tamaño irregular",
    "non size a": "tamaño distinto de A",
    "baled": "pacas",
    "topped": "sin hojas",
    "netted": "en malla",
    "iceless": "sin hielo",
    "count": "piezas",
    "packages": "paquetes",
    "oversized": "más grandes:",
    "standard": "estándar",
    "colossal": "colosal",
}
_CATEGORIES_ES = {
    "fruit": "Fruta",
    "fruits": "Frutas",
    "vegetable": "Verdura",
    "vegetables": "Verduras",
    "onions and potatoes": "Cebollas y papas",
    "potatoes and onions": "Papas y cebollas",
    "potatoes & onions": "Papas y cebollas",
    "onions & potatoes": "Cebollas y papas",
    "herbs": "Hierbas",
    "herb": "Hierbas",
    "berries": "Frutos rojos",
    "citrus": "Cítricos",
    "melons": "Melones",
    "leafy greens": "Hojas verdes",
    "greens": "Hojas verdes",
    "roots": "Raíces",
    "tropical": "Frutas tropicales",
    "tropical fruit": "Frutas tropicales",
    "nuts": "Nueces",
    "peppers": "Chiles y pimientos",
    "tomatoes": "Tomates",
    "ornamentals": "Plantas",
    "other": "Otros",
}
KNOWN_CATEGORIES = (
    "fruit",
    "tropical fruit",
    "citrus",
    "berries",
    "melons",
    "tomatoes",
    "peppers",
    "onions and potatoes",
    "roots",
    "leafy greens",
    "herbs",
    "vegetables",
    "nuts",
    "other",
)
"""Those to choose from; others are taken as they are typed."""
_KEYS = {name: name for name in KNOWN_CATEGORIES} | {_CATEGORIES_ES[name].lower(): name for name in KNOWN_CATEGORIES}
_CONTAINER = "|".join(sorted(_CONTAINERS, key=len, reverse=True))
# What the phrases have made of "cups", "mesh bags", "film bags" and "mesh sacks": containers too.
_MADE = "vasos|bolsas de malla|bolsas de plástico|sacos de malla"
# "40 lb cartons", "5 kg/11 lb cartons", "9 kg (19.8 lb) containers": Spanish names the container first.
_AMOUNT_FIRST = re.compile(
    r"(?<![\w/-])((?:\d[\d/ -]*kg/)?(?:\d[\d/ -]*)(?:lb|bushel|kg|oz|inch|pulgadas)(?: \([\d.]+ lb\))?)"
    rf"\.? ({_CONTAINER}|{_MADE})\b",
    re.IGNORECASE,
)
# "8 1-lb containers", "12 6-oz cups", "12 1/2-pint cups": so many of such a size each.
_COUNTED = re.compile(
    rf"\b(\d+) (\d+(?:[ ./]\d[\d/]*)?)-(lb|oz|pint|pinta|quart) ({_CONTAINER}|{_MADE})\b", re.IGNORECASE
)
# "1/2 cartons" is half a carton; "44 size" is size 44.
_PART = re.compile(rf"(?<![\w/.-])(\d/\d) ({_CONTAINER})\b", re.IGNORECASE)
_SIZE = re.compile(r"\b(\d+) (tamaños?)\b")
_WORD = re.compile(rf"\b({_CONTAINER})\b", re.IGNORECASE)
_PHRASE = re.compile(
    r"(?<![\w-])(" + "|".join(re.escape(phrase) for phrase in sorted(_PHRASES, key=len, reverse=True)) + r")(?![\w-])",
    re.IGNORECASE,
)


@lru_cache(maxsize=PACKS_REMEMBERED)
def pack_in(pack: str, locale: str) -> str:
    """Write a pack in the reader's language: "40 lb cartons" becomes "cajas de 40 lb"."""
    if locale != "es":
        return pack
    phrased = _PHRASE.sub(lambda found: _PHRASES[found[1].lower()], pack)
    counted = _COUNTED.sub(
        lambda found: f"de {found[1]} {_container_es(found[4])} de {found[2]} {_PHRASES.get(found[3], found[3])}",
        phrased,
    )
    turned = _AMOUNT_FIRST.sub(lambda found: f"{_container_es(found[2])} de {found[1]}", counted)
    parted = _PART.sub(lambda found: f"{_container_es(found[2])} de {found[1]}", turned)
    return _SIZE.sub(r"\2 \1", _WORD.sub(lambda found: _container_es(found[1]), parted))


def glossary(locale: str) -> dict[str, dict[str, str]]:
    """Return the words that scripts write a pack in the reader's language with, as `pack_in` does; none in English."""
    if locale != "es":
        return {}
    return {"containers": {word: spanish for word, (_, spanish) in _CONTAINERS.items()}, "phrases": dict(_PHRASES)}


def unit_in(pack: str, locale: str) -> str | None:
    """Name what one of it is, in the singular ("carton"); None when the pack does not say."""
    found = _WORD.search(pack)
    if found is None:
        return None
    english, _ = _CONTAINERS[found[1].lower()]
    return _SINGULAR_ES[found[1].lower()] if locale == "es" else english


def category_in(category: str, locale: str) -> str:
    """Write a category as a heading in the reader's language."""
    name = category.strip()
    if locale == "es":
        name = _CATEGORIES_ES.get(name.lower(), name)
    return name[:1].upper() + name[1:]


def category_key(typed: str) -> str:
    """Return the category that a known name in either language means, else what was typed."""
    return _KEYS.get(typed.strip().lower(), typed)


def _container_es(word: str) -> str:
    """Name a container in Spanish; a word that a phrase has put there already stays."""
    known = _CONTAINERS.get(word.lower())
    return known[1] if known else word
