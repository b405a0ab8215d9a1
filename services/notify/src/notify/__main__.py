"""``python -m notify``."""

import sys

from notify.cli import main

sys.exit(main())
