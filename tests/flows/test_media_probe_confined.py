"""What a file could do that took its reader over: open nothing, not even in the place of what it closes.

Owns the proof of the worker's bound on descriptors, by a program in the worker's place under the same bounds.
"""

import os
import subprocess
import sys

CODE = """
import os, socket
from gateway.media import worker
worker.confine()
os.close(2)
for open_one in (lambda: os.open("/etc/passwd", os.O_RDONLY), socket.socket, os.pipe):
    try:
        open_one()
    except OSError as error:
        os.write(1, error.strerror.encode() + b"\\n")
    else:
        os.write(1, b"opened\\n")
os.write(1, os.read(0, 100))
"""


def test_a_closed_descriptor_opens_no_other() -> None:
    """After the bounds are set no file, socket or pipe can be had, although one place became free; what was open
    goes on being read and written.
    """
    command = (sys.executable, "-I", "-B", "-c", CODE)
    ended = subprocess.run(command, input=b"still read", capture_output=True, check=True, timeout=60)

    refused = f"{os.strerror(24)}\n" * 3
    assert refused + "still read" == ended.stdout.decode()
