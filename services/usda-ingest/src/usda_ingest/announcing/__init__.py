"""What the others hear by events."""
