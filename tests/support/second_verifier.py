"""A second verifier, written from docs/reference/pack-format.md alone; it shares no line with the first.

It is slow, holds everything in memory and explains little. Its use is to disagree: where it and
`holdfast_verify` come to two verdicts about one file, one of them or the page is wrong.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import struct
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIXED = {
    "checkpoint.txt": "checkpoint",
    "facts.jsonl": "facts",
    "headers.jsonl": "headers",
    "checkpoints.jsonl": "checkpoints",
}
NUMBER = r"(?:0|[1-9][0-9]{0,15})"
HASH = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """The step that fails."""

    def __init__(self, step: int, why: str) -> None:
        super().__init__(f"step {step}: {why}")
        self.step = step


def verify(pack: bytes, policy: str) -> None:
    """Returns where every step holds. Raises Refused with the first that does not."""
    trusted = read_policy(policy)
    members = container(pack)
    checkpoint = step(2, lambda: signed(members["checkpoint.txt"](), trusted))
    step(2, lambda: need(checkpoint["size"] >= trusted["minimum"]))
    step(2, lambda: need(all(size <= checkpoint["size"] for size, _ in trusted["earlier"])))
    raw_facts = step(3, members["facts.jsonl"])
    facts = step(3, lambda: read_facts(raw_facts, checkpoint))
    packed = step(3, lambda: assembled(facts))
    headers = step(4, lambda: read_headers(members["headers.jsonl"](), checkpoint, trusted))
    step(5, lambda: complete(headers, facts, packed))
    step(6, lambda: earlier(members["checkpoints.jsonl"](), checkpoint, packed, trusted))
    listed = {one["path"]: one for one in packed["members"]}
    content = {name: step(7, read) for name, read in members.items() if name != "manifest.json"}
    step(7, lambda: files({*members}, content, listed))
    began = step(8, lambda: evidence(facts, packed, listed))
    step(9, lambda: need(content["record.json"] == record(facts, packed, trusted, began)))
    step(9, lambda: need(listed["record.json"]["role"] == "record"))
    step(10, lambda: need(members["manifest.json"]() == manifest(content, packed, checkpoint)))


def step(number, what):
    try:
        return what()
    except Refused:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise Refused(number, f"{type(error).__name__}: {error}") from error


def need(holds, why="it does not hold"):
    if not holds:
        raise ValueError(why)


# Conventions --------------------------------------------------------------------------------------


def canonical(value) -> bytes:
    """RFC 8785 of the restricted values."""
    if value is None or value is True or value is False:
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, int):
        need(abs(value) < 2**53, "integer")
        return str(value).encode()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode()
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    need(isinstance(value, dict), "kind")
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return b"{" + b",".join(canonical(key) + b":" + canonical(value[key]) for key in keys) + b"}"


def parse(raw: bytes):
    need(sum(raw.count(mark) for mark in (b",", b"[", b"{")) <= 500_000, "too many values")

    def unique(pairs):
        need(len(dict(pairs)) == len(pairs), "doubled key")
        return dict(pairs)

    def refuse(text):
        raise ValueError(text)

    value = json.loads(raw.decode(), object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse)
    need(canonical(value) == raw, "not canonical")
    return value


def split(raw: bytes, longest: int) -> list[bytes]:
    need(not raw or raw.endswith(b"\n"), "no line end")
    lines = raw.split(b"\n")[:-1]
    need(all(len(line) <= longest for line in lines), "line too long")
    return lines


def hashed(text) -> bytes:
    need(isinstance(text, str) and HASH.fullmatch(text), "hash")
    return bytes.fromhex(text)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def number(value) -> bool:
    return type(value) is int and 0 <= value < 10**16


def instant(text) -> None:
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z", text, re.ASCII), "time")
    datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def b64(text: str) -> bytes:
    found = base64.b64decode(text, validate=True)
    need(base64.b64encode(found).decode() == text, "base64")
    return found


# The container ------------------------------------------------------------------------------------

PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?"
LARGE = 0xFFFFFFFF


def container(pack: bytes):
    """Readers of the members' content by name; they compare the CRC."""
    try:
        entries = listing(pack)
        need(pack == written(pack, entries), "not the one zip file")
    except Refused:
        raise
    except (ValueError, IndexError, struct.error, OverflowError) as error:
        raise Refused(1, str(error)) from error

    def reader(crc, begin, size):
        def read():
            content = pack[begin : begin + size]
            need(zlib.crc32(content) == crc, "CRC")
            return content

        return read

    members, at = Members(), 0
    for name, crc, size in entries:
        begin = at + 30 + len(name) + (20 if size >= LARGE else 0)
        members[name] = reader(crc, begin, size)
        at = begin + size
    return members


class Members(dict):
    def __missing__(self, name):
        def absent():
            raise ValueError(f"{name} is missing")

        return absent


def listing(pack: bytes):
    """Name, CRC and size of each member, from the list at the end."""
    mark, _, _, _, count, length, begin, comment = struct.unpack("<4s4H2LH", pack[-22:])
    need(mark == b"PK\5\6" and comment == 0 and 1 <= count <= 10_000, "end record")
    if LARGE in (length, begin):
        wide = struct.unpack("<4sQ2H2L4Q", pack[-22 - 20 - 56 : -22 - 20])
        length, begin = wide[8], wide[9]
    need(length <= 10_240_000, "list too long")
    directory, entries, names = pack[begin : begin + length], [], set()
    while directory:
        fields = struct.unpack("<4s6H3L5H2L", directory[:46])
        crc, size, name_length, extra_length = fields[7], fields[9], fields[10], fields[11]
        name = directory[46 : 46 + name_length].decode("ascii")
        extra = directory[46 + name_length : 46 + name_length + extra_length]
        if size == LARGE:
            (size,) = struct.unpack("<Q", extra[4:12])
        need(re.fullmatch(f"{PART}(?:/{PART})?", name), "name")
        need(name.lower() not in names, "name twice")
        names.add(name.lower())
        entries.append((name, crc, size))
        directory = directory[46 + name_length + extra_length + fields[12] :]
    need(len(entries) == count, "count")
    order = sorted(name for name, _, _ in entries if name != "manifest.json")
    order += ["manifest.json"] * ("manifest.json" in names)
    need([name for name, _, _ in entries] == order, "order")
    return entries


def written(pack: bytes, entries) -> bytes:
    """The one zip file of these members."""
    out, listed, at = [], [], 0
    for name, crc, size in entries:
        raw, big, far = name.encode(), size >= LARGE, at >= LARGE
        needed, told = (45, LARGE) if big else (20, size)
        extra = struct.pack("<2H2Q", 1, 16, size, size) if big else b""
        head = struct.pack("<4s5H3L2H", b"PK\3\4", needed, 0, 0, 0, 33, crc, told, told, len(raw), len(extra))
        more = (struct.pack("<2Q", size, size) if big else b"") + (struct.pack("<Q", at) if far else b"")
        more = struct.pack("<2H", 1, len(more)) + more if more else b""
        needed = 45 if more else 20
        entry = struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 768 + needed, needed, 0, 0, 0, 33, crc, told, told, len(raw), len(more),
            0, 0, 0, 2175008768, LARGE if far else at,
        )  # fmt: skip
        begin = at + len(head) + len(raw) + len(extra)
        need(size <= len(pack) - begin, "size")
        out += [head, raw, extra, pack[begin : begin + size]]
        listed += [entry, raw, more]
        at = begin + size
    directory = b"".join(listed)
    count, length = len(entries), len(directory)
    end = b""
    if length >= LARGE or at >= LARGE:
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 813, 45, 0, 0, count, count, length, at)
        end += struct.pack("<4sLQL", b"PK\6\7", 0, at + length, 1)
    end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, min(length, LARGE), min(at, LARGE), 0)
    return b"".join([*out, directory, end])


# Policy, notes, tree ------------------------------------------------------------------------------


def read_policy(text: str):
    found: dict[str, list[list[str]]] = {}
    for line in text.split("\n"):
        words = re.split(r"[ \t]+", line.removesuffix("\r").split("#")[0].strip(" \t"))
        if words != [""]:
            found.setdefault(words[0], []).append(words[1:])
    need(set(found) <= {"origin", "key", "required", "minimum", "earlier"}, "statement")
    keys = {}
    for (word,) in found["key"]:
        name, _, rest = word.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = b64(encoded)
        need(material[:1] == b"\1" and len(material) == 33, "key")
        need(sha(name.encode(), b"\n", material)[:4].hex() == key_id, "key id")
        keys[name, key_id] = material[1:]
    return {
        "origin": " ".join(found["origin"][0]),
        "keys": keys,
        "required": int(found.get("required", [["1"]])[0][0]),
        "minimum": int(found.get("minimum", [["1"]])[0][0]),
        "earlier": [(int(size), b64(root)) for size, root in found.get("earlier", [])],
    }


def signed(raw: bytes, trusted):
    """Size and root of a signed checkpoint of the policy's ledger."""
    need(len(raw) <= 65_536, "long note")
    text, gap, block = raw.decode().rpartition("\n\n")
    need(gap and block.endswith("\n"), "no signatures")
    lines = block[:-1].split("\n")
    need(len(lines) == len(set(lines)) and len(lines) <= 100, "signatures")
    for line in lines:
        dash, name, encoded = line.split(" ")
        content = b64(encoded)
        key = trusted["keys"][name, content[:4].hex()]
        need(dash == "\N{EM DASH}", "dash")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(content[4:], (text + "\n").encode())
        except InvalidSignature as error:
            raise ValueError("signature") from error
    need(len(lines) >= trusted["required"], "too few")
    origin, size, root = text.split("\n")
    need(origin == trusted["origin"] and re.fullmatch(NUMBER, size), "origin or size")
    need(len(b64(root)) == 32, "root")
    return {"size": int(size), "root": b64(root), "origin": origin}


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, as it is written there."""
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", root_of(leaves[:half]), root_of(leaves[half:]))


def included(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root to which the proof leads; the recursion of section 2.1.3.1 turned round."""
    if size == 1:
        need(not proof, "proof too long")
        return leaf
    need(proof, "proof too short")
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return sha(b"\1", included(leaf, index, half, proof[:-1]), proof[-1])
    return sha(b"\1", proof[-1], included(leaf, index - half, size - half, proof[:-1]))


def consistent(old: int, new: int, proof: list[bytes], whole: bool, old_root: bytes) -> tuple[bytes, bytes]:
    """Both roots to which the proof leads; section 2.1.4.1 turned round."""
    if old == new:
        if whole:
            need(not proof, "proof too long")
            return old_root, old_root
        need(len(proof) == 1, "proof")
        return proof[0], proof[0]
    need(proof, "proof too short")
    half = 1 << (new - 1).bit_length() - 1
    if old <= half:
        first, left = consistent(old, half, proof[:-1], whole, old_root)
        return first, sha(b"\1", left, proof[-1])
    first, right = consistent(old - half, new - half, proof[:-1], False, old_root)
    return sha(b"\1", proof[-1], first), sha(b"\1", proof[-1], right)


# Facts, ledger, earlier checkpoints ---------------------------------------------------------------

LEAF = [
    "log",
    "payload_commitment",
    "prev_stream_hash",
    "recorded_at",
    "seq",
    "stream",
    "stream_seq",
    "type",
    "v",
]


def leaf_of(leaf):
    need(list(leaf) == LEAF and leaf["v"] == 1 and leaf["v"] is not True, "leaf")
    need(all(isinstance(leaf[key], str) and leaf[key] for key in ("log", "stream", "type")), "names")
    hashed(leaf["payload_commitment"])
    instant(leaf["recorded_at"])
    need(number(leaf["seq"]) and number(leaf["stream_seq"]), "numbers")
    need((leaf["prev_stream_hash"] is None) == (leaf["stream_seq"] == 0), "first")
    if leaf["prev_stream_hash"] is not None:
        hashed(leaf["prev_stream_hash"])
    return leaf


def read_facts(raw: bytes, checkpoint):
    facts, last = [], -1
    for line in split(raw, 1 << 24):
        fact = parse(line)
        need(sorted(fact) == ["leaf", "payload", "proof", "salt"], "keys")
        leaf, payload = leaf_of(fact["leaf"]), fact["payload"]
        need(sorted(payload) == ["by", "data", "v"] and isinstance(payload["data"], dict), "payload")
        need(sorted(payload["by"]) == ["id", "kind", "name"], "by")
        need(all(isinstance(value, str) for value in payload["by"].values()), "by")
        need(type(payload["v"]) is int, "v")
        raw_leaf = canonical(leaf)
        need(len(raw_leaf) <= 65_535, "long leaf")
        commitment = sha(b"holdfast/payload/v1\0", hashed(fact["salt"]), canonical(payload))
        need(commitment.hex() == leaf["payload_commitment"], "commitment")
        need(last < leaf["seq"] < checkpoint["size"], "order")
        proof = [hashed(one) for one in list_of(fact["proof"])]
        own = sha(b"\0", raw_leaf)
        need(included(own, leaf["seq"], checkpoint["size"], proof) == checkpoint["root"], "inclusion")
        last = leaf["seq"]
        facts.append({**leaf, **payload, "hash": own})
    return facts


def list_of(value):
    need(isinstance(value, list), "list")
    return value


def assembled(facts):
    last = [fact for fact in facts if fact["type"] == "pack.assembled"][-1]
    data, incident = last["data"], last["data"]["incident"]
    need(sorted(data) == ["checkpoints", "context", "incident", "members", "streams"], "keys")
    need(re.fullmatch(r"INC-[1-9][0-9]{0,15}", incident), "incident")
    for key, kind in (("checkpoints", int), ("context", int), ("streams", str)):
        need(all(type(one) is kind for one in list_of(data[key])), "kinds")
        need(data[key] == sorted(set(data[key])), "sorted")
    paths = [one["path"] for one in list_of(data["members"])]
    need(paths == sorted(set(paths)) and not {*FIXED, "manifest.json"} & set(paths), "members")
    for one in data["members"]:
        need(sorted(one) == ["path", "role", "sha256", "size"], "member")
        need(isinstance(one["path"], str) and isinstance(one["role"], str), "member")
        need(type(one["size"]) is int and hashed(one["sha256"]), "member")
    need(last["stream"] == f"pack/{incident}", "stream")
    need(
        {f"{name}/{incident}" for name in ("custody", "incident", "pack")} <= set(data["streams"]), "streams"
    )
    return {**data, "seq": last["seq"]}


def read_headers(raw: bytes, checkpoint, trusted):
    headers, leaves, now = [], [], ""
    for line in split(raw, 65_535):
        leaf = leaf_of(parse(line))
        need(leaf["seq"] == len(leaves) and leaf["log"] == checkpoint["origin"], "order")
        need(leaf["recorded_at"] >= now, "back-dated")
        now = leaf["recorded_at"]
        leaves.append(sha(b"\0", line))
        headers.append({**leaf, "hash": leaves[-1]})
    need(len(leaves) == checkpoint["size"] and root_of(leaves) == checkpoint["root"], "root")
    for size, root in trusted["earlier"]:
        need(root_of(leaves[:size]) == root, "earlier")
    return headers


def complete(headers, facts, packed):
    shown, expected, ends = {fact["seq"] for fact in facts}, set(packed["context"]), {}
    for header in headers:
        stream = header["stream"]
        if packed["incident"] in stream.split("/"):
            need(stream in packed["streams"], "stream left out")
        if stream in packed["streams"]:
            count, previous = ends.get(stream, (0, None))
            need(header["stream_seq"] == count and header["prev_stream_hash"] == previous, "chain")
            ends[stream] = (count + 1, header["hash"].hex())
            expected.add(header["seq"])
    need(shown == expected, "facts left out, or too many")
    need(f"incident/{packed['incident']}" in ends, "no fact of its own")


def earlier(raw: bytes, checkpoint, packed, trusted):
    sizes = []
    for line in split(raw, 65_536):
        one = parse(line)
        need(sorted(one) == ["note", "proof"], "keys")
        old = signed(one["note"].encode(), trusted)
        need(0 < old["size"] < checkpoint["size"], "size")
        proof = [hashed(each) for each in list_of(one["proof"])]
        roots = consistent(old["size"], checkpoint["size"], proof, True, old["root"])
        need(roots == (old["root"], checkpoint["root"]), "consistency")
        sizes.append(old["size"])
    need(sizes == packed["checkpoints"], "sizes")


# Files, evidence, record, manifest ----------------------------------------------------------------


def files(names, content, listed):
    always = {*FIXED, "manifest.json", "record.json", "report.pdf"}
    need(names == {*listed, *always}, "members")
    for path, one in listed.items():
        need(len(content[path]) == one["size"] and sha(content[path]).hex() == one["sha256"], path)


def path_of(item):
    name = re.sub(r"[^A-Za-z0-9._-]", "_", item["name"])[-80:].rstrip(".")
    return f"evidence/{item['item']}-{name or 'file'}"


def taken_in(fact):
    if fact["type"] == "evidence.frozen":
        return list_of(fact["data"]["items"])
    return [fact["data"]["item"]] if fact["type"] == "evidence.added" else []


def evidence(facts, packed, listed):
    """Where assembling the pack began."""
    incident, items = packed["incident"], {}
    for fact in facts:
        own = fact["type"] == "message.queued" or incident in fact["stream"].split("/")
        need(not own or fact["data"].get("incident", "") in (incident, ""), "another incident")
        if not fact["type"].startswith("evidence."):
            continue
        need(fact["data"]["incident"] == incident, "another incident")
        if fact["type"] in ("evidence.frozen", "evidence.added"):
            need(fact["stream"] == f"evidence/{incident}", "another stream")
            list_of(
                fact["data"].get("missing", [])
                if fact["type"] == "evidence.added"
                else fact["data"]["missing"]
            )
        for item in taken_in(fact):
            need(re.fullmatch(r"EV-[1-9][0-9]{0,15}", item["item"]) and item["item"] not in items, "item")
            one = listed[path_of(item)]
            need(
                (one["role"], one["sha256"], one["size"]) == ("evidence", item["sha256"], item["size"]),
                "item",
            )
            need(type(item["size"]) is int, "size")
            items[item["item"]] = path_of(item)
    held = [path for path in listed if path.startswith("evidence/")]
    need(sorted(items.values()) == sorted(held), "evidence that nobody took in")
    began = packed["seq"] - 1 - len(held)
    last = [fact for fact in facts if began <= fact["seq"] < packed["seq"]]
    need([fact["seq"] for fact in last] == list(range(began, packed["seq"])), "custody")
    need(all(fact["stream"] == f"custody/{incident}" for fact in last), "custody")
    need(last[0]["type"] == "evidence.verified" and last[0]["data"]["problems"] == [], "custody")
    need(all(fact["type"] == "evidence.accessed" for fact in last[1:]), "custody")
    need(all(fact["data"]["how"] == "pack" for fact in last[1:]), "custody")
    need(sorted(fact["data"]["item"] for fact in last[1:]) == sorted(items), "custody")
    return began


LINE = ("at", "by", "data", "entry", "stream", "type", "v")


MESSAGE = ("message", "to", "name", "role", "about", "instead_of")


def record(facts, packed, trusted, began) -> bytes:
    told = [fact for fact in facts if fact["seq"] < began]
    items, missing, moments, messages = {}, [], {}, []
    for fact in told:
        entry, at = fact["seq"], fact["recorded_at"]
        moment = moments.setdefault(fact["type"], {"count": 0, "first": at})
        moment |= {"count": moment["count"] + 1, "last": at}
        for item in taken_in(fact):
            kept = {key: item[key] for key in ("item", "name", "sha256", "size")}
            items[item["item"]] = {**kept, "path": path_of(item), "entry": entry, "custody": []}
        if fact["type"] == "evidence.frozen":
            missing += [{"entry": entry, "what": one} for one in fact["data"]["missing"]]
        if fact["type"] == "evidence.accessed":
            for item in items.values():
                if item["item"] == fact["data"].get("item"):
                    item["custody"].append(entry)
        data = fact["data"]
        said = {key: data[key] if isinstance(data.get(key), str) else "" for key in MESSAGE}
        if fact["type"] == "message.queued":
            messages.append({**said, "entry": entry, "standing": "queued", "why": ""})
        final = data.get("refused") is True or data.get("retry_at") is None
        reason = data["reason"] if isinstance(data.get("reason"), str) else ""
        became = {
            "message.sent": ("sent", ""),
            "message.retried": ("queued", ""),
            **({"message.failed": ("not reached", reason)} if final else {}),
        }.get(fact["type"])
        for one in messages if became else ():
            if one["message"] == said["message"]:
                one["standing"], one["why"] = became
    lines = [
        {
            "at": fact["recorded_at"],
            "entry": fact["seq"],
            **{k: fact[k] for k in ("by", "data", "stream", "type", "v")},
        }
        for fact in told
    ]
    whole = {
        "facts": lines,
        "format": "holdfast-record/2",
        "incident": packed["incident"],
        "items": list(items.values()),
        "log": trusted["origin"],
        "messages": messages,
        "missing": missing,
        "moments": moments,
    }
    return canonical(whole) + b"\n"


def manifest(content, packed, checkpoint) -> bytes:
    proofs = [
        {"path": path, "role": role, "sha256": sha(content[path]).hex(), "size": len(content[path])}
        for path, role in FIXED.items()
    ]
    whole = {
        "assembled": packed["seq"],
        "checkpoint": {"root": checkpoint["root"].hex(), "size": checkpoint["size"]},
        "format": "holdfast-pack/2",
        "incident": packed["incident"],
        "log": checkpoint["origin"],
        "members": sorted([*packed["members"], *proofs], key=lambda one: one["path"]),
    }
    return canonical(whole)
