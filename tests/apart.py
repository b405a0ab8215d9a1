"""Run a command on a network of its own, where it hears nobody and nobody hears it: python -m tests.apart COMMAND...

A browser gives up what it is loading whenever an interface of the machine comes or goes, as one does with every
container. Only root may make a network; for anybody else the command runs on the machine's.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWNET = 0x40000000
SIOCSIFADDR, SIOCSIFFLAGS, TUNSETIFF = 0x8916, 0x8914, 0x400454CA
IFF_UP, IFF_TUN, IFF_NO_PI = 0x1, 0x1, 0x1000
TUNNELS = Path("/dev/net/tun")
LOOPBACK, AWAY = b"lo", b"away"
# Of a block for examples (RFC 5737): nobody is there.
ADDRESS = "192.0.2.1"


def leave_the_network() -> bool:
    """Move this thread, and all that it starts, to a new network with a loopback; tell whether that was allowed."""
    if not TUNNELS.exists() or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return False
    # An interface that leads nowhere, as long as this is open: on loopback alone a browser takes itself for offline.
    tunnel = os.open(TUNNELS, os.O_RDWR)
    os.set_inheritable(tunnel, True)
    fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH22x", AWAY, IFF_TUN | IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        address = struct.pack("16sHH4s16x", AWAY, socket.AF_INET, 0, socket.inet_aton(ADDRESS))
        fcntl.ioctl(asked, SIOCSIFADDR, address)
        for interface in (LOOPBACK, AWAY):
            fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sH22x", interface, IFF_UP))
    return True


def main(command: list[str]) -> None:
    """Become the command."""
    if not leave_the_network():
        print("tests.apart: not allowed to make a network; running on the machine's", file=sys.stderr)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
