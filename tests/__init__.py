"""Tests of the whole system, and the runner of every suite."""
