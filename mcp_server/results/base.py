"""The base of all results, and how one becomes the JSON that goes out."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

AnyJSON: TypeAlias = Any


class Model(BaseModel):
    """A result or a part of one. None means "does not apply" and is left out of the answer.

    Fields named in `keeps_null` are the exception: null is a fact there once it was set (a run that
    returned nothing).
    """

    # A model is built for its first answer: most are never given.
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)
    keeps_null: ClassVar[frozenset[str]] = frozenset()

    def wire(self) -> dict[str, Any]:
        """Return the JSON object of this result."""
        answer: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is None and not (name in self.keeps_null and name in self.model_fields_set):
                continue
            answer[field.alias or name] = _wire(value)
        return answer


class Detail(Model):
    """A part that output schemas show as a plain object: they are paid for in every conversation."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the short schema."""
        return {"type": "object"}


class Result(Model):
    """A whole answer. `message` says what happened; `next` what can be done now."""

    message: str
    next: str | None = None


def _wire(value: Any) -> Any:
    if isinstance(value, Model):
        return value.wire()
    if isinstance(value, list | tuple):
        return [_wire(item) for item in value]
    return value
