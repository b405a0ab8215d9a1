"""python -m tests.faults.shoppers URL [VOLUME]: the traffic of tests.driver.traffic, by clients that ask again.

One more line before the last says what they were told meanwhile.
"""

import asyncio
import json
import sys

from tests.driver.traffic.__main__ import gather, run
from tests.driver.traffic.volume import Volume
from tests.faults.patient import PatientDoor, PatientTally

if __name__ == "__main__":
    tally = PatientTally()
    reckoning = asyncio.run(run(gather(sys.argv[1], Volume.of(sys.argv[2:]), tally, PatientDoor(sys.argv[1], tally))))
    print(json.dumps(tally.report()))
    print(json.dumps(reckoning))
