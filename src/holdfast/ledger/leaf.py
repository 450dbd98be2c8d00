"""Writing a leaf: the header that the tree hashes. `holdfast_verify.leaf` reads it."""

from __future__ import annotations

import json
from functools import lru_cache


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def write_header(
    *,
    log: str,
    payload_commitment: str,
    prev_stream_hash: bytes | None,
    recorded_at: str,
    seq: int,
    stream: str,
    stream_seq: int,
    type_: str,
) -> bytes:
    """The header's exact bytes: canonical JSON (RFC 8785), its nine keys spelled out in their order.

    Spelled out because this is written for every fact; that it is the canonical form is a property test.
    """
    previous = f'"{prev_stream_hash.hex()}"' if prev_stream_hash is not None else "null"
    return (
        f'{{"log":{_text(log)},"payload_commitment":"{payload_commitment}","prev_stream_hash":{previous},'
        f'"recorded_at":"{recorded_at}","seq":{seq},"stream":{_text(stream)},"stream_seq":{stream_seq},'
        f'"type":{_text(type_)},"v":1}}'
    ).encode()
