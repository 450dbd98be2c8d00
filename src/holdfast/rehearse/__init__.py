"""Rehearse: scenarios that are played through the real parts."""
