"""How a command of this service ends, as the service, backfill and whoever typed it understand it."""

FINISHED = 0
FAILED = 1
SETTINGS = 2
BUSY = 75
"""Another one is running: EX_TEMPFAIL of sysexits.h."""
STOPPED = 130
"""By Ctrl-C, as shells say it."""
