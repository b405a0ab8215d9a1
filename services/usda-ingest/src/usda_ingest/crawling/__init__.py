"""Fetching, in a process of its own, and the schedule that starts it."""
