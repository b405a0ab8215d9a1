"""Who is written to, and who is not."""
