"""What a direct identifier may leave as, where it does not simply stay behind."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from anonymize.recipe.values import Value

Scope: TypeAlias = Literal["release", "dataset"]
"""For how long a key of pseudonyms lives: for one run, or for every release of a dataset."""

Kind: TypeAlias = Literal["name", "phone", "email", "address", "card_number", "user_name", "same_format"]
Locale: TypeAlias = Literal["ko_KR", "en_US", "zh_CN", "ja_JP", "en_GB", "de_DE", "fr_FR"]
SPOKEN = ("name", "phone", "email", "address", "user_name")
"""The kinds of surrogate that look different from country to country."""


class Released(Value):
    """Base of the treatments. ``as`` is a word of Python, so the field is ``as_`` there and ``as`` in JSON."""

    model_config = ConfigDict(serialize_by_alias=True)


class Pseudonym(Released):
    """A keyed pseudonym: HMAC-SHA-256 of the value (RFC 2104), its first ``length`` hexadecimal digits.

    ``key``: *release* is a new key for every run, so that two releases cannot be joined; *dataset* is one key for all
    releases of a dataset, which is what lets a recipient join them, and so needs a ``reason``.
    """

    as_: Annotated[Literal["pseudonym"], Field(alias="as")]
    length: Annotated[int, Field(ge=16, le=64, strict=True)] = 32
    key: Scope = "release"
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if (self.key == "dataset") != bool(self.reason.strip()):
            raise ValueError("key 'dataset' needs a reason why people may be followed from release to release; no other key has one")
        return self


class Surrogate(Released):
    """A made-up value in the place of the real one, drawn at random and independent of it.

    ``kind``: *same_format* draws digits for digits and letters for letters, after formats that the column's own values
    have; the others come from lists of names, streets and numbering plans of the ``locale``.
    """

    as_: Annotated[Literal["surrogate"], Field(alias="as")]
    kind: Kind
    locale: Locale | None = None

    @model_validator(mode="after")
    def _spoken(self) -> Self:
        if (self.locale is not None) != (self.kind in SPOKEN):
            raise ValueError(f"a locale belongs to the kinds {', '.join(SPOKEN)}, which need it, such as 'ko_KR'")
        return self


class Truncated(Released):
    """The first ``keep`` characters of a code. What is left is a quasi-identifier of two levels: itself and ``*``."""

    as_: Annotated[Literal["truncated"], Field(alias="as")]
    keep: Annotated[int, Field(ge=1, le=64, strict=True)]


_TREATMENTS = ("pseudonym", "surrogate", "truncated")


def _treatment(value: Any) -> str | None:
    """The word that says which treatment it is, so that errors speak of that one alone."""
    word = getattr(value, "as_", None) if isinstance(value, BaseModel) else value.get("as") if isinstance(value, dict) else None
    return word if word in _TREATMENTS else None


ReleaseAs: TypeAlias = Annotated[
    Annotated[Pseudonym, Tag("pseudonym")] | Annotated[Surrogate, Tag("surrogate")] | Annotated[Truncated, Tag("truncated")],
    Discriminator(
        _treatment,
        custom_error_type="unknown_treatment",
        custom_error_message="release_as is an object whose \"as\" is one of pseudonym, surrogate or truncated",
    ),
]
