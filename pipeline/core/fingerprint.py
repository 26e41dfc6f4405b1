"""Identity: what makes an artifact the same artifact.

`fingerprint = sha256(kind, stage version, settings that differ from their defaults, fingerprints of the inputs, seed)`.
An input counts even where the recipe names it as the default does: what lies there is another thing in another run.
The same record, kept readable, says later which field changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.core.artifact import Artifact
from pipeline.core.references import Reference, Resolved
from pipeline.core.stage import Inputs, Stage


def identity_of(stage: Stage, config: BaseModel, inputs: Inputs, seed: int) -> dict[str, Any]:
    """The record that is hashed: kind (and whose, if not ours), version, settings off their defaults, inputs, seed."""
    return {
        "kind": stage.kind,
        "version": stage.version,
        **({"package": stage.package} if stage.package else {}),
        "settings": _settings(config, inputs),
        **({"seed": seed} if stage.seeded else {}),
    }


def fingerprint_of(identity: Mapping[str, Any]) -> str:
    """The sha256 of an identity record."""
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _settings(config: BaseModel, inputs: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if not _counts(field):
            continue
        is_default = not field.is_required() and value == field.get_default(call_default_factory=True)
        if not is_default or _names_an_input(value):
            kept[name] = _value(value, getattr(inputs, name, None))
    return kept


def _names_an_input(value: Any) -> bool:
    if isinstance(value, BaseModel):
        return isinstance(value, Reference) or any(_names_an_input(part) for _, part in value)
    return isinstance(value, list | tuple) and any(map(_names_an_input, value))


def _counts(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return not (isinstance(extra, Mapping) and extra.get("identity") is False)


def _value(value: Any, resolved: Any) -> Any:
    if isinstance(value, Reference):
        return _reference(value, resolved)
    if isinstance(value, BaseModel):
        return _settings(value, resolved)
    if isinstance(value, list | tuple):
        parts = resolved if isinstance(resolved, list | tuple) else [None] * len(value)
        return [_value(item, part) for item, part in zip(value, parts, strict=True)]
    if isinstance(value, Mapping):
        return {str(key): _value(item, None) for key, item in value.items()}
    return value


def _reference(reference: Reference, resolved: Artifact | Resolved) -> dict[str, Any]:
    """An input counts by its content, and by which part of it is read; never by where it lies."""
    parts = reference.model_dump(exclude_defaults=True, exclude={"path"})
    return {"input": resolved.fingerprint, **parts}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two identity records, one line per field: `train.learning_rate was 0.001, now 0.002`."""
    before, after = _flatten(old), _flatten(new)
    lines: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, "its default"), after.get(key, "its default")
        if was == now:
            continue
        name = key.removeprefix("settings.")
        if name.endswith(".input"):
            lines.append(f"the input {name.removesuffix('.input')} has changed")
        elif key == "version":
            lines.append(f"the stage's own version was {was}, now {now}")
        else:
            lines.append(f"{name} was {was}, now {now}")
    return lines


def _flatten(record: Any, prefix: str = "") -> dict[str, Any]:
    items: list[tuple[Any, Any]] = []
    if isinstance(record, Mapping):
        items = list(record.items())
    elif isinstance(record, list):
        items = list(enumerate(record))
    else:
        return {prefix: record}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat |= _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
