"""A serializer that refuses what it does not know, so that a misspelt member never silently does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Unknown members are an error, each with its own pointer."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {name: serializers.ErrorDetail("There is no such member.", code="unknown") for name in unknown}
                )
        return super().to_internal_value(data)
