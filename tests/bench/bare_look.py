"""The least that looks into a video: `python -I -B bare_look.py FILE`; it fails when it sees something else."""

import sys

import av


def main(path: str) -> None:
    """Open the file, and read what its headers say."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        seen = (stream.codec_context.name, stream.width, stream.height, container.duration is not None)
    assert seen == ("h264", 360, 640, True), seen


if __name__ == "__main__":
    main(sys.argv[1])
