"""From what happened and a reader to the bytes of a mail."""
