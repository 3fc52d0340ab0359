"""Graphs in one file, as a third party writes it: kind of data, encoder, transform, metric, baseline and draft.

A graph is text: one letter per node, then its edges, e.g. "CCO;0-1,1-2".
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from xmr.baselines.base import Baseline, where
from xmr.baselines.registry import BASELINES
from xmr.commands.new.base import Draft
from xmr.commands.new.registry import DRAFTS
from xmr.core.kinds import Batch, EncodedSet, Spec
from xmr.core.kinds.base import spans
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.core.spaces import TokenInput
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.metrics.base import Metric
from xmr.metrics.registry import METRICS
from xmr.tasks.base import task_class
from xmr.transforms.base import Transform

GRAPH = re.compile(r"([A-Z]+);((?:\d+-\d+(?:,\d+-\d+)*)?)")


@dataclass(frozen=True)
class GraphSpec(Spec):
    """The letters of nodes; one more id stands for all others."""

    letters: tuple[str, ...]


@dataclass(frozen=True)
class GraphBatch(Batch):
    """nodes: (B, L) ids, right-padded; mask: (B, L), True at nodes; links: (B, L, L), one between neighbors."""

    nodes: Tensor
    mask: Tensor
    links: Tensor

    @property
    def token_mask(self):
        return self.mask

    def row(self, index):
        return self.nodes[index, : int(self.mask[index].sum())]

    def describe(self, spec):
        return f"graphs of {self.nodes.shape[1]} nodes at most, {len(spec.letters)} letters"

    def problems(self, spec):
        high = int(self.nodes.max())
        return [] if high <= len(spec.letters) else [f"node {high} of {len(spec.letters)} letters"]

    def patches(self, most=48):
        return spans(self.mask, most)

    def hide(self, patches, patch, spec):
        return replace(self, nodes=torch.where(patches == patch, len(spec.letters), self.nodes))

    def display(self, row, spec):
        return [(*spec.letters, "?")[node] for node in self.row(row).tolist()]


class GraphSet(EncodedSet):
    """Graphs, padded to the largest."""

    def __init__(self, nodes, links, lengths):
        self.nodes, self.links, self.lengths = torch.from_numpy(nodes), torch.from_numpy(links), lengths
        self.cost = self.width = lengths

    def __len__(self):
        return len(self.lengths)

    def batch(self, records):
        length = int(self.lengths[records].max())
        mask = torch.arange(length) < torch.from_numpy(self.lengths[records])[:, None]
        index = torch.from_numpy(np.asarray(records))
        return GraphBatch(self.nodes[index, :length], mask, self.links[index, :length, :length])


class GraphEncoder(Encoder):
    """Graphs written as letters of nodes and pairs of neighbors.

    Args:
        max_nodes: nodes of the largest graph.
    """

    emits, reads = "graph", "sequences"

    def __init__(self, max_nodes: int = 64) -> None:
        self.max_nodes, self.letters = max_nodes, ()

    @property
    def spec(self):
        return GraphSpec(self.letters)

    def _parse(self, text):
        letters, edges = GRAPH.fullmatch(text).groups()
        return letters, [tuple(map(int, edge.split("-"))) for edge in edges.split(",") if edge]

    def check(self, records, *, fitted=False):
        wrong = {}
        for index, text in enumerate(records.inputs):
            if not GRAPH.fullmatch(text):
                wrong[index] = f"found {text!r}; expected letters of nodes and edges, as in CCO;0-1,1-2"
            elif len(text.partition(";")[0]) > self.max_nodes:
                wrong[index] = f"found more than {self.max_nodes} nodes; expected at most as many (encoder.max_nodes)"
            elif max((end for edge in self._parse(text)[1] for end in edge), default=0) >= text.index(";"):
                wrong[index] = "found an edge to a node beyond the last; expected nodes counted from 0"
        return wrong

    def canonical(self, records):
        parsed = map(self._parse, records.inputs)
        return [f"{letters};{sorted({tuple(sorted(edge)) for edge in edges})}" for letters, edges in parsed]

    def fit(self, records):
        self.letters = tuple(sorted({letter for text in records.inputs for letter in self._parse(text)[0]}))
        return self

    def encode(self, records):
        self.require_valid(records)
        number = {letter: index for index, letter in enumerate(self.letters)}
        parsed = [self._parse(text) for text in records.inputs]
        lengths = np.array([len(letters) for letters, _ in parsed], dtype=np.int64)
        most = int(lengths.max(initial=1))
        nodes, links = np.zeros((len(parsed), most), np.int64), np.zeros((len(parsed), most, most), np.float32)
        for row, (letters, edges) in enumerate(parsed):
            nodes[row, : len(letters)] = [number.get(letter, len(number)) for letter in letters]
            for a, b in edges:
                links[row, a, b] = links[row, b, a] = 1.0
        return GraphSet(nodes, links, lengths)

    def state(self):
        return {"letters": list(self.letters)}

    def restore(self, state):
        self.letters = tuple(state["letters"])
        return self

    def example(self, n, seed, task="classification"):
        """Random trees; a third edge at the first node closes a ring in half of them."""
        rng = np.random.default_rng(seed)
        texts, rings = [], []
        for number in range(n):
            nodes = int(rng.integers(5, 10))
            edges = [f"{int(rng.integers(node))}-{node}" for node in range(1, nodes)]
            letters = "".join(rng.choice(list("NO" if number % 2 else "CNO"), size=nodes))
            texts.append(f"{letters};{','.join(edges)}")
            rings.append(bool(number % 2))
        scores = [float(text.count("C")) for text in texts]
        return Records.of(texts, task_class(task).example_labels(scores, rings, [t.partition(";")[0] for t in texts]))


class NeighborTokens(Transform):
    """One token per node: a free vector of its letter plus a learned part of its neighbors' mean.

    Args:
        share: initial part of the neighbors.
    """

    takes, space = "graph", "token"

    def __init__(self, share: float = 0.5) -> None:
        super().__init__()
        self.start = share

    def build(self, spec, space, generator):
        self.weight = nn.Parameter(0.1 * torch.randn(len(spec.letters) + 1, space.width, generator=generator))
        self.share = nn.Parameter(torch.tensor(self.start))
        return self

    def forward(self, encoded):
        own = self.weight[encoded.nodes]
        degree = encoded.links.sum(dim=2, keepdim=True).clamp(min=1)
        near = encoded.links.to(own.dtype) @ own / degree
        return TokenInput(own + self.share * near, encoded.mask, 0, own.shape[1])


def error_rate(found):
    """Fraction of records predicted wrong."""
    return float((found.probability.argmax(axis=1) != found.label).mean())


def degree_counts(data):
    """Logistic regression on the number of nodes of each letter and of each degree."""

    def features(graphs):
        batch = graphs.batch(np.arange(len(graphs)))
        counts = [Counter(row.tolist()) for row in torch.where(batch.mask, batch.nodes, -1)]
        degrees = torch.where(batch.mask, batch.links.sum(dim=2), -1)
        letters = [[count[letter] for letter in range(len(data.spec.letters))] for count in counts]
        return np.hstack([letters, *((degrees == degree).sum(dim=1, keepdim=True).numpy() for degree in range(1, 4))])

    model = LogisticRegression().fit(features(data.sets["train"]), data.targets["train"])
    return model.predict_proba(features(data.sets["test"]))


def draft(sample):
    """A recipe for a file of graphs."""
    body = {
        "task": sample.task.name,
        "seed": 0,
        "data": {**sample.sequences(), "split": sample.split()},
        "encoder": {"name": "graph"},
        "source": {"name": "identity"},
        "transform": {"name": "neighbor_tokens"},
        "output": {"name": "linear"},
        "training": {"epochs": 4, "learning_rate": 0.01},
        "baselines": ["majority", "degree_counts"],
    }
    return Draft(body, [sample.found("graphs")])


ERROR_RATE = Metric("error_rate", "fraction of records predicted wrong", error_rate, ("classification",), False)
DEGREE_COUNTS = Baseline("degree_counts", "linear on letters and degrees", where(emits="graph"), degree_counts)

ENCODERS.add("graph", GraphEncoder, "graphs of letters", emits="graph")
TRANSFORMS.add("neighbor_tokens", NeighborTokens, "nodes with their neighbors", takes="graph", space="token")
METRICS.add(ERROR_RATE)
BASELINES.add(DEGREE_COUNTS)
DRAFTS.add("graph", draft, "graphs")
