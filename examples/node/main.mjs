// Connect a TikTok account, upload a video, publish it and watch it go out; then show what a refusal says.
//
// Usage: node main.mjs VIDEO   (GATEWAY=host:port, GATEWAY_KEY=…, GATEWAY_LOCATION=locations/…, PROTOS=path to protos/)
import { randomUUID } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const { GATEWAY, GATEWAY_KEY, GATEWAY_LOCATION: LOCATION, PROTOS = "../../protos" } = process.env;
const PIECE = 1024 * 1024;
const FINAL = ["PUBLISHED", "AWAITING_CREATOR", "FAILED", "CANCELLED", "INDETERMINATE"];
// OUT_OF_RANGE, ABORTED: bytes of the broken stream arrived after the gateway was asked where it stands, or are arriving.
const BROKEN = [grpc.status.UNAVAILABLE, grpc.status.OUT_OF_RANGE, grpc.status.ABORTED];
const DIRS = [PROTOS, `${PROTOS}/googleapis`];
const FILES = readdirSync(`${PROTOS}/socialgateway/v1`).map((file) => `socialgateway/v1/${file}`);
const { v1 } = grpc.loadPackageDefinition(
  protoLoader.loadSync(FILES, {
    includeDirs: DIRS, keepCase: true, enums: String, longs: String, defaults: true, oneofs: true,
  }),
).socialgateway;

const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${GATEWAY_KEY}`);
const options = () => ({ deadline: Date.now() + 60_000 });
const client = (service) => new v1[service](GATEWAY, grpc.credentials.createInsecure());
const [connections, accounts, uploads, posts] = ["Connection", "Account", "Upload", "Post"].map((noun) =>
  client(`${noun}Service`),
);
const call = (of, method, request) => promisify(of[method]).call(of, request, metadata, options());

// Asks for a connection, waits for the consent, and returns the connected account's name.
async function connect() {
  const wanted = { provider: "providers/tiktok", grant_kind: "GRANT_KIND_USER" };
  let connection = await call(connections, "CreateConnection", {
    parent: LOCATION, connection: wanted, request_id: randomUUID(),
  });
  console.log("open", connection.authorization.uri);
  while (connection.status === "PENDING") {
    await sleep(500);
    connection = await call(connections, "GetConnection", { name: connection.name });
  }
  const listed = await call(accounts, "ListAccounts", { parent: LOCATION, connection: connection.name });
  console.log("connected", listed.accounts[0].name);
  return listed.accounts[0].name;
}

// Uploads a file; after a broken stream it goes on where the gateway stands. Returns the upload's name.
async function upload(path) {
  const announced = { mime_type: "video/mp4", size_bytes: (await stat(path)).size };
  let made = await call(uploads, "CreateUpload", { parent: LOCATION, upload: announced, request_id: randomUUID() });
  while (made.state === "OPEN") {
    try {
      made = await write(made, path);
    } catch (error) {
      if (!BROKEN.includes(error.code)) throw error;
      await sleep(200);
      made = await call(uploads, "GetUpload", { name: made.name });
      console.log("resuming at", made.committed_size);
    }
  }
  console.log("uploaded", made.name);
  return made.name;
}

// Sends the rest of a file in pieces of 1 MiB; only the first names the upload, the last has `finish` set.
async function write(made, path) {
  let stream;
  const answer = new Promise((resolve, reject) => {
    stream = uploads.WriteUpload(metadata, options(), (error, upload) => (error ? reject(error) : resolve(upload)));
  });
  let broken = false;
  answer.catch(() => (broken = true));
  const file = await open(path);
  let name = made.name;
  let offset = Number(made.committed_size);
  for await (const data of file.createReadStream({ start: offset, highWaterMark: PIECE })) {
    const finish = offset + data.length === Number(made.size_bytes);
    if (!stream.write({ name, write_offset: offset, data, finish }) && !broken) {
      await Promise.race([new Promise((drained) => stream.once("drain", drained)), answer.catch(() => {})]);
    }
    if (broken) break;
    name = "";
    offset += data.length;
  }
  stream.end();
  return answer;
}

// Creates a post and follows it until its state is final; a watch that breaks off begins again.
async function publish(account, media) {
  let post = {
    account,
    mode: "POST_MODE_DIRECT",
    caption: "Hello from Node",
    video: { source: { upload: media } },
    options: { privacy_level: "PRIVACY_LEVEL_ONLY_ME" },
  };
  post = await call(posts, "CreatePost", { parent: LOCATION, post, request_id: randomUUID() });
  console.log("created", post.name);
  while (!FINAL.includes(post.state)) {
    try {
      for await (const change of posts.WatchPost({ name: post.name }, metadata, options())) {
        if (!change.checkpoint) post = change.post;
      }
    } catch (error) {
      if (![grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED].includes(error.code)) throw error;
    }
  }
  console.log("post", post.state, post.error?.message ?? "");
}

// Asks for a post that does not exist, and prints everything that the refusal says.
async function refused() {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) =>
    target.startsWith("google/protobuf/") ? target : `${PROTOS}/googleapis/${target}`;
  root.loadSync(["google/rpc/status.proto", "google/rpc/error_details.proto"]);
  try {
    await call(posts, "GetPost", { name: `${LOCATION}/posts/missing` });
  } catch (error) {
    console.log("refused", grpc.status[error.code], error.details);
    const status = root.lookupType("google.rpc.Status").decode(error.metadata.get("grpc-status-details-bin")[0]);
    for (const { type_url, typeUrl = type_url, value } of status.details) {
      const type = root.lookupType(typeUrl.split("/").pop());
      console.log("detail", type.name, JSON.stringify(type.decode(value)));
    }
  }
}

const account = await connect();
await publish(account, await upload(process.argv[2]));
await refused();
for (const each of [connections, accounts, uploads, posts]) each.close();
