"""What is said when a command cannot go on.

Owns the sentence for each kind of failure. Imports nothing heavy: errors are known by the names of their classes.
"""

from collections.abc import Iterator

from gateway.log import clean_text

# Their text was written for operators and names what to do.
SPEAK_FOR_THEMSELVES = {
    "EmbeddedUnavailable",
    "FieldInvalid",
    "KeyRingInvalid",
    "KeyWrong",
    "ResourceNotFound",
    "SettingsError",
    "CommandError",
}
ADVICE = {
    "DatabaseUnavailable": "Start PostgreSQL, correct GATEWAY_DATABASE_URL, or unset it to use an embedded one.",
    "KeyMissing": "Add it again behind the active one, run `social-gateway keys rotate`, and only then take it out.",
    "Misconfigured": "`social-gateway doctor` looks at every setting.",
}


class CommandError(Exception):
    """A command cannot go on; the text says why, and what to do."""


def sentences(error: BaseException) -> Iterator[str]:
    """Yield what to print, a line each; secrets that look like ones are taken out."""
    name = next((each.__name__ for each in type(error).__mro__ if each.__name__ in ADVICE), "")
    own = any(each.__name__ in SPEAK_FOR_THEMSELVES for each in type(error).__mro__)
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
