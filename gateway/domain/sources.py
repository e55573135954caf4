"""Where the media of a post come from: uploads, addresses that we fetch, addresses that the vendor fetches.

Owns how sources are kept inside a post's `content`. Fetches nothing, and knows no vendor.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from storage.posts import PostRow


@dataclass(frozen=True, slots=True)
class Source:
    """One medium: `upload` is the id of an upload (also of one that we made by fetching `uri`), `vendor_pull` says that
    the vendor fetches it, from `uri` if there is one, else from a link of ours.
    """

    upload: str = ""
    uri: str = ""
    vendor_pull: bool = False

    @property
    def to_fetch(self) -> bool:
        """Return whether its bytes must still be fetched by us."""
        return bool(self.uri) and not self.upload and not self.vendor_pull


def of(post: PostRow) -> tuple[Source, ...]:
    """Return the sources of a post in order; a post of the first version holds its one upload only."""
    kept = post.content.get("sources")
    if kept is None:
        return tuple(Source(upload=upload) for upload in post.uploads)
    return tuple(Source(**source) for source in kept)


def path(post: PostRow, position: int) -> str:
    """Return the contract's path of a source."""
    return f"post.photos.sources[{position}]" if post.content.get("kind") == "photos" else "post.video.source"


def content(kind: str, sources: Sequence[Source], **values: Any) -> dict[str, Any]:
    """Write the content of a post: `kind` is `video` or `photos`; what is empty is left out."""
    kept = [{name: value for name, value in asdict(source).items() if value} for source in sources]
    return {"kind": kind, "sources": kept, **values}


def uploads(sources: Sequence[Source]) -> list[str]:
    """Return the uploads that the sources need, each once."""
    return list(dict.fromkeys(source.upload for source in sources if source.upload))


def fetched(post: PostRow, position: int, upload: str) -> dict[str, Any]:
    """Return the post's columns after the bytes at `position` were fetched into an upload."""
    sources = list(of(post))
    sources[position] = Source(upload=upload, uri=sources[position].uri)
    return changed(post, sources)


def changed(post: PostRow, sources: Sequence[Source]) -> dict[str, Any]:
    """Return the post's columns with other sources and everything else as it was."""
    rest = {name: value for name, value in post.content.items() if name not in ("kind", "sources")}
    return {"content": content(post.content.get("kind", "video"), sources, **rest), "uploads": uploads(sources)}
