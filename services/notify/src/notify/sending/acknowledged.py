"""Whether what was written has reached the other side's machine.

``drain`` waits for no more than our own kernel, which takes a whole mail at once: where packets of its size get lost on
the way, all of a mail would be "written" to a relay that has read nothing of it.
"""

import asyncio
import fcntl
import struct
import termios

FIRST_LOOK_S = 0.0005
LONGEST_LOOK_S = 0.05
_INT = struct.Struct("i")


async def acknowledged(*writers: asyncio.StreamWriter) -> None:
    """Return once nothing is left in our buffers, nor in the kernel's; the caller bounds how long that may take.

    Args:
        writers: of one connection; of an encrypted one also that of the bytes beneath.

    """
    look_s = FIRST_LOOK_S
    while any(_left(writer) for writer in writers):
        await asyncio.sleep(look_s)
        look_s = min(2 * look_s, LONGEST_LOOK_S)


def _left(writer: asyncio.StreamWriter) -> int:
    if writer.transport.is_closing():
        return 0  # whoever goes on writing is told
    size: int = writer.transport.get_write_buffer_size()
    return size or _unacknowledged(writer)


def _unacknowledged(writer: asyncio.StreamWriter) -> int:
    number = writer.get_extra_info("socket").fileno()
    (left,) = _INT.unpack(fcntl.ioctl(number, termios.TIOCOUTQ, bytes(_INT.size)))
    return int(left)
