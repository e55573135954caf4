"""A script that publishes without a gateway, and keeps nothing: `python -m tests.bench.bare_post URL FILE`.

Owns the vendor calls of one post, which are those that the gateway makes. It prints 0, then publishes once for each
token in a line of its standard input, and answers with how many it published.
"""

import asyncio
import sys
from pathlib import Path

import httpx
import uvloop

SECONDS_BETWEEN = 4.5
"""Between the two looks at the status: at the second one the simulated vendor is done."""


async def publish(client: httpx.AsyncClient, token: str, video: bytes) -> None:
    """Publish a video: creator info, init, one PUT, two looks at the status."""
    headers, size = {"Authorization": f"Bearer {token}"}, len(video)
    info = (await client.post("/v2/post/publish/creator_info/query/", headers=headers, json={})).json()["data"]
    body = {
        "post_info": {"title": "A caption", "privacy_level": info["privacy_level_options"][0]},
        "source_info": {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": size, "total_chunk_count": 1},
    }
    begun = (await client.post("/v2/post/publish/video/init/", headers=headers, json=body)).json()["data"]
    sent = await client.put(
        begun["upload_url"],
        content=video,
        headers={"Content-Type": "video/mp4", "Content-Range": f"bytes 0-{size - 1}/{size}"},
    )
    assert 201 == sent.status_code, sent.text
    asked = {"publish_id": begun["publish_id"]}
    for wait in (SECONDS_BETWEEN, 0):
        status = (await client.post("/v2/post/publish/status/fetch/", headers=headers, json=asked)).json()["data"]
        await asyncio.sleep(wait)
    assert "PUBLISH_COMPLETE" == status["status"], status


async def main(url: str, video: bytes) -> None:
    """Publish for each line of tokens, until there are no more."""
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        print(0, flush=True)
        while tokens := (await loop.run_in_executor(None, sys.stdin.readline)).split():
            await asyncio.gather(*(publish(client, token, video) for token in tokens))
            print(len(tokens), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], Path(sys.argv[2]).read_bytes()))
