#!/usr/bin/env bash
# gohighlevel-api-client 3.0.0 (PyPI) does not send what its caller says: the Version header is replaced by v3, and the
# path of bulk delete keeps its placeholder, since the method has no parameter for the location.
#
# Seen with Python 3.11 on 2026-11-30:
#   GET /social-media-posting/loc/accounts, Version 2021-07-28 asked for: v3 sent
#   POST /social-media-posting/%7BlocationId%7D/posts/bulk-delete
# Right: the version that was asked for (or a refusal), and a path that names the location.
#
# Ends with 0 while the SDK does this, with 1 when it no longer does.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check gohighlevel-api-client==3.0.0

NO_PROXY='*' "$scratch/venv/bin/python" -W ignore - <<'END'
import asyncio
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from highlevel import HighLevel

seen = []


class StandIn(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen.append((self.command, self.path, self.headers["Version"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"success": true}')

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


async def main(url):
    client = type("Sdk", (HighLevel,), {"BASE_URL": url})(private_integration_token="pit-1", log_level="none")
    await client.social_planner.get_account("loc", {"headers": {"Version": "2021-07-28"}})
    await client.social_planner.bulk_delete_social_planner_posts({"postIds": ["6953a0be84b7ff10f6025d53"]})
    await client.close()


server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
Thread(target=server.serve_forever, daemon=True).start()
asyncio.run(main(f"http://127.0.0.1:{server.server_port}"))
(method, path, version), (other_method, other_path, _) = seen
print(f"{method} {path}, Version 2021-07-28 asked for: {version} sent")
print(other_method, other_path)
sys.exit(version != "v3" or other_path != "/social-media-posting/%7BlocationId%7D/posts/bulk-delete")
END
