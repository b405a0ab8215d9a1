"""The ports on PostgreSQL (plain SQL over SQLAlchemy Core), argon2 and Ed25519."""
