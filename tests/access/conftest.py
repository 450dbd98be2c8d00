"""A workspace written by `init`, and its ledger."""

from support.written import folder, ledger, nadia, workspace

__all__ = ["folder", "ledger", "nadia", "workspace"]
