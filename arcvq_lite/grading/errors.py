"""Errors of the machinery itself, which are no student's fault."""

from __future__ import annotations


class NurseryError(RuntimeError):
    """Raised where submissions cannot be run, or can no longer be."""


class UnsupportedSystemError(NurseryError):
    """Raised where the operating system has no means to run submissions apart."""
