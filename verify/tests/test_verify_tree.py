"""The Merkle tree against the public RFC 6962 vectors, and against pymerkle on random trees."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from holdfast_verify import tree
from holdfast_verify.tree import CompactRange, ProofError, leaf_hash, node_hash

VECTORS = json.loads((Path(__file__).parent / "data/rfc6962.json").read_text())
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]
SOME_HASH = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")
SIZES = st.integers(min_value=1, max_value=130)


def hashes(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def nodes_of(leaves: list[bytes]) -> tree.Node:
    """The complete subtrees over some leaves, each computed from its halves."""

    @cache
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hash(leaves[index])
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def test_every_known_root_is_rebuilt_leaf_by_leaf_and_from_stored_subtrees() -> None:
    growing, node = CompactRange(), nodes_of(LEAVES)
    assert growing.root() == tree.root(0, node) == tree.EMPTY_ROOT
    for size, expected in enumerate(ROOTS, 1):
        growing.append(leaf_hash(LEAVES[size - 1]))
        assert growing.root() == tree.root(size, node) == expected


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['index']} in {v['size']}")
def test_known_inclusion_proofs_are_made_and_verified(vector: dict) -> None:
    index, size, proof = vector["index"], vector["size"], hashes(vector["proof"])
    assert tree.inclusion_proof(index, size, nodes_of(LEAVES)) == proof
    tree.verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, ROOTS[size - 1])


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda v: f"{v['old']} to {v['new']}")
def test_known_consistency_proofs_are_made_and_verified(vector: dict) -> None:
    old, new, proof = vector["old"], vector["new"], hashes(vector["proof"])
    assert tree.consistency_proof(old, new, nodes_of(LEAVES)) == proof
    tree.verify_consistency(old, ROOTS[old - 1], new, ROOTS[new - 1], proof)


def accepted(verify: Callable[..., None], arguments: tuple) -> bool:
    try:
        verify(*arguments)
    except ProofError:
        return False
    return True


def flipped(data: bytes, bit: int) -> bytes:
    return bytes([data[0] ^ 1 << bit]) + data[1:]


def wrong_inclusions(index: int, size: int, proof: list[bytes], root: bytes, leaf: bytes) -> dict[str, tuple]:
    """The ways in which transparency-dev's vectors spoil a proof, by the names given there."""
    wrong = {
        "leafIdx - 1": (leaf, index - 1, size, proof, root),
        "leafIdx + 1": (leaf, index + 1, size, proof, root),
        "leafIdx ^ 2": (leaf, index ^ 2, size, proof, root),
        "treeSize * 2": (leaf, index, size * 2, proof, root),
        "treeSize / 2": (leaf, index, size // 2, proof, root),
        "wrong leaf": (b"WrongLeaf", index, size, proof, root),
        "empty leaf": (b"", index, size, proof, root),
        "empty root": (leaf, index, size, proof, b""),
        "root of the empty tree": (leaf, index, size, proof, tree.EMPTY_ROOT),
        "random root": (leaf, index, size, proof, SOME_HASH),
        "trailing garbage": (leaf, index, size, [*proof, b""], root),
        "trailing root": (leaf, index, size, [*proof, root], root),
        "preceding garbage": (leaf, index, size, [b"", *proof], root),
        "preceding root": (leaf, index, size, [root, *proof], root),
    }
    for at in range(len(proof)):
        spoilt = [*proof[:at], flipped(proof[at], 3), *proof[at + 1 :]]
        wrong[f"modified proof[{at}] bit 3"] = (leaf, index, size, spoilt, root)
    if proof:
        wrong["removed component"] = (leaf, index, size, proof[:-1], root)
        wrong["inserted component"] = (leaf, index, size, [proof[0], SOME_HASH, *proof[1:]], root)
    return wrong


def wrong_consistencies(
    old: int, new: int, proof: list[bytes], root1: bytes, root2: bytes
) -> dict[str, tuple]:
    wrong = {
        "size1 - 1": (old - 1, root1, new, root2, proof),
        "size1 + 1": (old + 1, root1, new, root2, proof),
        "size1 ^ 2": (old ^ 2, root1, new, root2, proof),
        "size2 * 2": (old, root1, new * 2, root2, proof),
        "size2 / 2": (old, root1, new // 2, root2, proof),
        "wrong root1": (old, b"WrongRoot", new, root2, proof),
        "wrong root2": (old, root1, new, b"WrongRoot", proof),
        "swapped roots": (old, root2, new, root1, proof),
        "empty proof": (old, root1, new, root2, []),
        "trailing garbage": (old, root1, new, root2, [*proof, b""]),
        "trailing root1": (old, root1, new, root2, [*proof, root1]),
        "trailing root2": (old, root1, new, root2, [*proof, root2]),
        "preceding garbage": (old, root1, new, root2, [b"", *proof]),
        "preceding root1": (old, root1, new, root2, [root1, *proof]),
        "preceding root2": (old, root1, new, root2, [root2, *proof]),
        "preceding proof[0]": (old, root1, new, root2, [proof[0], *proof]),
        "truncated proof": (old, root1, new, root2, proof[:-1]),
    }
    for at in range(len(proof)):
        spoilt = [*proof[:at], flipped(proof[at], 4), *proof[at + 1 :]]
        wrong[f"modified proof[{at}] bit 4"] = (old, root1, new, root2, spoilt)
    return wrong


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['index']} in {v['size']}")
def test_no_spoilt_inclusion_proof_verifies(vector: dict) -> None:
    index, size = vector["index"], vector["size"]
    leaf, root = leaf_hash(LEAVES[index]), ROOTS[size - 1]
    wrong = wrong_inclusions(index, size, hashes(vector["proof"]), root, leaf)
    assert [name for name, arguments in wrong.items() if accepted(tree.verify_inclusion, arguments)] == []


@pytest.mark.parametrize("vector", VECTORS["consistency"][1:], ids=lambda v: f"{v['old']} to {v['new']}")
def test_no_spoilt_consistency_proof_verifies(vector: dict) -> None:
    old, new = vector["old"], vector["new"]
    roots = ROOTS[old - 1], ROOTS[new - 1]
    wrong = wrong_consistencies(old, new, hashes(vector["proof"]), *roots)
    assert [name for name, arguments in wrong.items() if accepted(tree.verify_consistency, arguments)] == []


@pytest.mark.parametrize(
    ("old", "root1", "new", "root2", "proof"),
    [
        (0, tree.EMPTY_ROOT, 0, tree.EMPTY_ROOT, []),
        (0, tree.EMPTY_ROOT, 1, ROOTS[0], []),
        (0, tree.EMPTY_ROOT, 8, ROOTS[7], [ROOTS[7]]),
    ],
)
def test_consistency_from_size_zero_is_refused_as_it_proves_nothing(old, root1, new, root2, proof) -> None:
    with pytest.raises(ProofError, match="from 0"):
        tree.verify_consistency(old, root1, new, root2, proof)


@pytest.mark.parametrize(
    ("old", "root1", "new", "root2", "proof"),
    [
        (1, ROOTS[0], 1, ROOTS[1], []),
        (1, ROOTS[0], 1, ROOTS[0], [tree.EMPTY_ROOT]),
        (2, ROOTS[1], 1, ROOTS[0], []),
        (1, ROOTS[0], 2, ROOTS[1], []),
        (3, ROOTS[2], 5, ROOTS[4], []),
    ],
)
def test_trivial_consistency_claims_are_refused(old, root1, new, root2, proof) -> None:
    with pytest.raises(ProofError):
        tree.verify_consistency(old, root1, new, root2, proof)


def test_bytes_moved_from_one_hash_to_its_neighbour_are_noticed() -> None:
    vector = VECTORS["inclusion"][1]
    first, second, third = hashes(vector["proof"])
    with pytest.raises(ProofError, match="32 bytes"):
        tree.verify_inclusion(leaf_hash(LEAVES[0]), 0, 8, [first + second[:1], second[1:], third], ROOTS[7])


def test_a_proof_too_long_for_the_claimed_size_is_refused_even_where_the_root_fits() -> None:
    """The way up from the last of eight entries only ever turns left, as from the last of four."""
    proof = tree.inclusion_proof(7, 8, nodes_of(LEAVES))
    with pytest.raises(ProofError, match="too long"):
        tree.verify_inclusion(leaf_hash(LEAVES[7]), 3, 4, proof, ROOTS[7])


def test_a_consistency_proof_too_long_for_the_claimed_sizes_is_refused_even_where_both_roots_fit() -> None:
    proof = tree.consistency_proof(7, 8, nodes_of(LEAVES))
    with pytest.raises(ProofError, match="too long"):
        tree.verify_consistency(3, ROOTS[6], 4, ROOTS[7], proof)


def test_proofs_outside_the_tree_are_not_made() -> None:
    node = nodes_of(LEAVES)
    for index, size in [(-1, 8), (8, 8), (0, 0)]:
        with pytest.raises(ValueError, match="not in a tree"):
            tree.inclusion_proof(index, size, node)
    for old, new in [(0, 8), (-1, 8), (8, 7)]:
        with pytest.raises(ValueError, match="no consistency proof"):
            tree.consistency_proof(old, new, node)


def oracle(size: int) -> tuple[InmemoryTree, list[bytes]]:
    """pymerkle's tree and our leaves, of the same content."""
    leaves = [f"entry {n}".encode() for n in range(size)]
    theirs = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        theirs.append_entry(leaf)
    return theirs, leaves


@given(SIZES)
def test_roots_agree_with_pymerkle(size: int) -> None:
    theirs, leaves = oracle(size)
    growing = CompactRange()
    for leaf in leaves:
        growing.append(leaf_hash(leaf))
    assert growing.root() == tree.root(size, nodes_of(leaves)) == theirs.get_root()


@given(SIZES, st.data())
def test_inclusion_proofs_agree_with_pymerkle_and_verify(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    theirs, leaves = oracle(size)
    proof = tree.inclusion_proof(index, size, nodes_of(leaves))
    assert [leaf_hash(leaves[index]), *proof] == theirs_in_order(theirs.prove_inclusion(index + 1, size))
    tree.verify_inclusion(leaf_hash(leaves[index]), index, size, proof, theirs.get_root())


@given(SIZES, st.data())
def test_consistency_proofs_verify_between_pymerkles_roots(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    theirs, leaves = oracle(size)
    proof = tree.consistency_proof(old, size, nodes_of(leaves))
    tree.verify_consistency(old, theirs.get_root(old), size, theirs.get_root(), proof)


@given(SIZES, st.data())
def test_a_proof_for_one_entry_never_holds_for_another_place(size: int, data: st.DataObject) -> None:
    index, claimed = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    _, leaves = oracle(size)
    node = nodes_of(leaves)
    proof, root = tree.inclusion_proof(index, size, node), tree.root(size, node)
    if claimed != index:
        with pytest.raises(ProofError):
            tree.verify_inclusion(leaf_hash(leaves[index]), claimed, size, proof, root)


@given(SIZES, st.data())
def test_a_range_goes_on_from_its_peaks(size: int, data: st.DataObject) -> None:
    begun = data.draw(st.integers(0, size))
    _, leaves = oracle(size)
    node = nodes_of(leaves)
    resumed = CompactRange(begun, [node(*peak) for peak in tree.peaks(begun)])
    for leaf in leaves[begun:]:
        resumed.append(leaf_hash(leaf))
    assert (resumed.size, resumed.root()) == (size, tree.root(size, node))


def test_a_range_with_missing_peaks_is_refused() -> None:
    with pytest.raises(ValueError, match="3 entries has 2 peaks"):
        CompactRange(3, [SOME_HASH])


def theirs_in_order(proof) -> list[bytes]:
    """pymerkle's proof as RFC 9162 writes it: the leaf first, then siblings from the bottom up."""
    return [bytes.fromhex(text) for text in proof.serialize()["path"]]
