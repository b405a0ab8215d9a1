"""The row of a MARS report that all tests begin with, whatever they make of it."""

MARS_ROW = {
    "report_date": "01/08/2026",
    "slug_id": "2306",
    "market_location_city": "Los Angeles",
    "category": "Fruits",
    "commodity": "Avocados",
    "variety": "HASS",
    "package": "cartons 2 layer",
    "item_size": "48s",
    "organic": "N",
    "origin": "Mexico",
    "appearance": "N/A",
    "quality": "N/A",
    "condition": "N/A",
    "low_price": "30.00",
    "high_price": "32.00",
}
