#!/usr/bin/env bash
# standardwebhooks 1.1.1 (npm) finds no header in the Headers of a fetch Request: "Missing required headers".
#
# `verify` takes an object whose own keys are the headers' names. Headers, which every Request of the Fetch standard has
# (Deno, workers, Next.js, Hono, Node's own), has no such keys, so a delivery that is signed rightly is refused. As a plain
# object of the same headers it is accepted.
#
# Seen with Node 20.20.2 on 2026-11-30:
#   request.headers: WebhookVerificationError: Missing required headers
#   Object.fromEntries(request.headers): verified
# Right: verified in both.
#
# Ends with 0 while the library does this, with 1 when it no longer does. Needs node and npm.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --ignore-scripts --no-audit --no-fund standardwebhooks@1.1.1

cat >run.cjs <<'END'
const { Webhook } = require("standardwebhooks");

const webhook = new Webhook("whsec_c2VjcmV0IG9mIGFuIGV4YW1wbGUgb25seQ==");
const body = '{"type": "example"}', now = new Date();
const request = new Request("http://127.0.0.1/", {
  method: "POST",
  body,
  headers: {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": webhook.sign("msg_1", now, body),
  },
});

function verify(headers) {
  try {
    webhook.verify(body, headers);
    return "verified";
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
}

const found = [verify(request.headers), verify(Object.fromEntries(request.headers))];
console.log(`request.headers: ${found[0]}`);
console.log(`Object.fromEntries(request.headers): ${found[1]}`);
process.exit(found[0].endsWith("Missing required headers") && found[1] === "verified" ? 0 : 1);
END
node run.cjs
