"""Where price files are found: one adapter per kind of place, all fetched, kept and read the same way."""
