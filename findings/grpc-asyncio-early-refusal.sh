#!/usr/bin/env bash
# grpcio 1.85.1 (PyPI): a client of grpc.aio loses the status of a stream that the server refuses midway.
#
# The server reads three messages of a client stream and ends the call with INVALID_ARGUMENT and a text. The synchronous
# client always gets that. The asyncio client, which still has a message on its way, often gets INTERNAL "Internal error
# from Core" in its place: the failed write is reported, and the status, which has arrived too, is dropped. With 4
# messages of 1 MiB, which fit into the window, it never happens; with 64 it happens in about half of the calls.
#
# Seen with Python 3.11 on 2026-11-30 (how many of 40 calls ended how):
#   synchronous, 64 messages: {'INVALID_ARGUMENT': 40}
#   asyncio, 4 messages:      {'INVALID_ARGUMENT': 40}
#   asyncio, 64 messages:     {'INVALID_ARGUMENT': 23, 'INTERNAL': 17}
# Right: INVALID_ARGUMENT for all.
#
# Ends with 0 while grpcio does this, with 1 when it no longer does.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1

cat >"$scratch/server.py" <<'END'
import asyncio

import grpc


async def refuse(requests, context):
    count = 0
    async for _ in requests:
        count += 1
        if count == 3:
            await asyncio.sleep(0.005)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the third message is wrong")
    return b""


class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.stream_unary_rpc_method_handler(refuse)


async def main():
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handlers(),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.sleep(120)


asyncio.run(main())
END

cat >"$scratch/client.py" <<'END'
import asyncio
import subprocess
import sys
from collections import Counter

import grpc

CALLS, MESSAGE = 40, b"x" * (1 << 20)


def synchronous(target, count):
    ended = Counter()
    with grpc.insecure_channel(target) as channel:
        call = channel.stream_unary("/finding/Refuse")
        for _ in range(CALLS):
            try:
                call(iter([MESSAGE] * count))
            except grpc.RpcError as error:
                ended[error.code().name] += 1
    return dict(ended)


async def with_asyncio(target, count):
    ended = Counter()
    async with grpc.aio.insecure_channel(target) as channel:
        call = channel.stream_unary("/finding/Refuse")
        for _ in range(CALLS):
            try:
                await call(iter([MESSAGE] * count))
            except grpc.aio.AioRpcError as error:
                ended[error.code().name] += 1
    return dict(ended)


server = subprocess.Popen([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, text=True)
try:
    target = f"127.0.0.1:{server.stdout.readline().strip()}"
    plain = synchronous(target, 64)
    few, many = (asyncio.run(with_asyncio(target, count)) for count in (4, 64))
finally:
    server.kill()
print("synchronous, 64 messages:", plain)
print("asyncio, 4 messages:     ", few)
print("asyncio, 64 messages:    ", many)
right = {"INVALID_ARGUMENT": CALLS}
sys.exit(0 if plain == right and few == right and many.get("INTERNAL") else 1)
END
"$scratch/venv/bin/python" "$scratch/client.py" "$scratch/server.py" 2>&1 | grep -v fork_posix
