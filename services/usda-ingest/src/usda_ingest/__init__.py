"""Prices of the USDA's terminal market reports: fetched, checked, kept, told."""

__version__ = "0.1.0"
