"""From the bytes of a file to what each of its rows says: pure functions, no database, no network."""
