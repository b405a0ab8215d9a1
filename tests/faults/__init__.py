"""Faults: what is done to the containers of a running system, and what must hold meanwhile and afterwards."""
