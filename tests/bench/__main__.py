"""Run benchmarks and print their tables: python -m tests.bench [NAME...]; JSON goes to .bench/.

Without a name all but `images`, which needs a Docker engine.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable

from native import installation
from tests.bench import images, orders
from tests.bench.fanout import bench as fanout
from tests.bench.figures import Report
from tests.bench.gateway import bench as gateway
from tests.bench.ingest import bench as ingest
from tests.bench.notify import bench as notify
from tests.bench.world import BenchFailed

BENCHES: dict[str, Callable[[], Report]] = {
    "orders": orders.run,
    "gateway": gateway.run,
    "fanout": fanout.run,
    "ingest": ingest.run,
    "notify": notify.run,
    "images": images.run,
}


def main() -> int:
    """Run what was asked for, all of it by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[[], *BENCHES], help=f"of {', '.join(BENCHES)}; default: all but images"
    )
    names = parser.parse_args().names or [name for name in BENCHES if name != "images"]
    # What is started ends with this one, also when it is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    installation.ensure()
    for name in names:
        began = time.monotonic()
        try:
            report = BENCHES[name]()
        except BenchFailed as failure:
            print(failure, file=sys.stderr)
            return 1
        print(f"\n{report.table()}")
        print(f"  {report.write()} ({time.monotonic() - began:.0f} s in all)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
