#!/usr/bin/env bash
# gohighlevel-api-client 3.0.0 (PyPI) forgets the tokens that a refresh gives it.
#
# The answer of HighLevel's API v3 has its tokens in camel case. The SDK merges it into the session, in which the old
# ones stand in snake case too, and these win. The call that caused the refresh uses the new access token; the next one
# presents the old refresh token again, which HighLevel replaced.
#
# Seen with Python 3.11 on 2026-11-30:
#   tokens of the calls:  ['new-access-1', 'new-access-2']
#   refresh tokens sent:  ['old-refresh', 'old-refresh']
#   kept in the session:  old-access old-refresh
# Right: the second refresh, if any, sends new-refresh-1, and the session keeps the newest pair.
#
# Ends with 0 while the SDK does this, with 1 when it no longer does.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check gohighlevel-api-client==3.0.0

NO_PROXY='*' "$scratch/venv/bin/python" -W ignore - <<'END'
import asyncio
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

from highlevel import HighLevel

refreshed, used = [], []


class StandIn(BaseHTTPRequestHandler):
    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        refreshed.append(form["refreshToken"][0])
        n = len(refreshed)
        self.answer({"accessToken": f"new-access-{n}", "refreshToken": f"new-refresh-{n}", "expiresIn": 86399,
                     "tokenType": "Bearer", "userType": "Location", "locationId": "loc", "userId": "u"})

    def do_GET(self):
        used.append(self.headers["Authorization"].removeprefix("Bearer "))
        self.answer({"success": True, "results": {"accounts": [], "groups": []}})

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


async def main(url):
    client = type("Sdk", (HighLevel,), {"BASE_URL": url})(client_id="app-x", client_secret="s", log_level="none")
    # What /oauth/token of v3 gives, ten seconds before its end.
    await client.session_storage.set_session("loc", {
        "accessToken": "old-access", "refreshToken": "old-refresh", "expiresIn": 10, "userType": "Location"})
    for _ in range(2):
        await client.social_planner.get_account("loc")
    kept = await client.session_storage.get_session("loc")
    await client.close()
    return kept["access_token"], kept["refresh_token"]


server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
Thread(target=server.serve_forever, daemon=True).start()
kept = asyncio.run(main(f"http://127.0.0.1:{server.server_port}"))
print("tokens of the calls: ", used)
print("refresh tokens sent: ", refreshed)
print("kept in the session: ", *kept)
sys.exit(refreshed != ["old-refresh", "old-refresh"] or kept != ("old-access", "old-refresh"))
END
