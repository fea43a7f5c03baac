"""How many tokens a text has, without a tokenizer."""

from __future__ import annotations


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has: four characters each in ASCII, fewer the further a script is from it."""
    if text.isascii():
        return (len(text) + 3) // 4
    size = len(text)
    ascii_size = len(text.encode("ascii", "ignore"))
    others = size - ascii_size
    # UTF-8 spends one extra byte a character on alphabets near ASCII, two and more on scripts such as CJK.
    extra = (len(text.encode("utf-8", "surrogatepass")) - size) / others
    return round(ascii_size / 4 + others * min(1.5, 0.4 + 0.5 * (extra - 1)) + 0.5)
