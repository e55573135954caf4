// Verifies one delivery as a receiver in Node does: { secret, headers, body, now } on standard input, the payload on
// standard output. `now` is what the clock shows, in seconds since 1970.
const { createRequire } = require("node:module");
const { Webhook } = createRequire(`${process.argv[2]}/package.json`)("standardwebhooks");

const { secret, headers, body, now } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
Date.now = () => now * 1000;
console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
