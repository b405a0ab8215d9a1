"""Running Mercadito as processes of this machine: `make run` and everything that acts on it. Standard library only."""
