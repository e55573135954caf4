// Calls the gateway as a page does, with the clients of Connect: every protocol and format, errors with details, a stream.
// Arguments: the gateway's address, an API key, a location, the descriptor set. Prints one JSON object.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

const [baseUrl, key, location, image] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
const service = (name) => registry.getService(`socialgateway.v1.${name}`);

async function walk(transport) {
  const posts = createClient(service("PostService"), transport);
  const events = createClient(service("EventService"), transport);
  const headers = { authorization: `Bearer ${key}` };
  const parent = `locations/${location}`;
  const found = {};

  found.listed = (await posts.listPosts({ parent }, { headers })).posts.length;
  try {
    await posts.getPost({ name: `${parent}/posts/none` }, { headers });
  } catch (error) {
    const { code, details } = ConnectError.from(error);
    found.missing = [Code[code], details.map((each) => each.type)];
  }
  try {
    await posts.getPost({ name: `${parent}/posts/none` });
  } catch (error) {
    found.stranger = Code[ConnectError.from(error).code];
  }
  const leaving = new AbortController();
  for await (const message of events.streamEvents({ parent }, { headers, signal: leaving.signal })) {
    found.checkpoint = message.checkpoint;
    break;
  }
  leaving.abort();
  try {
    for await (const _ of events.streamEvents({ parent, startCursor: "forged" }, { headers }));
  } catch (error) {
    found.forged = Code[ConnectError.from(error).code];
  }
  return found;
}

const all = {};
for (const useBinaryFormat of [true, false]) {
  const format = useBinaryFormat ? "binary" : "json";
  all[`connect-${format}`] = await walk(createConnectTransport({ baseUrl, useBinaryFormat }));
}
all["grpc-web-binary"] = await walk(createGrpcWebTransport({ baseUrl }));
console.log(JSON.stringify(all));
