"""The words a seeded world is made of: produce as it is sold in Los Angeles, its stores and the people who own them."""

from orders.application.assortment import ASSORTMENT

GOODS = tuple((item.name, item.name_es, item.category) for item in ASSORTMENT)
GRADES = (
    ("", ""),
    ("large", "grande"),
    ("medium", "mediano"),
    ("small", "chico"),
    ("extra fancy", "selecto"),
    ("choice", "de segunda"),
)
ORIGINS = (
    "Baja California",
    "Coachella",
    "Jalisco",
    "Oxnard",
    "Salinas",
    "San Joaquin",
    "Santa Maria",
    "Sinaloa",
    "Sonora",
    "Ventura",
    "Yuma",
    "Imperial",
)
PACKS = (
    "25 lb cartons",
    "40 lb cartons, 48s",
    "38 lb cartons, large",
    "50 lb sacks",
    "1 1/9 bushel cartons",
    "flats 12 1-pint baskets",
    "cartons bunched 24s",
    "10 lb bags",
    "20 lb cartons film lined",
    "crates 2 layer",
)
STORE_KINDS = (
    "Abarrotes",
    "Carnicería",
    "Mercadito",
    "Liquor & Market",
    "Corner Market",
    "Panadería",
    "Childcare",
    "Cocina",
)
STORE_NAMES = (
    "La Esperanza",
    "El Sol",
    "Florence",
    "Vermont",
    "Los Tres Hermanos",
    "San Judas",
    "Normandie",
    "Doña Mary",
    "La Favorita",
    "Central",
    "El Paisano",
    "Slauson",
)
ROUTES = (
    "Boyle Heights",
    "South LA",
    "East LA",
    "Watts",
    "Pico-Union",
    "Westlake",
    "Huntington Park",
    "Compton",
    "Inglewood",
    "Lynwood",
)
FIRST_NAMES = (
    "Lupe",
    "Kevin",
    "Mario",
    "Denise",
    "Elena",
    "Rosa",
    "José",
    "Min-ji",
    "Carlos",
    "Aisha",
    "Teresa",
    "Luis",
    "Graciela",
)
LAST_NAMES = (
    "Hernández",
    "Park",
    "Ortiz",
    "Carter",
    "Quispe",
    "Delgado",
    "Nguyen",
    "Ramírez",
    "Johnson",
    "López",
    "Kim",
)
