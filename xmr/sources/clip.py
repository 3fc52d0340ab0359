"""Frozen CLIP: its source classes are texts, its class logits the scaled cosines of an image with each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.spaces import PixelInput, PixelSpace
from xmr.errors import Problem, RecipeError
from xmr.sources.hugging_face import BELOW, opened
from xmr.sources.vision import VisionSource, space_of
from xmr.sources.weights import Weights

TEMPLATES = ("a photo of a {}.",)


class Clip(VisionSource):
    """A CLIP model with texts for the target's classes, encoded once; K_S is the number of texts.

    For counted mappings a source class is a (text, class) pair; `text_mapping` averages the texts of each class.
    Source: CLIP, arXiv 2103.00020; texts for reprogramming: AttrVR, arXiv 2501.13982.

    Args:
        model: hub name (`openai/clip-vit-base-patch16`), a folder, or its name below XMR_MODELS.
        classes: the target's class names, put into every template.
        templates: sentences with `{}` where the class name belongs.
        texts: sentences for each class by name (describing and distinguishing ones), in addition to the templates.
        revision: commit or tag of a hub model; part of the program.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
    """

    def __init__(
        self,
        model: str,
        classes: list[str] | None = None,
        templates: list[str] | None = None,
        texts: dict[str, list[str]] | None = None,
        revision: str | None = None,
        weights: Weights = "pretrained",
    ) -> None:
        super().__init__()
        self.model_name, self.revision, self.weights = model, revision, weights
        self.classes_named, self.templates, self.texts = classes, templates, texts

    def sentences(self) -> list[tuple[str, str]]:
        """(class, text) pairs, class by class. Raises RecipeError if no class has a text."""
        names = list(dict.fromkeys([*(self.classes_named or []), *(self.texts or {})]))
        templates = self.templates if self.templates is not None else list(TEMPLATES if not self.texts else ())
        for template in templates:
            if "{}" not in template:
                raise RecipeError(Problem("source.templates", repr(template), "a sentence with {} for the class"))
        pairs = [
            (name, text)
            for name in names
            for text in [*(t.replace("{}", name) for t in templates), *((self.texts or {}).get(name) or [])]
        ]
        if not pairs:
            raise RecipeError(Problem("source.classes", "no class with a text", "class names, or texts for each class"))
        return pairs

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
            encoded = tokenizer([text for _, text in pairs], padding=True, truncation=True, return_tensors="pt")
            with torch.no_grad():
                pooled = model.eval().text_model(**encoded).pooler_output
                vectors = nn.functional.normalize(model.text_projection(pooled).float(), dim=1)
            return self.take(model, space, pairs, vectors)

    def take(self, model: Any, space: PixelSpace, pairs: list[tuple[str, str]], vectors: Tensor) -> Self:
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
        self.class_names = tuple(text for _, text in pairs)
        self.text_of = tuple(name for name, _ in pairs)
        return self.freeze()

    def run(self, pixels: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Normalized pixels -> unit image vectors (B, D')."""
        seen = self.body["tower"](pixel_values=pixels).pooler_output
        return nn.functional.normalize(self.body["projection"](seen).float(), dim=1), ()

    def features(self, inputs: PixelInput) -> Tensor:
        """(B, C, H, W) -> (B, D')."""
        return self.run(self.normalized(inputs))[0]
