"""Notebooks of up to 200 MB, made small: what grading does not read is dropped before anything is parsed.

A JSON parser would keep all of it in memory, or (ijson, whose C part begins a long string again with each piece) take
minutes for one picture of 200 MB. Finding where an output begins and ends is one pass over the bytes.
"""

import re

from rlcourse.staff.cells import Unreadable

MAX_FILE_BYTES = 200 * 2**20
MAX_TOKENS = 15 * 10**6  # some seconds
# A string whole, a torn one too, or a bracket. Nothing is tried twice (++, *+): a hostile file costs one pass.
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
LARGE = {b'"outputs"', b'"attachments"', b'"widgets"'}  # lists and objects of a notebook that grading does not read


def without_outputs(data: bytes) -> bytes:
    """A notebook's JSON with its outputs and attachments emptied.

    Raises:
        Unreadable: where the file is too large, or hostile: nothing but brackets.
    """
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(f"the file has more than {MAX_FILE_BYTES / 2**20:.0f} MB")
    kept, start, depth, key_end = [], 0, 0, 0  # depth: of the brackets in what is dropped
    for count, token in enumerate(TOKEN.finditer(data)):
        if count > MAX_TOKENS:
            raise Unreadable(f"the file has more than {MAX_TOKENS / 10**6:.0f} million lists and texts")
        first, last = token.span()
        mark = data[first]
        if mark == ord('"'):
            if not depth and last - first < 20 and token[0] in LARGE:
                key_end = last
        elif mark in b"[{":
            if not depth and key_end and first - key_end < 20 and data[key_end:first].strip() == b":":
                kept.append(data[start:last])
                depth = 1
            elif depth:
                depth += 1
            key_end = 0
        elif depth:
            depth -= 1
            if not depth:
                start = first
    return b"".join([*kept, b"" if depth else data[start:]])
