#!/usr/bin/env bash
# @gohighlevel/api-client 3.1.0 (npm) leaves Authorization out of some calls, although it has the location's token.
#
# HighLevel's specification of 2021-07-28 names no security for the statistics and bulk delete of the social planner, and
# the SDK, generated from it, looks up no token there, although they need one. Only a Private Integration Token, or an
# access token passed to the constructor, is sent with every call.
#
# Seen with Node 20.20.2 on 2026-11-30:
#   GET /social-media-posting/loc/accounts: Bearer access
#   POST /social-media-posting/statistics?locationId=loc: no Authorization
#   POST /social-media-posting/loc/posts/bulk-delete: no Authorization
# Right: "Bearer access" in all three.
#
# Ends with 0 while the SDK does this, with 1 when it no longer does. Needs node and npm.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --ignore-scripts --no-audit --no-fund @gohighlevel/api-client@3.1.0

cat >run.cjs <<'END'
const { HighLevel } = require("@gohighlevel/api-client");
const { createServer } = require("node:http");

const seen = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}: ${request.headers.authorization ?? "no Authorization"}`);
  request.resume();
  response.setHeader("Content-Type", "application/json");
  response.end('{"success": true}');
});

server.listen(0, "127.0.0.1", async () => {
  HighLevel.BASE_URL = `http://127.0.0.1:${server.address().port}`;
  const client = new HighLevel({ clientId: "app-x", clientSecret: "s", logLevel: "none" });
  await client.getSessionStorage().setSession("loc", {
    access_token: "access", refresh_token: "refresh", expires_in: 86399, userType: "Location", locationId: "loc",
  });
  const here = { locationId: "loc" };
  await client.socialMediaPosting.getAccount(here);
  await client.socialMediaPosting.getSocialMediaStatistics(here, { profileIds: ["p"] });
  await client.socialMediaPosting.bulkDeleteSocialPlannerPosts(here, { postIds: ["6953a0be84b7ff10f6025d53"] });
  seen.forEach((line) => console.log(line));
  const lacking = seen.map((line) => line.endsWith(": no Authorization"));
  process.exit(JSON.stringify(lacking) === "[false,true,true]" ? 0 : 1);
});
END
NO_PROXY='*' node run.cjs
