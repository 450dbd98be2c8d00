"""Verifies a Holdfast audit pack offline, without trusting the server that made it.

Read it in this order: `tree` (RFC 9162), `note` and `checkpoint` (C2SP), `leaf` (what one entry is),
`container` (the zip file), and `pack`, the numbered steps that use them.
"""
