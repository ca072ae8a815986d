"""Names that come from outside, made safe to show on a terminal."""


def printable(text: str) -> str:
    """The text on one line, without control characters or bytes that are not UTF-8: those are shown escaped."""
    known = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in known)
