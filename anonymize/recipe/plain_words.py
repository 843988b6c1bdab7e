"""What pydantic finds wrong, in words of the recipe: those of the library speak of tuples, tags and instances of its classes.

Words are made of the kind of error and of what the schema allows, never of the value that was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_KINDS: Final = {
    "missing": "this field is needed",
    "extra_forbidden": "there is no such field here",
    "too_short": "needs {min_length} or more entries",
    "too_long": "has at most {max_length} entries",
    "string_too_short": "needs {min_length} or more characters",
    "string_too_long": "has at most {max_length} characters",
    "string_pattern_mismatch": "text of another form: it must match {pattern}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} must be given",
    "string_type": "must be a text",
    "int_type": "must be a whole number, such as 3",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list: […]",
    "list_type": "must be a list: […]",
    "dict_type": "must be an object: {{…}}",
    "model_type": "must be an object: {{…}}",
    "model_attributes_type": "must be an object: {{…}}",
}


def plain(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """``kind``, ``message``, ``context``: of one of pydantic's errors. What is not known here, such as our own words, stays as it is."""
    words = _KINDS.get(kind)
    return message if words is None else words.format(**context)
