#!/usr/bin/env bash
# httpx 0.28.1 on uvloop 0.23.0 raises AttributeError, not an httpx error, for some connections that the server resets.
#
# httpcore 1.0.9 asks anyio 4.16.0 for the TLS object of a new connection, and anyio collects all attributes of the
# socket. When the reset has arrived by then, uvloop has no socket any more, and anyio takes the name of the peer from
# None. Code that catches httpx.HTTPError, as the documentation advises, ends with an exception it does not know.
# asyncio's own loop keeps the socket and raises httpx.ConnectError or httpx.ReadError for all of them.
#
# Seen with Python 3.11 on 2026-11-30, GET requests to a server that resets each connection after it was accepted:
#   asyncio:  AttributeError seen: False   (6000 requests)
#   uvloop:   AttributeError seen: True    (after 900 to 3000 requests; some 2 in 2000)
# Right: False in both.
#
# Ends with 0 while the libraries do this, with 1 when they no longer do.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check \
  httpx==0.28.1 httpcore==1.0.9 anyio==4.16.0 uvloop==0.23.0

cat >"$scratch/run.py" <<'END'
import asyncio
import socket
import struct
import sys
import threading

import httpx
import uvloop

server = socket.create_server(("127.0.0.1", 0), backlog=256)
url = f"http://127.0.0.1:{server.getsockname()[1]}/"


def reset_all():
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


async def seen(requests):
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(requests // 50):
            results = await asyncio.gather(*(client.get(url) for _ in range(50)), return_exceptions=True)
            if any(isinstance(result, AttributeError) for result in results):
                return True
    return False


threading.Thread(target=reset_all, daemon=True).start()
plain = asyncio.run(seen(6000))
print(f"asyncio:  AttributeError seen: {plain}")
other = uvloop.run(seen(60000))
print(f"uvloop:   AttributeError seen: {other}")
sys.exit(0 if (plain, other) == (False, True) else 1)
END
"$scratch/venv/bin/python" "$scratch/run.py"
