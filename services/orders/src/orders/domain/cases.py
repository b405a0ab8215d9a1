"""Cases: the market sells some things only by the case, so what stores order together should fill whole ones."""


def case_missing(ordered: int | None, case_size: int | None) -> int | None:
    """Return how many are missing until the case begun last is full; 0: none is begun, None: there are no cases."""
    if ordered is None or case_size is None:
        return None
    return -ordered % case_size
