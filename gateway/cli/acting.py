"""Who runs a command that changes something, for the audit log.

Owns what an entry says of a command. Does not know what it changes.
"""

import getpass


def act_as_operator(command: str, resource: str = "") -> None:
    """Let what follows be recorded as done by the operating system's user with this command."""
    from gateway.audit.acts import Act, current_act

    act = Act(f"cli:{command}", f"operator:{_user()}", peer="cli", changes=True)
    act.about(resource)
    current_act.set(act)


def _user() -> str:
    """Return the user's name; its number where the system knows none, as in containers."""
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
