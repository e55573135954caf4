"""The messages that a failed command prints.

Owns the message for each kind of failure. Imports nothing heavy: errors are recognised by class name.
"""

from collections.abc import Iterator

from gateway.log import clean_text

# The text of these errors is written for operators and says what to do.
SELF_EXPLANATORY = {
    "EmbeddedUnavailable",
    "FieldInvalid",
    "KeyRingInvalid",
    "KeyWrong",
    "ResourceNotFound",
    "SettingsError",
    "CommandError",
}
ADVICE = {
    "DatabaseBusy": "Something else holds it: try again, and if that does not help, look at pg_stat_activity.",
    "DatabaseUnavailable": "Start PostgreSQL, correct GATEWAY_DATABASE_URL, or unset it to use an embedded one.",
    "KeyUnavailable": "Its service, its address and its credentials must be right: docs/keys.md.",
    "KeyMissing": "Add it again behind the active one, run `social-gateway keys rotate`, and only then take it out.",
    "Misconfigured": "`social-gateway doctor` looks at every setting.",
}


class CommandError(Exception):
    """A command cannot continue; the text says why, and what to do."""


def sentences(error: BaseException) -> Iterator[str]:
    """Yield the lines to print for an error, with anything that looks like a secret redacted."""
    name = next((each.__name__ for each in type(error).__mro__ if each.__name__ in ADVICE), "")
    own = any(each.__name__ in SELF_EXPLANATORY for each in type(error).__mro__)
    text = clean_text(str(error)).strip()
    if name:
        yield f"{text}. {ADVICE[name]}".replace("..", ".")
    elif own:
        yield from text.splitlines()
    elif isinstance(error, OSError | RuntimeError) and text:
        yield text.splitlines()[0]
    else:
        first = text.splitlines()[0] if text else "no more is known"
        yield f"unexpected {type(error).__name__}: {first}. This is a fault of social-gateway: please report it."
