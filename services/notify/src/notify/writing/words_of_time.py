"""What CLDR says of days, hours and the zones of the United States, in our languages.

Every mail needs these few words. Babel brings them with all of CLDR around them, 5 MB for two languages: it checks them
in the tests, and is asked for any other zone.
"""

from typing import Final, Literal

MONTHS: Final = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "es": (
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
}
WEEKDAYS: Final = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
HALVES_OF_A_DAY: Final = {"en": ("AM", "PM"), "es": ("a.m.", "p.m.")}

Season = Literal["any", "standard", "daylight"]
ZONE_NAMES: Final[dict[str, dict[Season, str]]] = {
    "en": {"any": "{} Time", "standard": "{} Standard Time", "daylight": "{} Daylight Time"},
    "es": {"any": "hora {}", "standard": "hora estándar {}", "daylight": "hora de verano {}"},
}
EASTERN: Final = {"en": "Eastern", "es": "oriental"}
REGIONS: Final = {
    "America/New_York": EASTERN,
    "America/Detroit": EASTERN,
    "America/Chicago": {"en": "Central", "es": "central"},
    "America/Denver": {"en": "Mountain", "es": "de las Montañas Rocosas"},
    "America/Phoenix": {"en": "Mountain", "es": "de las Montañas Rocosas"},
    "America/Los_Angeles": {"en": "Pacific", "es": "del Pacífico"},
    "America/Anchorage": {"en": "Alaska", "es": "de Alaska"},
    "Pacific/Honolulu": {"en": "Hawaii-Aleutian", "es": "de Hawái-Aleutianas"},
}
