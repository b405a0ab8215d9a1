"""Backups of Mercadito: taken, kept for a while, proved by a drill, restored. Standard library only."""

__version__ = "0.1.0"
