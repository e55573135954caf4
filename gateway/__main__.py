"""The entry point of `social-gateway` and of `python -m gateway`.

Owns nothing. The commands live in `gateway/cli`, one file each, and import their dependencies when they run.
"""

from gateway.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
