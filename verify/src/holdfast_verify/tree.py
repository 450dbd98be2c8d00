"""The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962): hashing, proofs, and checking proofs.

The tree over n entries splits at the largest power of two below n. A *complete* subtree of 2**level
entries is named by `(level, index)`: it covers the entries from `index << level` on. All complete
subtrees are final once they exist, so a log stores them; everything else here is computed from them.

A root does not fix the number of entries: a proof may fit several sizes of the same shape. Sizes must
therefore come from where the roots come from, a signed checkpoint, never from whoever offers the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree `(level, index)`."""


class ProofError(ValueError):
    """A proof does not prove what it is offered for; the message says why."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf), RFC 9162 section 2.1.1."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 9162 section 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The root over leaf hashes as they come, in memory that grows with the logarithm of their number."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Start empty, or go on from a tree of `size` entries and the hashes of its `peaks(size)`."""
        self.size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} entries has {size.bit_count()} peaks, not {len(self._peaks)}")

    def append(self, leaf: bytes) -> None:
        """Add one entry by its leaf hash."""
        carry = self.size
        while carry & 1:  # as in adding one to a binary number: equal subtrees merge
            leaf = sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            carry >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root hash of all entries so far."""
        return _fold(self._peaks)


def peaks(size: int) -> list[tuple[int, int]]:
    """The complete subtrees `(level, index)` that make up a tree of `size` entries, largest first."""
    levels = (level for level in reversed(range(size.bit_length())) if size >> level & 1)
    return [(level, (size >> level) - 1) for level in levels]


def root(size: int, node: Node) -> bytes:
    """The root hash of the first `size` entries."""
    return _fold([node(level, index) for level, index in peaks(size)])


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1. Raises ValueError for an entry outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size} entries")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_subroot(middle, end, node))
            end = middle
        else:
            proof.append(_subroot(start, middle, node))
            start = middle
    proof.reverse()
    return proof


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162 section 2.1.4.1. Raises ValueError unless 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof leads from {old} to {new} entries")
    proof: list[bytes] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_subroot(middle, end, node))
            end = middle
        else:
            proof.append(_subroot(start, middle, node))
            start = middle
    if start:  # otherwise this subtree is the whole old tree, whose root the verifier has
        proof.append(_subroot(start, end, node))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash is entry `index` of the tree with this root (RFC 9162 section 2.1.3.2).

    Raises ProofError when it is not shown to be.
    """
    _require_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size} entries")
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if at & 1 or at == last:
            found = sha256(b"\x01" + sibling + found).digest()
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + sibling).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if found != root:
        raise ProofError(f"the inclusion proof of entry {index} leads to another root")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the new tree begins with the old one (RFC 9162 section 2.1.4.2).

    Raises ProofError when that is not shown. A tree of no entries is a beginning of every tree, so a
    "proof" from it shows nothing and is refused.
    """
    _require_hashes(old_root, new_root, *proof)
    if not 0 < old <= new:
        raise ProofError(f"no consistency proof leads from {old} to {new} entries")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError(f"two trees of {old} entries have different roots")
        return
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    if not proof:
        raise ProofError("the consistency proof is empty")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    found_old = found_new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if at & 1 or at == last:
            found_old, found_new = node_hash(sibling, found_old), node_hash(sibling, found_new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found_new = node_hash(found_new, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short")
    if found_old != old_root or found_new != new_root:
        raise ProofError(f"the tree of {new} entries does not begin with the tree of {old} entries")


def _split(size: int) -> int:
    """The largest power of two below `size`, for a size above one."""
    return 1 << ((size - 1).bit_length() - 1)


def _subroot(start: int, end: int, node: Node) -> bytes:
    """MTH(D[start:end]) for a range that the splits of RFC 9162 lead to, so that `start` is aligned."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_subroot(start, middle, node), _subroot(middle, end, node))


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over peaks, largest first."""
    if not hashes:
        return EMPTY_ROOT
    found = hashes[-1]
    for peak in reversed(hashes[:-1]):
        found = node_hash(peak, found)
    return found


def _require_hashes(*hashes: bytes) -> None:
    # Without this, bytes could be moved from one hash of a proof to its neighbour unnoticed.
    if set(map(len, hashes)) != {HASH_SIZE}:
        raise ProofError(f"a hash in the proof is not {HASH_SIZE} bytes long")
