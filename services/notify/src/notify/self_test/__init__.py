"""What stands between this service and a delivered mail, looked at from here: ``notify self-test``."""
