"""The demo's assortment itself, with the names that stores in Los Angeles use."""

from orders.application.catalogue import Item, Source


def _item(name: str, name_es: str, category: str, *sources: str | Source, preferred: tuple[str, ...] = ()) -> Item:
    found = tuple(source if isinstance(source, Source) else Source(source) for source in sources)
    return Item(name, name_es, category, found, preferred)


def _pepper(name: str) -> tuple[Source, ...]:
    return (Source(f"Peppers, {name}"), Source("Peppers, Other", (name,)))


def _squash(name: str) -> tuple[Source, ...]:
    return (Source(f"Squash, {name}"), Source("Squash", (name,)))


_FRUIT = (
    _item("Hass avocados, large", "Aguacate Hass grande", "fruit", "Avocados", preferred=("hass", "40s", "36s")),
    _item("Hass avocados, medium", "Aguacate Hass mediano", "fruit", "Avocados", preferred=("hass", "48s")),
    _item("Hass avocados, small", "Aguacate Hass chico", "fruit", "Avocados", preferred=("hass", "70s", "60s")),
    _item("Apples, Gala", "Manzana Gala", "fruit", Source("Apples", ("gala",)), preferred=("tray pack", "88s")),
    _item("Apples, Fuji", "Manzana Fuji", "fruit", Source("Apples", ("fuji",)), preferred=("tray pack", "88s")),
    _item(
        "Apples, Granny Smith",
        "Manzana verde",
        "fruit",
        Source("Apples", ("granny smith",)),
        preferred=("tray pack", "88s", "100s"),
    ),
    _item(
        "Apples, Red Delicious",
        "Manzana roja",
        "fruit",
        Source("Apples", ("red delicious",)),
        preferred=("tray pack", "100s"),
    ),
    _item("Pears, Bartlett", "Pera Bartlett", "fruit", Source("Pears", ("bartlett",)), preferred=("90s", "100s")),
    _item("Grapes, red seedless", "Uva roja sin semilla", "fruit", Source("Grapes", ("red seedless",))),
    _item("Grapes, green seedless", "Uva verde sin semilla", "fruit", Source("Grapes", ("white seedless",))),
    _item("Strawberries", "Fresa", "fruit", "Strawberries", preferred=("8 1-lb", "medium-large", "lge")),
    _item("Blueberries", "Mora azul", "fruit", "Blueberries", preferred=("flats 12", "medium-large")),
    _item("Peaches, yellow", "Durazno amarillo", "fruit", "Peaches", preferred=("yellow", "2 layer")),
    _item(
        "Watermelon, seedless", "Sandía sin semilla", "fruit", "Watermelons", preferred=("seedless", "cartons", "5s")
    ),
    _item("Cantaloupe", "Melón chino", "fruit", "Cantaloupes", "Cantaloups", preferred=("1/2 cartons", "9s")),
    _item("Honeydew melon", "Melón verde", "fruit", "Honeydews", preferred=("2/3 cartons", "6s")),
)
_TROPICAL = (
    _item("Bananas", "Plátano", "tropical fruit", "Bananas", preferred=("40 lb cartons", "containerized")),
    _item("Bananas, Manzano", "Plátano manzano", "tropical fruit", Source("Bananas", ("manzano",))),
    _item("Plantains", "Plátano macho", "tropical fruit", "Plantains", preferred=("50 lb",)),
    _item("Mangoes, large", "Mango grande", "tropical fruit", "Mangoes", preferred=("8s", "9s")),
    _item("Mangoes, Ataulfo", "Mango Ataulfo", "tropical fruit", Source("Mangoes", ("ataulfo",))),
    _item("Papaya", "Papaya", "tropical fruit", "Papaya", preferred=("maradol", "9s")),
    _item("Pineapple", "Piña", "tropical fruit", "Pineapples", preferred=("6s",)),
)
_CITRUS = (
    _item("Lemons", "Limón amarillo", "citrus", "Lemons", preferred=("140s",)),
    _item("Limes", "Limón", "citrus", "Limes", preferred=("seedless", "200s")),
    _item("Oranges, Navel", "Naranja Navel", "citrus", Source("Oranges", ("navel",)), preferred=("88s", "72s")),
    _item("Oranges, Valencia", "Naranja para jugo", "citrus", Source("Oranges", ("valencia",)), preferred=("113s",)),
    _item("Grapefruit", "Toronja", "citrus", "Grapefruit", preferred=("40s",)),
    _item("Tangerines", "Mandarina", "citrus", "Tangerines", "Clementines"),
)
_TOMATOES_AND_PEPPERS = (
    _item("Roma tomatoes", "Jitomate Roma", "tomatoes", "Tomatoes, Plum Type", preferred=("roma", "large", "lge")),
    _item("Round tomatoes", "Tomate bola", "tomatoes", "Tomatoes", preferred=("vine ripes", "5x6s", "25 lb", "large")),
    _item("Cherry tomatoes", "Tomate cherry", "tomatoes", "Tomatoes, Cherry", preferred=("12 1-pint", "12 1-pt")),
    _item("Tomatillos", "Tomatillo", "tomatoes", "Tomatillos", preferred=("38",)),
    _item(
        "Green bell peppers", "Pimiento verde", "peppers", "Peppers, Bell Type", preferred=("green", "1 1/9", "large")
    ),
    _item("Red bell peppers", "Pimiento rojo", "peppers", Source("Peppers, Bell Type", ("red",))),
    _item("Jalapeño peppers", "Chile jalapeño", "peppers", *_pepper("Jalapeno"), preferred=("1 1/9",)),
    _item("Serrano peppers", "Chile serrano", "peppers", *_pepper("Serrano"), preferred=("1 1/9",)),
    _item(
        "Poblano peppers",
        "Chile poblano",
        "peppers",
        *_pepper("Poblano"),
        *_pepper("Pasilla"),
        preferred=("1 1/9",),
    ),
    _item("Anaheim peppers", "Chile California", "peppers", *_pepper("Anaheim")),
    _item("Habanero peppers", "Chile habanero", "peppers", *_pepper("Habanero"), preferred=("orange",)),
)
_ROOTS = (
    _item(
        "White onions",
        "Cebolla blanca",
        "onions and potatoes",
        Source("Onions Dry", ("white",)),
        preferred=("50 lb", "jumbo", "jbo"),
    ),
    _item(
        "Yellow onions",
        "Cebolla amarilla",
        "onions and potatoes",
        Source("Onions Dry", ("yellow",)),
        preferred=("50 lb", "jumbo", "jbo"),
    ),
    _item(
        "Red onions",
        "Cebolla morada",
        "onions and potatoes",
        Source("Onions Dry", ("red",)),
        preferred=("25 lb", "jumbo", "jbo"),
    ),
    _item(
        "Russet potatoes",
        "Papa Russet",
        "onions and potatoes",
        Source("Potatoes", ("russet",)),
        preferred=("50 lb cartons", "70s", "60s"),
    ),
    _item(
        "Red potatoes",
        "Papa roja",
        "onions and potatoes",
        Source("Potatoes", ("red",)),
        preferred=("size a", "sz a", "50 lb"),
    ),
    _item("Sweet potatoes", "Camote", "roots", "Sweet Potatoes", "Yams/Sweet Potatoes", preferred=("40 lb", "medium")),
    _item("Carrots", "Zanahoria", "roots", "Carrots", preferred=("25 lb sacks loose", "jumbo", "jbo")),
    _item("Garlic", "Ajo", "roots", "Garlic", preferred=("30 lb", "jumbo", "jbo")),
    _item("Ginger", "Jengibre", "roots", "Ginger Root", preferred=("30 lb",)),
    _item("Jicama", "Jícama", "roots", "Jicama"),
    _item("Radishes", "Rábano", "roots", "Radishes", preferred=("bunched",)),
    _item("Beets", "Betabel", "roots", "Beets", preferred=("red", "bunched")),
    _item("Yuca", "Yuca", "roots", "Yuca (Cassava)"),
)
_GREENS = (
    _item("Iceberg lettuce", "Lechuga bola", "leafy greens", "Lettuce, Iceberg", preferred=("24s", "film lined")),
    _item("Romaine lettuce", "Lechuga romana", "leafy greens", "Lettuce, Romaine", preferred=("24s",)),
    _item("Green cabbage", "Repollo", "leafy greens", "Cabbage", preferred=("round green", "50 lb", "medium", "med")),
    _item("Spinach", "Espinaca", "leafy greens", "Spinach", preferred=("flat", "bunched")),
    _item("Kale", "Col rizada", "leafy greens", "Greens, Kale", "Kale Greens", preferred=("bunched",)),
    _item("Purslane", "Verdolaga", "leafy greens", "Verdolaga", "Verdulaga"),
    _item("Cilantro", "Cilantro", "herbs", "Cilantro", preferred=("60s",)),
    _item("Parsley", "Perejil", "herbs", "Parsley", preferred=("plain", "60s")),
    _item("Epazote", "Epazote", "herbs", "Epasote (Epazote)", "Epasote"),
    _item("Green onions", "Cebollita de cambray", "herbs", "Onions, Green", preferred=("bunched", "48s")),
)
_VEGETABLES = (
    _item("Nopales", "Nopales", "vegetables", "Cactus Leaf (Nopales)", "Nopales/Cactus Leaves", "Nopales"),
    _item("Chayote", "Chayote", "vegetables", "Chayote", preferred=("40 lb",)),
    _item("Zucchini", "Calabacita italiana", "vegetables", *_squash("Zucchini"), preferred=("green", "medium", "med")),
    _item("Mexican squash", "Calabacita", "vegetables", *_squash("Grey"), preferred=("medium", "med")),
    _item(
        "Sweet corn", "Elote", "vegetables", "Corn, Sweet", "Corn-Sweet", preferred=("white", "4 dozen minimum", "4 dz")
    ),
    _item("Cucumbers", "Pepino", "vegetables", "Cucumbers", preferred=("1 1/9", "medium", "med")),
    _item("Celery", "Apio", "vegetables", "Celery", preferred=("2 1/2", "cartons")),
    _item("Broccoli", "Brócoli", "vegetables", "Broccoli", preferred=("14s",)),
    _item("Cauliflower", "Coliflor", "vegetables", "Cauliflower", preferred=("white", "12s")),
    _item("Green beans", "Ejote", "vegetables", "Beans, Round Green Type", Source("Beans", ("round green",))),
    _item("Eggplant", "Berenjena", "vegetables", "Eggplant", preferred=("1 1/9",)),
    _item("White mushrooms", "Champiñón", "vegetables", Source("Mushrooms", ("white",)), preferred=("medium", "med")),
    _item("Asparagus", "Espárrago", "vegetables", "Asparagus", preferred=("green", "large", "lge")),
)

ASSORTMENT = (*_FRUIT, *_TROPICAL, *_CITRUS, *_TOMATOES_AND_PEPPERS, *_ROOTS, *_GREENS, *_VEGETABLES)
