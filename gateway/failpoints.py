"""Failpoints: named places where a test can kill or freeze this process, to prove that nothing is lost there.

Owns reading `SOCIAL_GATEWAY_FAILPOINT` (`name=kill` or `name=stop`, once per process). When it is unset a failpoint
costs one comparison. Does not know the code around the failpoints.
"""

import os
import signal

VARIABLE = "SOCIAL_GATEWAY_FAILPOINT"
_armed, _, _action = os.environ.get(VARIABLE, "").partition("=")
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def reach(name: str) -> None:
    """Kill or freeze this process if the failpoint `name` is armed."""
    global _armed
    if name == _armed:
        _armed = ""
        os.kill(os.getpid(), _SIGNALS[_action])
