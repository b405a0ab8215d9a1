"""The lines of the sample price reports: names as the Los Angeles reports write them, prices made up."""

from typing import NamedTuple


class Line(NamedTuple):
    """One quoted line: ``price`` is the middle it moves around, in USD per package."""

    commodity: str
    variety: str
    package: str
    size: str
    origin: str
    price: float
    grade: str = "N/A"
    organic: str = "N"


FRUIT = (
    Line("Apples", "GALA", "cartons tray pack", "88s", "Washington", 32, "WA Extra Fancy"),
    Line("Apples", "FUJI", "cartons tray pack", "88s", "Washington", 34, "WA Extra Fancy"),
    Line("Apples", "GRANNY SMITH", "cartons tray pack", "88s", "Washington", 33, "WA Extra Fancy"),
    Line("Avocados", "HASS", "cartons 2 layer", "36s", "Mexico", 36),
    Line("Avocados", "HASS", "cartons 2 layer", "48s", "Mexico", 34),
    Line("Avocados", "HASS", "cartons 2 layer", "60s", "Mexico", 28),
    Line("Bananas", "N/A", "40 lb cartons", "N/A", "Guatemala", 22),
    Line("Bananas", "N/A", "40 lb cartons", "N/A", "Ecuador", 29, organic="Y"),
    Line("Blueberries", "N/A", "flats 12 6-oz cups with lids", "medium-large", "Mexico", 27),
    Line("Cantaloupes", "N/A", "1/2 cartons", "9s", "Guatemala", 19),
    Line("Grapefruit", "MARKED RIO STAR", "7/10 bushel cartons", "40s", "Texas", 27, "TX Fancy"),
    Line("Grapes", "RED SEEDLESS", "18 lb containers bagged", "large", "Peru", 38),
    Line("Grapes", "WHITE SEEDLESS TYPE", "18 lb containers bagged", "large", "Peru", 40),
    Line("Honeydews", "N/A", "2/3 cartons", "6s", "Mexico", 18),
    Line("Kiwifruit", "HAYWARD", "20 lb cartons loose", "36s", "California", 31),
    Line("Lemons", "N/A", "7/10 bushel cartons", "140s", "California", 26, "Shippers First Grade"),
    Line("Limes", "SEEDLESS TYPE", "40 lb cartons", "175s", "Mexico", 33, "No Grade Marks"),
    Line("Limes", "SEEDLESS TYPE", "40 lb cartons", "200s", "Mexico", 29, "No Grade Marks"),
    Line("Mangoes", "TOMMY ATKINS", "cartons 1 layer", "9s", "Mexico", 9),
    Line("Mangoes", "ATAULFO", "cartons 1 layer", "14s", "Mexico", 12),
    Line("Oranges", "NAVEL", "7/10 bushel cartons", "72s", "California", 24, "Shippers First Grade"),
    Line("Oranges", "NAVEL", "7/10 bushel cartons", "88s", "California", 22, "Shippers First Grade"),
    Line("Papaya", "MARADOL TYPE", "35 lb cartons", "9s", "Mexico", 28),
    Line("Pears", "BARTLETT", "4/5 bushel cartons wrapped", "90s", "Washington", 34, "U.S. Fcy"),
    Line("Pineapples", "N/A", "cartons 1 layer", "6s", "Costa Rica", 15),
    Line("Plantains", "N/A", "50 lb cartons", "N/A", "Ecuador", 34),
    Line("Strawberries", "N/A", "flats 8 1-lb containers with lids", "medium-large", "California", 21),
    Line("Tangerines", "CLEMENTINE", "cartons 10 3-lb mesh bags", "24 size", "California", 33),
    Line("Watermelons", "RED FLESH SEEDLESS TYPE", "24 inch bins", "45s", "Mexico", 210),
)

VEGETABLES = (
    Line("Beans, Round Green Type", "N/A", "30 lb cartons", "N/A", "Mexico", 29),
    Line("Broccoli", "N/A", "cartons", "bunched 14s", "California", 24),
    Line("Cabbage", "ROUND GREEN TYPE", "50 lb cartons", "medium", "California", 19),
    Line("Cactus Leaf (Nopales)", "N/A", "35 lb crates", "N/A", "Mexico", 25),
    Line("Carrots", "N/A", "50 lb sacks loose", "jumbo", "California", 24),
    Line("Cauliflower", "N/A", "cartons film wrapped", "12s", "California", 22),
    Line("Celery", "N/A", "cartons", "2 1/2 dozen", "California", 27),
    Line("Chayote", "GREEN", "40 lb cartons", "N/A", "Mexico", 24),
    Line("Cilantro", "N/A", "cartons bunched", "60s", "California", 22),
    Line("Corn, Sweet", "N/A", "cartons", "4 dozen minimum", "Mexico", 23),
    Line("Cucumbers", "N/A", "1 1/9 bushel cartons", "medium", "Mexico", 24),
    Line("Eggplant", "N/A", "1 1/9 bushel cartons", "24s", "Mexico", 21),
    Line("Garlic", "N/A", "30 lb cartons", "jumbo", "California", 70),
    Line("Ginger Root", "N/A", "30 lb cartons", "N/A", "Brazil", 48),
    Line("Greens, Kale", "N/A", "cartons bunched", "24s", "California", 20),
    Line("Jicama", "N/A", "40 lb cartons", "N/A", "Mexico", 25),
    Line("Lettuce, Iceberg", "N/A", "cartons", "24s film wrapped", "California", 21),
    Line("Lettuce, Romaine", "N/A", "cartons", "24s", "California", 22),
    Line("Onions, Green", "N/A", "cartons bunched", "48s medium", "Mexico", 21),
    Line("Peppers, Bell Type", "GREEN", "1 1/9 bushel cartons", "large", "Mexico", 19),
    Line("Peppers, Bell Type", "RED", "11 lb cartons", "large", "Mexico", 20),
    Line("Peppers, Jalapeno", "N/A", "1 1/9 bushel cartons", "N/A", "Mexico", 27),
    Line("Peppers, Pasilla", "N/A", "1 1/9 bushel cartons", "N/A", "Mexico", 30),
    Line("Peppers, Serrano", "N/A", "1 1/9 bushel cartons", "N/A", "Mexico", 31),
    Line("Radishes", "RED", "cartons bunched", "24s", "California", 16),
    Line("Spinach", "FLAT", "cartons bunched", "24s", "California", 23),
    Line("Squash, Grey", "N/A", "4/7 bushel cartons", "medium", "Mexico", 15),
    Line("Squash, Zucchini", "N/A", "4/7 bushel cartons", "medium", "Mexico", 14),
    Line("Sweet Potatoes", "ORANGE TYPE", "40 lb cartons", "medium", "California", 27, "No Grade Marks"),
    Line("Tomatillos", "HUSKED", "38 lb reusable plastic containers (RPC)", "N/A", "Mexico", 33),
    Line("Tomatoes", "VINE RIPE", "25 lb cartons loose", "large", "Mexico", 18),
    Line("Tomatoes, Cherry", "N/A", "flats 12 1-pint baskets", "N/A", "Mexico", 15),
    Line("Tomatoes, Plum Type", "ROMA", "25 lb cartons loose", "large", "Mexico", 17),
    Line("Yuca (Cassava)", "N/A", "40 lb cartons", "N/A", "Costa Rica", 30),
)

ONIONS_POTATOES = (
    Line("Onions, Dry", "YELLOW", "50 lb sacks", "jumbo", "Washington", 13),
    Line("Onions, Dry", "WHITE", "50 lb sacks", "jumbo", "Washington", 20),
    Line("Onions, Dry", "RED", "25 lb sacks", "jumbo", "Washington", 11),
    Line("Potatoes", "RUSSET", "50 lb cartons", "70s", "Idaho", 19, "U.S. One"),
    Line("Potatoes", "RED", "50 lb sacks", "Size A", "California", 24, "U.S. One"),
    Line("Potatoes", "YELLOW TYPE", "50 lb cartons", "Size A", "California", 28, "U.S. One"),
)
