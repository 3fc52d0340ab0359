"""The user's files as a `Sample`: read by what he states, with a guess for the rest, each with its reason."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.new.base import Asked, Sample
from xmr.commands.new.columns import guess_columns
from xmr.commands.new.guess import guess_task
from xmr.commands.new.labels import guess_pattern, guess_separator
from xmr.core.component import create
from xmr.core.registry import ENCODERS, TASKS
from xmr.data.columns import Columns
from xmr.data.mutations import fitting_offsets, whole_sequences
from xmr.data.pattern import apply_pattern
from xmr.data.readers.fasta import names_a_file
from xmr.data.readers.lines import are_documents
from xmr.data.readers.numbers import is_labelled
from xmr.data.readers.parts import parts_and_classes
from xmr.data.readers.read import files_of, one_column_each, read_all, wild_type_of
from xmr.data.readers.residues import join_lines, join_residues
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem
from xmr.tasks.base import Task
from xmr.tasks.classification import Classification
from xmr.tasks.multilabel import Multilabel

ALPHABETS = {"protein": "ACDEFGHIKLMNPQRSTVWYBZJXUO", "dna": "ACGTUN"}
OTHER = {"protein": "dna", "dna": "protein"}
MOST_RESIDUE_CLASSES = 10
ALIKE = 0.95  # fraction of sequences with the letters of the other domain that makes a file one of that domain


@dataclass
class Reading:
    """How the user's files are read. rules: fields of the section `data` that were guessed; why: what they rest on.

    given: records in memory, in place of files.
    """

    domain: str
    paths: tuple[Path, ...]
    recipe: Path
    asked: Asked
    rules: dict[str, Any] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)
    skipped: Skipped = field(default_factory=Skipped)
    given: Records | None = None

    def sample(self) -> Sample:
        """The usable records, and what they are. Raises DataError."""
        encoder = create(ENCODERS, {"name": self.domain, **ENCODERS.get(self.domain).drafting})
        columns, records = self._records(encoder.reads) if self.given is None else (Columns(), self.given)
        _check_domain(self.domain, records, self.paths[0])
        symbols = encoder.emits == "symbols"
        if fields := encoder.fields_for(records.inputs) if symbols else {}:
            encoder = create(ENCODERS, {"name": self.domain, **fields})
        encoder.configure(512)
        records = self._without(records, encoder.check(records))
        if len(records.labels) == 1:  # of several, an empty one may be a label that is not known
            name, labels = next(iter(records.labels.items()))
            unlabelled = [index for index, label in enumerate(labels) if not is_labelled(label) and any(labels)]
            records = self._without(records, dict.fromkeys(unlabelled, f"found no label in {name!r}; expected one"))
        if not len(records):
            raise DataError(Problem(str(self.paths[0]), "no usable record", "at least a few"))
        texts = encoder.canonical(records) if symbols else []
        names = tuple(records.labels)
        task, why = self._task(records, texts)
        if len(labelled := self._without(records, task.check_labels(records))) < len(records):
            records, texts = labelled, encoder.canonical(labelled) if symbols else []
        if any(len({*labels}) > 1 for labels in records.labels.values()):  # of one class, the draft says so
            task.check_split(records, np.arange(len(records)))
        return Sample(
            domain=self.domain,
            encoder=encoder,
            records=records,
            paths=self.paths,
            recipe=self.recipe,
            column=columns.input,
            target=columns.target,
            labels=names,
            task=task,
            why=why,
            asked=self.asked,
            texts=texts,
            fields=fields,
            rules=self.rules,
            ignored=columns.skip,
        )

    def _task(self, records: Records, texts: list[str]) -> tuple[type[Task], str]:
        """The task, as asked or as the labels suggest, and why. Cells of several labels become a column for each."""
        first = self.paths[0]
        archived = self.domain == "series" and (first.is_dir() or first.suffix in (".ts", ".arff", ".zip"))
        stated = None if self.asked.task is None else TASKS.get(self.asked.task, "--task")
        task, why = guess_task(records, texts if self.domain in ALPHABETS else [], archived)
        several = stated is Multilabel or (stated is None and task is Classification)
        mark = guess_separator(next(iter(records.labels.values()))) if several and len(records.labels) == 1 else None
        if mark is not None:
            self.rules["label_separator"] = mark
            records.labels = one_column_each(records.labels, mark)
            return Multilabel, f"{len(records.labels)} labels, several in one cell between {mark}"
        return (task, why) if stated is None else (stated, "as asked")

    def _without(self, records: Records, wrong: dict[int, str]) -> Records:
        return without_bad(records, wrong, self.asked.on_error, self.skipped)

    def _records(self, reads: str) -> tuple[Columns, Records]:
        """The columns as they are named or guessed, and all records, with the rules that were guessed applied."""
        asked = self.asked
        residues = _label_files(self.paths) if reads == "sequences" else {}
        if residues:
            self.paths = self.paths[:1]
        source = self.paths[0] if len(self.paths) == 1 else self.paths
        files = files_of(source, reads)
        classes = parts_and_classes(files.names)[1] if files else []
        if files and self.paths[0].is_dir() and are_documents(files.home, files.names, Columns()):
            self.rules["documents"] = True
            self.why.append("each file is one text, because a folder holds several (or a line: data.documents=false)")
        columns = Columns(
            asked.input,
            asked.target,
            asked.id,
            need_target="{label}" not in (asked.pattern or "") and not classes and not residues,
            time=asked.time,
            reads=reads,
            group=asked.group,
            skip=asked.ignore,
            pattern=asked.pattern,
            time_step=asked.time_step,
            documents="documents" in self.rules,
        )
        looked_at = files.home / files.names[0] if files else self.paths[0]
        mutations = asked.wild_type is not None
        guessed = guess_columns(looked_at, columns, self.domain, mutations)
        self.why.extend(guessed.why)
        self.asked = replace(asked, id=guessed.columns.id)
        if guessed.columns.names:
            self.rules |= {"header": False, "names": list(guessed.columns.names)}
        records = read_all(source, guessed.columns, asked.on_error, self.skipped)
        if residues:
            self.rules |= {name: os.path.relpath(path, self.recipe.parent) for name, path in residues.items()}
            mask, labels = residues.get("mask_path"), residues["labels_path"]
            if mask is None and not names_a_file(labels.name):
                records = join_lines(records, labels)
            else:
                records = join_residues(records, labels, mask, asked.on_error, self.skipped)
        elif records.title and asked.pattern is None and not any(map(any, records.labels.values())):
            records = self._labels_in_headers(records)
        if mutations:
            records = self._sequences(records)
        return guessed.columns, records

    def _labels_in_headers(self, records: Records) -> Records:
        """Records without labels, with those in their FASTA headers where these can be told."""
        if (pattern := guess_pattern(records.title)) is None:
            return records
        self.rules["pattern"] = pattern
        self.why.append(f"labels in the headers: {pattern} (--pattern)")
        return self._without(records, apply_pattern(records, pattern))

    def _sequences(self, records: Records) -> Records:
        """Lists of mutations as sequences, at the offset that is stated or the only one that all of them fit."""
        stated, offset = self.asked.wild_type, self.asked.offset
        wild_type = wild_type_of(stated)
        assert stated is not None
        assert wild_type is not None
        fitting = fitting_offsets(records.inputs, wild_type) if offset is None else []
        if 0 not in fitting and len(fitting) == 1:
            offset = fitting[0]
            self.why.append(f"offset {offset}: the only one at which all mutations fit the wild type (--offset)")
        named = names_a_file(stated)
        self.rules["wild_type"] = os.path.relpath(stated, self.recipe.parent) if named else stated
        if offset:
            self.rules["offset"] = offset
        return self._without(records, whole_sequences(records, wild_type, offset or 0))


def _label_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Of a FASTA file and one or two more: the second, labels, and the third, the mask of labels of residues.

    Text files have a line for each record. FASTA files have the same ids and lengths, and labels are of few letters:
    peptides of two classes may also have the same ids and lengths.
    """
    if not 2 <= len(paths) <= 3 or not all(path.is_file() for path in paths) or not names_a_file(paths[0].name):
        return {}
    found = dict(zip(("labels_path", "mask_path"), paths[1:]))
    if all(path.suffix.lower() == ".txt" for path in paths[1:]):
        return found
    if not all(names_a_file(path.name) for path in paths):
        return {}
    parts = [read_all(path, Columns(need_target=False), "fail", Skipped()) for path in paths]
    lengths = [dict(zip(part.ids, map(len, part.inputs))) for part in parts]
    letters = set("".join(parts[1].inputs))
    if any(other != lengths[0] for other in lengths[1:]) or len(letters) > MOST_RESIDUE_CLASSES:
        return {}
    return found


def _check_domain(domain: str, records: Records, source: Path) -> None:
    """Nucleotides for proteins, and the reverse, are one message instead of one for every record."""
    if domain not in ALPHABETS:
        return
    nucleotides, residues = (re.compile(f"[{ALPHABETS[name]}*.\\s-]*", re.IGNORECASE) for name in ("dna", "protein"))
    inputs = records.inputs
    only_nucleotides = sum(bool(nucleotides.fullmatch(text)) and len(text) > 7 for text in inputs)
    proteins = sum(bool(residues.fullmatch(text)) and not nucleotides.fullmatch(text) for text in inputs)
    alike = only_nucleotides if domain == "protein" else proteins
    if inputs and alike > ALIKE * len(inputs):
        found = "sequences of A, C, G and T alone" if domain == "protein" else "letters of amino acids"
        other = OTHER[domain]
        raise DataError(Problem(str(source), found, f"{domain} sequences (xmr new {other} {source.name} reads them)"))
