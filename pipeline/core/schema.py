"""The JSON Schema (draft 2020-12) of recipes, for editors and for whoever writes recipes by program.

It says what can be said of a file by itself. That a stage exists and comes earlier, that files are there, and how
fields relate to one another, only `gristmill validate` knows: whatever that accepts is valid here, not the reverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import BeforeValidatorFunctionSchema, ModelSchema, WithDefaultSchema

from pipeline.core.quantities import COUNT_PATTERN, parse_count
from pipeline.core.recipe import FORMAT, NAME
from pipeline.core.reference_checks import BuiltinCatalogue
from pipeline.core.references import STAGE_ID, Accepts, Reference, Scheme
from pipeline.core.stage import Runtime, Stage

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "Gristmill recipe"

ADDRESS_PATTERNS: Mapping[Scheme, str] = {
    "stage": f"^{STAGE_ID.pattern}$",
    "path": "^(?!hf://|builtin:)[^/]*/",
    "hf": "^hf://",
    "python": r"^(?!builtin:)[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
}
"""What an address of each scheme looks like; builtins are listed by name."""


def recipe_schema(table: Mapping[str, Stage], catalogue: BuiltinCatalogue) -> dict[str, Any]:
    """The schema of recipes whose stages are of the kinds in `table` and whose builtins are in `catalogue`."""
    models: dict[str, type[BaseModel]] = {"runtime": Runtime, **{kind: stage.config for kind, stage in table.items()}}
    generator = _RecipeSchema(table, catalogue)
    references, definitions = generator.generate_definitions(
        [(name, "validation", model.__pydantic_core_schema__) for name, model in models.items()]
    )
    stages: dict[str, Any] = {}
    for kind, stage in table.items():
        settings = definitions.pop(references[kind, "validation"]["$ref"].removeprefix("#/$defs/"))
        stages[f"stage-{kind}"] = _stage_schema(stage, settings)
    return {
        "$schema": DIALECT,
        "title": TITLE,
        "description": "One file from raw text to a published model: a name, a seed, and stages by id.",
        "type": "object",
        "required": ["recipe", "name", "stages"],
        "additionalProperties": False,
        "properties": {
            "recipe": {"const": FORMAT, "description": "Version of this format."},
            "name": {
                "type": "string",
                "pattern": f"^{NAME.pattern}$",
                "description": "The run's name: it lies in runs/NAME.",
            },
            "seed": {**_SEED, "default": 0, "description": "What all that is drawn at random depends on."},
            "runtime": {
                "anyOf": [references["runtime", "validation"], {"type": "null"}],
                "description": "How the recipe runs; never part of what an artifact is.",
            },
            "stages": {
                "type": "object",
                "minProperties": 1,
                "description": "The stages by id, in the order in which they run. An id that is a kind has that kind.",
                "propertyNames": {"pattern": f"^{STAGE_ID.pattern}$"},
                "properties": {kind: {"$ref": f"#/$defs/stage-{kind}"} for kind in table},
                "additionalProperties": {"$ref": "#/$defs/stage-by-kind"},
            },
        },
        "$defs": {**stages, "stage-by-kind": _stage_by_kind(table), **generator.addresses, **definitions},
    }


_SEED = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}


def _stage_schema(stage: Stage, settings: JsonSchemaValue) -> dict[str, Any]:
    """The settings of a kind, with the keys that are the core's. A stage that needs nothing may be left empty."""
    own = {
        "kind": {"const": stage.kind, "description": "The kind of stage; needed where the id is not itself a kind."},
        "seed": {**_SEED, "description": "This stage's own seed; the recipe's when left out."},
        "checks": {
            "enum": ["stop", "warn"],
            "default": "stop",
            "description": "Whether a failed check stops the stages that would consume the artifact.",
        },
    }
    makes = f"Makes a {stage.output.__name__}."
    return {
        **settings,
        "type": "object" if settings.keys() & {"required", "anyOf"} else ["object", "null"],
        "description": " ".join(filter(None, [settings.get("description"), makes])),
        "properties": {**settings["properties"], **own},
    }


def _stage_by_kind(table: Mapping[str, Stage]) -> dict[str, Any]:
    """A stage whose id is its own: `kind` says which settings it has."""
    return {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(table), "description": "The kind of stage."}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/stage-{kind}"},
            }
            for kind in table
        ],
    }


class _RecipeSchema(GenerateJsonSchema):
    """Pydantic's generator, taught what our validators take besides: text for counts, addresses for references."""

    def __init__(self, table: Mapping[str, Stage], catalogue: BuiltinCatalogue) -> None:
        super().__init__()
        self.table = table
        self.catalogue = catalogue
        self.addresses: dict[str, JsonSchemaValue] = {}
        """A definition for each sort of input that was met."""

    def function_before_schema(self, schema: BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        if schema["function"]["function"] is parse_count:
            return {"anyOf": [inner, {"type": "string", "pattern": COUNT_PATTERN}]}
        accepts = schema.get("metadata", {}).get("accepts")
        if accepts is None:
            return inner
        name = _address_name(accepts)
        self.addresses[name] = self.address(accepts)
        address = {"$ref": f"#/$defs/{name}"}
        return {"anyOf": [address, {"allOf": [inner, {"properties": {"path": address}}]}]}

    def address(self, accepts: Accepts) -> JsonSchemaValue:
        """The text that an input takes. Ids of stages of a fitting kind and builtins stand by name, for completion."""
        kinds = [kind for kind, stage in self.table.items() if issubclass(stage.output, accepts.types or ())]
        builtins = [f"builtin:{name}" for family, name in self.catalogue if family == accepts.builtins]
        forms: list[JsonSchemaValue] = []
        if kinds and "stage" in accepts.schemes:
            forms.append({"enum": kinds})
        if builtins and "builtin" in accepts.schemes:
            forms.append({"enum": builtins})
        forms += [{"pattern": pattern} for scheme, pattern in ADDRESS_PATTERNS.items() if scheme in accepts.schemes]
        return {"type": "string", "anyOf": forms}

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """A group of settings has no default of its own: its fields have."""
        default = schema.get("default")
        if isinstance(default, BaseModel) and not isinstance(default, Reference):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(_as_written(dft))

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        described = super().model_schema(schema)
        described.pop("title", None)
        return described

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Fields stay in the order of their declaration."""
        return _finished(value)


def _address_name(accepts: Accepts) -> str:
    """One name for inputs that take the same: `address-Model-hf-path-stage`."""
    taken = [*(kind.__name__ for kind in accepts.types), *filter(None, [accepts.builtins]), *sorted(accepts.schemes)]
    return "-".join(["address", *taken])


def _as_written(value: Any) -> Any:
    """A default as a recipe would write it: an address as text, a group by the fields that are not at their default."""
    if isinstance(value, Reference):
        parts = value.model_dump(exclude_defaults=True)
        return parts["path"] if list(parts) == ["path"] else parts
    if isinstance(value, BaseModel):
        return {name: _as_written(getattr(value, name)) for name in value.model_dump(exclude_defaults=True)}
    return [_as_written(item) for item in value] if isinstance(value, list | tuple) else value


_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""A bound that stands outside a validator of ours comes out under pydantic's name for it."""


def _finished(node: Any) -> Any:
    """The same schema, with descriptions on one line and all bounds in JSON Schema's words."""
    if isinstance(node, list):
        return [_finished(item) for item in node]
    if not isinstance(node, dict):
        return node
    finished: dict[str, Any] = {}
    for key, value in node.items():
        if key == "description" and isinstance(value, str):
            finished[key] = " ".join(value.split())
        elif "anyOf" in node and key in _BOUNDS:
            finished[_BOUNDS[key]] = value
        else:
            finished[key] = _finished(value)
    return finished
