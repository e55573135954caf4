// Calls HighLevel's SDK for Node as the tests say: each line of the input is one call, each line of the output its result.
// Arguments: the base URL of the simulator, and the SDK's configuration as JSON.
"use strict";

const { HighLevel } = require("@gohighlevel/api-client");
const { createInterface } = require("node:readline");

const [url, configuration] = process.argv.slice(2);
HighLevel.BASE_URL = url;
const client = new HighLevel({ logLevel: "none", ...JSON.parse(configuration) });

// {"$csv": text} stands for a form with that file.
function argument(value) {
  if (value === null || typeof value !== "object" || !("$csv" in value)) return value;
  const form = new FormData();
  form.append("file", new Blob([value.$csv], { type: "text/csv" }), "a.csv");
  return form;
}

async function call({ service, method, args }) {
  const owner = service === "sessions" ? client.getSessionStorage() : client[service];
  try {
    return { result: (await owner[method](...args.map(argument))) ?? null };
  } catch (error) {
    return { error: { status: error.statusCode ?? null, message: String(error.message) } };
  }
}

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await call(JSON.parse(line))) + "\n");
  }
})();
