"""``python -m usda_ingest`` is ``usda-ingest``."""

import sys

from usda_ingest.cli import main

sys.exit(main())
