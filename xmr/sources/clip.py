"""Frozen CLIP: its source classes are texts, its class logits the scaled cosines of an image with each of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Le
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.spaces import PixelInput, PixelSpace
from xmr.errors import Problem, RecipeError, reason
from xmr.sources.hugging_face import BELOW, opened
from xmr.sources.imagenet import IMAGENET_CLASSES
from xmr.sources.vision import VisionSource, space_of
from xmr.sources.weights import Weights

_TEXTS = TypeAdapter(dict[str, list[str]])
TEMPLATES = ("a photo of a {}.",)


class Clip(VisionSource):
    """A CLIP model with texts for the target's classes, encoded once; K_S is the number of texts.

    For counted mappings a source class is a (text, class) pair; `text_mapping` averages the texts of each class.
    Source: CLIP, arXiv 2103.00020; texts for reprogramming: AttrVR, arXiv 2501.13982.

    Args:
        model: hub name (`openai/clip-vit-base-patch16`), a folder, or its name below XMR_MODELS.
        classes: the target's class names, put into every template with blanks for underscores; `imagenet`: the 1,000
            names of ImageNet, as generic texts for `output: {name: ridge, reads: answers}` (SiM).
        templates: sentences with `{}` where the class name belongs.
        texts: sentences for each class by name, in addition to the templates.
        texts_files: a JSON file of sentences for each class by group, such as `{describing: a.json, distinguishing:
            b.json}`; a path, or a name below XMR_DATA.
        shortest: sentences of the files with fewer characters are dropped.
        most: sentences of the files per class and group, sampled with the recipe's seed.
        revision: commit or tag of a hub model; part of the program.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
    """

    def __init__(
        self,
        model: str,
        classes: list[str] | Literal["imagenet"] | None = None,
        templates: list[str] | None = None,
        texts: dict[str, list[str]] | None = None,
        texts_files: dict[str, str] | None = None,
        shortest: Annotated[int, Ge(0), Le(1000)] = 20,
        most: Annotated[int, Ge(1), Le(1000)] = 20,
        revision: str | None = None,
        weights: Weights = "pretrained",
    ) -> None:
        super().__init__()
        self.model_name, self.revision, self.weights = model, revision, weights
        self.classes_named = list(IMAGENET_CLASSES) if classes == "imagenet" else classes
        self.templates, self.texts = templates, texts
        self.texts_files, self.shortest, self.most = texts_files or {}, shortest, most

    def sentences(self) -> list[tuple[str, str, str]]:
        """(class, group, text), class by class. Raises RecipeError if no class has a text."""
        groups = {group: self._of_file(group, name) for group, name in self.texts_files.items()}
        stated = dict.fromkeys(name for texts in (self.texts or {}, *groups.values()) for name in texts)
        names = list(dict.fromkeys([*(self.classes_named or []), *stated]))
        templates = self.templates if self.templates is not None else list(() if stated else TEMPLATES)
        for template in templates:
            if "{}" not in template:
                raise RecipeError(Problem("source.templates", repr(template), "a sentence with {} for the class"))
        pairs = [
            (name, group, text)
            for name in names
            for group, texts in {
                "templates": [template.replace("{}", name.replace("_", " ")) for template in templates],
                "texts": (self.texts or {}).get(name) or [],
                **{group: of_class.get(name, []) for group, of_class in groups.items()},
            }.items()
            for text in texts
        ]
        if not pairs:
            raise RecipeError(Problem("source.classes", "no class with a text", "class names, or texts for each class"))
        return pairs

    def _of_file(self, group: str, name: str) -> dict[str, list[str]]:
        """The sentences of a group for each class: long enough ones, at most `most`, sampled with the seed."""
        place, expected = f"source.texts_files.{group}", "a JSON file of class: [sentence, ...]"
        places = Path(name), Path(os.environ.get("XMR_DATA", "")) / name
        path = next((path for path in places if path.is_file()), None)
        if path is None:
            raise RecipeError(Problem(place, f"{name}: no such file", expected))
        try:
            found = _TEXTS.validate_json(path.read_bytes())
        except ValueError as error:
            raise RecipeError(Problem(f"{place}: {path}", reason(error), expected)) from None
        rng = np.random.default_rng(self.seed)
        kept = {name: [text for text in texts if len(text) >= self.shortest] for name, texts in found.items()}
        return {
            name: [texts[i] for i in sorted(rng.permutation(len(texts))[: self.most])] for name, texts in kept.items()
        }

    def load(self, seed: int = 0) -> Self:
        """Load both towers, encode the texts, keep the image tower. Raises RecipeError if that fails."""
        self.seed = seed
        pairs = self.sentences()
        with opened(self.model_name, self.revision, f"CLIP in {BELOW}") as (checkpoint, config):
            tokenizer = checkpoint.tokenizer()
            if config.model_type != "clip" or tokenizer is None:
                found = f"a model of type {config.model_type}{'' if tokenizer else ' without a tokenizer'}"
                raise RecipeError(Problem("source.model", found, "clip, with its tokenizer (images alone: hf_image)"))
            space = space_of(checkpoint, config.vision_config, None)
            model = checkpoint.model("AutoModel", config, self.weights, seed)
            encoded = tokenizer([text for _, _, text in pairs], padding=True, truncation=True, return_tensors="pt")
            with torch.no_grad():
                pooled = model.eval().text_model(**encoded).pooler_output
                vectors = nn.functional.normalize(model.text_projection(pooled).float(), dim=1)
            return self.take(model, space, pairs, vectors)

    def take(self, model: Any, space: PixelSpace, pairs: list[tuple[str, str, str]], vectors: Tensor) -> Self:
        """Keep the image tower and its projection; the texts' unit vectors (K_S, D') become the classifier."""
        self.body = nn.ModuleDict({"tower": model.vision_model, "projection": model.visual_projection})
        self.head: nn.Linear = skip_init(nn.Linear, vectors.shape[1], len(vectors), bias=False)
        with torch.no_grad():
            self.head.weight.copy_(vectors * model.logit_scale.exp())
        self.space = space
        self.keep_normalization(space)
        self.hidden_width = self.own_width = vectors.shape[1]
        self._classes = len(vectors)
        self._folded = []
        self.class_names = tuple(text for _, _, text in pairs)
        self.text_of, self.group_of = tuple(name for name, _, _ in pairs), tuple(group for _, group, _ in pairs)
        return self.freeze()

    def run(self, pixels: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Normalized pixels -> unit image vectors (B, D')."""
        seen = self.body["tower"](pixel_values=pixels).pooler_output
        return nn.functional.normalize(self.body["projection"](seen).float(), dim=1), ()

    def features(self, inputs: PixelInput) -> Tensor:
        """(B, C, H, W) -> (B, D')."""
        return self.run(self.normalized(inputs))[0]
