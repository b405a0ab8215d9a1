"""What can go wrong, each in words that say what to do."""


class Failed(Exception):
    """Something could not be done; the message is for the operator."""


class NoRoom(Failed):
    """The disk is too full to go on: what is free belongs to the databases."""


class Busy(Failed):
    """Another backup, drill or restore is under way."""


class NotCopied(Failed):
    """The backup stands here, and was not copied off this host."""


class Refused(Failed):
    """A backup that must not be restored: damaged, of a newer version, or locked for the key at hand."""
