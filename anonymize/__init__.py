"""k-anonymity and differential privacy for tables about people: a library first.

``anonymize.run_frame(recipe, frame)`` runs a recipe on a pandas DataFrame; files are run by :mod:`anonymize.pipeline`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonymize.frames import FrameResult, run_frame, write_frame

__all__ = ["FrameResult", "run_frame", "write_frame"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: a recipe can be read without loading a table engine."""
    if name not in __all__:
        raise AttributeError(f"module 'anonymize' has no attribute {name!r}")
    from anonymize import frames

    return getattr(frames, name)
