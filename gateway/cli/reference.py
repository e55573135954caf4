"""docs/settings.md, generated from the settings: `python -m gateway.cli.reference > docs/settings.md`.

Owns the page's layout. The names, defaults and descriptions come from `gateway/settings.py`; a test compares the page
with them.
"""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr

from gateway import provider_settings
from gateway.settings import PREFIX, Settings

HEAD = """# Settings

Every setting is an environment variable. This page is generated from the code
(`python -m gateway.cli.reference > docs/settings.md`); a test fails when it is out of date. A variable set to nothing
counts as unset where that makes sense; an unknown `GATEWAY_…` name is logged as a warning at start;
`social-gateway doctor` checks all of them and what they refer to.

Only `GATEWAY_ENCRYPTION_KEYS` is required: `social-gateway keys new` creates one.

| variable | default | meaning |
|---|---|---|
"""

TAIL = """
## Object stores

With `s3://bucket/prefix` the uploads are in an S3 bucket, of AWS or of another maker. It must exist. Credentials and
endpoint come from AWS's own variables:

| variable | meaning |
|---|---|
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | Access key; if unset, the machine's role is used. |
| `AWS_SESSION_TOKEN` | Session token that belongs to a temporary access key. |
| `AWS_REGION` | Region of the bucket; if unset, `us-east-1`. |
| `AWS_ENDPOINT_URL` | URL of a store that is not AWS's, as `https://host:port`. |
| `AWS_ALLOW_HTTP` | `true` allows an endpoint that begins with `http://`: without encryption. |

The key needs `s3:PutObject`, `s3:GetObject` and `s3:DeleteObject` on the objects, and `s3:ListBucket` on the bucket.
`social-gateway doctor`, the start, and `/readyz` write, read and delete a small object under `uploads/`.

Each put is one request, of at most 8 MiB, so a process that is killed leaves no incomplete multipart upload. Versions
before this one left some: if you used `s3://` with them, give the bucket a lifecycle rule that aborts incomplete
multipart uploads.

`gs://bucket` takes `GOOGLE_SERVICE_ACCOUNT` (the path of a key file) or the machine's account, `az://container` takes
`AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY`. The tests cover folders and S3.
"""


def page() -> str:
    """Return the whole page."""
    rows = (f"| `{name}` | {_code(default)} | {text} |\n" for name, default, text in describe())
    return HEAD + "".join(rows) + TAIL


def describe() -> Iterator[tuple[str, str, str]]:
    """Yield (variable, default as text, description) for each setting, in order."""
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        if isinstance(default, SecretStr) or default is None:
            default = ""
        text = ",".join(default) if isinstance(default, tuple) else str(default)
        yield (
            PREFIX + name.upper(),
            "~/.local/share/social-gateway" if name == "data_dir" else text,
            f"{field.description or ''}{_choices(field.annotation)}",
        )
    for provider, setting in provider_settings.declared(Settings.model_fields):
        yield PREFIX + provider_settings.variable(provider, setting), setting.default, setting.description


def _choices(annotation: Any) -> str:
    """Return the sentence that lists the values of a setting that takes only certain ones."""
    if get_origin(annotation) is not Literal:
        return ""
    return f" One of {', '.join(f'`{value}`' for value in get_args(annotation))}."


def _code(default: str) -> str:
    return f"`{default}`" if default else ""


if __name__ == "__main__":
    print(page(), end="")
