"""Use cases, one transaction each, and what they need of the world (`ports`)."""
