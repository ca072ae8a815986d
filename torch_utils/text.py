"""Names that come from outside, made safe to show on a terminal."""


def printable(text: str) -> str:
    """The text on one line, without control characters or bytes that are not UTF-8: those are shown escaped."""
    known = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in known)


def one_line(error: BaseException, limit: int = 160) -> str:
    """What an outside library says, short enough to stand inside our own line."""
    return " ".join(str(error).split())[:limit] or type(error).__name__
