"""Names that version 0.1 used and what they are called now.

A recipe with an old name gets an error that states the new one; a program folder of format 1 is translated when it is
read. Nothing else knows an old name.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

COMPONENTS: dict[str, dict[str, str]] = {
    "encoder": {},
    "transform": {
        "signal_picture": "signal_image",
        "wave_program": "wave_pattern",
        "sample_masks": "sample_specific_masks",
        "context_remap": "token_remap",
    },
    "source": {
        "language": "hf_text",
        "vision": "hf_image",
        "speech": "hf_audio",
        "log_mel": "hf_spectrogram",
        "none": "identity",
        "cepstra": "mfcc",
    },
    "output": {"per_residue": "per_position"},
}

# Section -> old field -> new field. A field that only one component renames carries its (new) name: "watermark.start".
FIELDS: dict[str, dict[str, str]] = {
    "data": {
        "set": "split_column",
        "skip": "ignore_columns",
        "longest": "max_length",
        "contradictions": "conflicting_labels",
        "on_bad": "on_error",
        "group": "group_column",
        "residue_labels": "labels_path",
        "residue_mask": "mask_path",
    },
    "data.split": {"labels": "n_labelled", "group": "held_out_group"},
    "encoder": {
        "protein.columns": "aligned",
        "elsewhere": "fixed_columns",
        "substitute": "substitution_rate",
        "hop": "overlap",
        "normalise": "normalize",
        "level": "normalize",
        "place": "align",
        "trim": "trim_silence",
        "look_back": "context_length",
        "every": "stride",
        "step": "stride",
        "fit": "resize",
        "most_categories": "max_categories",
        "most_words": "max_text_tokens",
        "beyond": "rare",
        "unseen": "unknown",
        "lower": "lowercase",
    },
    "transform": {
        "words": "init_tokens",
        "words_per_symbol": "tokens_per_symbol",
        "settle": "freeze_support_after",
        "spread": "init_std",
        "room": "units",
        "mask_rate": "mask_lr_scale",
        "contrast": "value_range",
        "drawings": "encodings",
        "segment": "segment_width",
        "share": "tile_fraction",
        "wave_pattern.place": "layout",
        "convex_vocabulary_map.start": "init_weight",
        "watermark.start": "init",
        "token_remap.words": "n_tokens",
    },
    "source": {
        "taps": "feature_layers",
        "text": "prompt_text",
        "samples": "n_samples",
        "stand_ins": "n_classes",
    },
    "output": {"min_rows": "min_fit_rows"},
    "training": {"clip": "max_grad_norm", "output_rate": "output_lr_scale"},
}

# "section.field" under its new name -> old value -> new value. "task" is a field of the recipe itself.
VALUES: dict[str, dict[str, str]] = {
    "task": {"residue_classification": "sequence_labeling"},
    "data.split.by": {"column": "predefined"},
    "encoder.length": {"trim": "truncate"},
    "encoder.align": {"centre": "center"},
    "transform.init": {
        "random_words": "random_tokens",
        "own_words": "own_tokens",
        "similar_words": "similar_tokens",
        "words": "given_tokens",
    },
    "transform.layout": {"centre": "center"},
    "transform.units": {"normalised": "normalized"},
    "transform.value_range": {"record": "per_sample"},
    "training.schedule": {"steps": "multistep"},
}

# Fields whose value changed its meaning with the name: a hop of a quarter is an overlap of three quarters.
_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "hop": lambda hop: round(1.0 - float(hop), 12),
    "columns": lambda columns: columns == "variable",
}


def new_component(section: str, name: str) -> str:
    """What the component that was called `name` is called now; an unknown name is returned as it is."""
    return COMPONENTS.get(section, {}).get(name, name)


def new_field(section: str, field: str, component: str | None = None) -> str | None:
    """The new name of a field of `section` (of `component`, under its new name), or None if it was not renamed."""
    names = FIELDS.get(section, {})
    return names.get(f"{component}.{field}", names.get(field))


def new_value(field: str, value: Any) -> Any:
    """The new spelling of a value; `field` is the full new name, e.g. "data.split.by". Others stay as they are."""
    values = VALUES.get(field, {})
    if isinstance(value, list):
        return [new_value(field, one) for one in value]
    return values.get(value, value) if isinstance(value, str) else value


def field_notice(
    section: str, field: str, value: Any, known: Container[str], component: str | None = None
) -> str | None:
    """What to write instead of a field that was renamed to one of the `known` ones; None for any other field."""
    new = new_field(section, field, component)
    if new is None or new not in known:
        return None
    converted = ""
    if field in _CONVERTED and isinstance(value, str | int | float):
        converted = f": {str(_CONVERTED[field](value)).lower()}"
    return f"`{section}.{field}` is now `{section}.{new}{converted}`"


def value_notice(field: str, value: Any) -> str | None:
    """What to write instead of a value of `field` that was renamed; None for any other value."""
    new = new_value(field, value)
    return None if new == value else f"`{field}: {value}` is now `{field}: {new}`"


def translate(kind: str, section: dict[str, Any], known: Container[str]) -> dict[str, Any]:
    """A component's section as 0.1 wrote it, in today's names; `known`: the fields that the component has today."""
    component = new_component(kind, section["name"])
    translated: dict[str, Any] = {"name": component}
    for field, value in section.items():
        if field == "name":
            continue
        new = None if field in known else new_field(kind, field, component)
        if new and field in _CONVERTED:
            value = _CONVERTED[field](value)
        translated[new or field] = new_value(f"{kind}.{new or field}", value)
    return translated
