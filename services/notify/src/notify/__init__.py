"""Notify: tells the people of a store by mail what happened to their order, once, in their language."""

__version__ = "0.1.0"
