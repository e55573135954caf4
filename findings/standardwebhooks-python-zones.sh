#!/usr/bin/env bash
# standardwebhooks 1.1.0 (PyPI) signs the clock on the wall, not the instant, when the time has a zone other than UTC.
#
# `sign` takes a datetime and replaces its zone by UTC instead of converting it. The same instant, given as an aware time
# of another zone, gets another signature, which belongs to no header that a sender would write: neither the library's
# own `verify` nor that of npm's standardwebhooks 1.1.1 accepts it beside the instant's own timestamp.
#
# Seen with Python 3.11 and Node 20.20.2 on 2026-11-30:
#   in UTC:      Python verifies: True   Node verifies: true
#   in +02:00:   Python verifies: False   Node verifies: false
# Right: true in all four.
#
# Ends with 0 while the library does this, with 1 when it no longer does. Needs node and npm.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0
cd "$scratch"
npm install --silent --ignore-scripts --no-audit --no-fund standardwebhooks@1.1.1

cat >verify.cjs <<'END'
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(process.argv[2]);
try {
  new Webhook(secret).verify(body, headers);
  console.log("true");
} catch (error) {
  console.log("false");
}
END

cat >run.py <<'END'
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone

from standardwebhooks import Webhook, WebhookVerificationError

SECRET, BODY = "whsec_" + "c2VjcmV0IG9mIGFuIGV4YW1wbGUgb25seQ==", '{"type": "example"}'
now = datetime.now(timezone.utc).replace(microsecond=0)
found = []
for name, zone in (("in UTC:   ", timezone.utc), ("in +02:00:", timezone(timedelta(hours=2)))):
    signature = Webhook(SECRET).sign("msg_1", now.astimezone(zone), BODY)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    try:
        Webhook(SECRET).verify(BODY, headers)
        python = True
    except WebhookVerificationError:
        python = False
    asked = json.dumps({"secret": SECRET, "headers": headers, "body": BODY})
    node = subprocess.run(["node", "verify.cjs", asked], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{name}   Python verifies: {python}   Node verifies: {node}")
    found.append((python, node))
sys.exit(0 if found == [(True, "true"), (False, "false")] else 1)
END
venv/bin/python run.py
