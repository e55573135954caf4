#!/usr/bin/env bash
# protobuf's JSON parser in Python takes durations, times and masks that the JSON mapping has no room for, and that other
# languages refuse: "1_0s" is ten seconds, "3 s" three, "2026-1-1T0:0:0Z" a time; the field mask "A" becomes the path "_a".
# @bufbuild/protobuf refuses the first three. Whoever takes JSON from strangers in Python must check the text itself.
#
# Seen on 2026-12-01 with protobuf 7.36.2 (Python 3.11) and @bufbuild/protobuf 2.17.0 (Node 20):
#   python duration 1_0s: 10
#   python duration 3 s: 3
#   python timestamp 2026-1-1T0:0:0Z: 1767225600
#   python mask A: ['_a']
#   node duration 1_0s: refused
#   node duration 3 s: refused
#   node timestamp 2026-1-1T0:0:0Z: refused
#
# Ends with 0 while the libraries do this, with 1 when they no longer do. Needs python3, node and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check "protobuf==7.36.2"
npm install --silent --no-audit --no-fund "@bufbuild/protobuf@2.17.0" >/dev/null

cat >spans.py <<'PY'
from google.protobuf import duration_pb2, field_mask_pb2, json_format, timestamp_pb2


def read(text, message):
    return json_format.ParseDict(text, message)


print("python duration 1_0s:", read("1_0s", duration_pb2.Duration()).seconds)
print("python duration 3 s:", read("3 s", duration_pb2.Duration()).seconds)
print("python timestamp 2026-1-1T0:0:0Z:", read("2026-1-1T0:0:0Z", timestamp_pb2.Timestamp()).seconds)
print("python mask A:", list(read("A", field_mask_pb2.FieldMask()).paths))
PY

cat >spans.mjs <<'JS'
import { fromJson } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";

function tell(kind, text, schema) {
  try {
    console.log(`node ${kind} ${text}: ${fromJson(schema, text).seconds}`);
  } catch {
    console.log(`node ${kind} ${text}: refused`);
  }
}

tell("duration", "1_0s", DurationSchema);
tell("duration", "3 s", DurationSchema);
tell("timestamp", "2026-1-1T0:0:0Z", TimestampSchema);
JS

{ venv/bin/python spans.py && node spans.mjs; } | tee seen.txt
diff seen.txt - <<'SEEN'
python duration 1_0s: 10
python duration 3 s: 3
python timestamp 2026-1-1T0:0:0Z: 1767225600
python mask A: ['_a']
node duration 1_0s: refused
node duration 3 s: refused
node timestamp 2026-1-1T0:0:0Z: refused
SEEN
