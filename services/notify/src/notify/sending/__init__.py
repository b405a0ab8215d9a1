"""How a message reaches a mail relay."""
