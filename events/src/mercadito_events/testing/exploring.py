"""How many examples a test makes up: few where everything is tested, many where one looks for what nobody thought of.

`make test` tries the same few ones each time (Hypothesis' profile "ci"); `make explore` many others at each run.
"""

import os

EXPLORING = os.environ.get("EXPLORE") == "1"


def examples(few: int, *, exploring: int) -> int:
    """Return the number for this run."""
    return exploring if EXPLORING else few
