"""Market days: who orders what of which stock at what price, and the pages to do it."""

__version__ = "0.1.0"
