"""`social-gateway`, and `python -m gateway`: the command line's door.

Owns nothing. The commands live in `gateway/cli`, one file each; each imports what it needs when it runs.
"""

from gateway.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
