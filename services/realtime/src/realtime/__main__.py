"""``python -m realtime`` is the console script ``realtime``."""

import sys

from realtime.cli import main

sys.exit(main())
