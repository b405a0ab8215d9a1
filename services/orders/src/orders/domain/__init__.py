"""Rules of the market day. Standard library only: no database, no web, no clock of its own."""
