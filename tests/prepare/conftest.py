"""A workspace written by `init`, and its ledger."""

from support.written import folder, later, ledger, nadia, signers, workspace

__all__ = ["folder", "later", "ledger", "nadia", "signers", "workspace"]
