"""Named places where a test may stop this process dead, to prove that nothing is lost there.

Owns the reading of `SOCIAL_GATEWAY_FAILPOINT` (`name=kill` or `name=stop`, once per process). Without it a place
costs one comparison. Knows nothing of what happens around the places.
"""

import os
import signal

VARIABLE = "SOCIAL_GATEWAY_FAILPOINT"
_armed, _, _action = os.environ.get(VARIABLE, "").partition("=")
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def reach(name: str) -> None:
    """Die or freeze here when this place is the armed one."""
    global _armed
    if name == _armed:
        _armed = ""
        os.kill(os.getpid(), _SIGNALS[_action])
