"""Train, validation and test splits: random, by similarity or mutations of sequences, predefined, by group or fold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold, train_test_split

from xmr.errors import DataError, Problem, RecipeError, nearest

SIZE = 0.25  # relative difference of the size of a part that is reported
SLACK = 0.02  # fraction of a balanced split by which a class may exceed its share


@dataclass(frozen=True)
class Split:
    """Record indices of the three splits. how: a description for the report."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str


def amount(size: float, n: int) -> int:
    """A fraction of n (below 1), or a number of records, as a number of records."""
    return round(size * n) if size < 1 else int(size)


def random_split(
    strata: np.ndarray | None, n: int, test: float, validation: float, labels: int | None, seed: int
) -> Split:
    """Sample the test set first, then at most `labels` labelled records for training and validation together.

    strata: (n,) class of each record, for stratified sampling, or None. test and validation: a fraction (< 1) or a
    number; a fraction for validation is taken from the records that remain after the test set.
    """
    everything = np.arange(n)
    rest, test_index = _sample(everything, amount(test, n), strata, seed)
    if labels is not None:
        if labels > len(rest):
            raise DataError(
                Problem("data.split.n_labelled", f"{len(rest)} records outside the test set", f"at least {labels}")
            )
        _, rest = _sample(rest, labels, strata, seed + 1)
    train, validation_index = _sample(rest, amount(validation, len(rest)), strata, seed + 2)
    budget = "" if labels is None else f", {labels} labels in all for training and validation"
    return Split(
        train,
        validation_index,
        test_index,
        f"random{' stratified' if strata is not None else ''} (seed {seed}{budget})",
    )


def few_shot(split: Split, strata: np.ndarray | None, shots: int, seed: int) -> Split:
    """The same split with `shots` training records of every class. Raises DataError where a class has fewer."""
    if strata is None:
        raise DataError(Problem("data.split.shots", "a task without classes", "data.split.n_labelled"))
    order = np.random.default_rng(seed).permutation(split.train)
    taken = [order[strata[order] == one][:shots] for one in np.unique(strata)]
    if short := min(map(len, taken)) < shots and min(map(len, taken)):
        raise DataError(Problem("data.split.shots", f"a class of {short} training records", f"at least {shots}"))
    return replace(split, train=np.sort(np.concatenate(taken)), how=f"{split.how}; {shots} training records per class")


def limited(split: Split, labels: int | None, strata: np.ndarray | None, seed: int) -> Split:
    """The same split with at most `labels` records in training and validation together, in the same proportion."""
    if labels is None:
        return split
    sizes = len(split.train), len(split.validation)
    if labels > sum(sizes):
        found = f"{sum(sizes)} records outside the test set"
        raise DataError(Problem("data.split.n_labelled", found, f"at least {labels}"))
    n_validation = round(labels * sizes[1] / sum(sizes))
    train = _sample(split.train, labels - n_validation, strata, seed + 1)[1]
    validation = _sample(split.validation, n_validation, strata, seed + 2)[1]
    return Split(train, validation, split.test, f"{split.how}, {labels} labels in all for training and validation")


def _sample(index: np.ndarray, count: int, strata: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split `index` into (the rest, a sample of `count`), stratified if every stratum has enough records."""
    if count <= 0:
        return index, index[:0]
    if count >= len(index):
        return index[:0], index
    by = None
    if strata is not None:
        sizes = np.bincount(strata[index])
        sizes = sizes[sizes > 0]
        if sizes.min() >= 2 and min(count, len(index) - count) >= len(sizes):
            by = strata[index]
    left, right = train_test_split(index, test_size=count, stratify=by, random_state=seed)
    return np.sort(left), np.sort(right)


def cluster_split(
    clusters: np.ndarray, strata: np.ndarray | None, test: float, validation: float, seed: int, found: str
) -> Split:
    """Assign whole clusters (n,) to one split each, so that near-duplicates are never in two splits.

    Clusters are assigned in random order until the test and validation sets have their size; a cluster that is larger
    than the remaining size stays in training. strata: (n,) classes whose fractions are kept: then the same holds for
    the records of each class, with a slack of two percent of the split or one record, unless no cluster fits then.
    found: what the clusters are, for the description.
    """
    n = len(clusters)
    _, clusters, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    classes = np.zeros(n, dtype=np.int64) if strata is None else strata
    counts = np.zeros((len(sizes), classes.max() + 1))
    np.add.at(counts, (clusters, classes), 1)
    rng = np.random.default_rng(seed)
    role_of = np.zeros(len(sizes), dtype=np.int8)  # 0 train, 1 validation, 2 test
    wanted = amount(test, n)
    need = {2: wanted, 1: amount(validation, n - wanted)}
    asked = dict(need)
    # A class may always have one record: in small parts and of rare classes, its fraction with the slack is less.
    lacking = {r: np.maximum(1, size / n * counts.sum(axis=0) + SLACK * size + 0.5) for r, size in need.items()}
    for cluster in rng.permutation(len(sizes)):
        for role in (2, 1):
            balanced = strata is None or (counts[cluster] <= lacking[role]).all()
            if sizes[cluster] <= need[role] and balanced:
                role_of[cluster] = role
                need[role] -= sizes[cluster]
                lacking[role] -= counts[cluster]
                break
    roles = role_of[clusters]
    what, found = found, f"{len(sizes)} clusters by {found}, the largest of {sizes.max()}, seed {seed}"
    train, validation_index, test_index = (np.flatnonzero(roles == role) for role in (0, 1, 2))
    if not len(train) or (need[2] == wanted and wanted):
        if (
            strata is not None
        ):  # clusters of one class each, perhaps: better a skewed test part, which is said, than none
            return cluster_split(clusters, None, test, validation, seed, what)
        raise DataError(
            Problem(
                "data.split",
                f"{found}: no cluster fits into the test set",
                "smaller clusters (raise data.split.similarity)",
            )
        )
    said = other_size("validation", len(validation_index), asked[1])
    return Split(train, validation_index, test_index, f"by cluster ({found})" + (f"; {said}" if said else ""))


def other_size(part: str, found: int, wanted: int) -> str:
    """The sentence about a part whose size differs from what was asked for; nothing where it is close."""
    if abs(found - wanted) <= max(1, SIZE * wanted):
        return ""
    return f"the {part} part has {found:,} records where {wanted:,} were asked for"


def variant_split(
    sequences: Sequence[str], by: str, strata: np.ndarray | None, test: float, validation: float, seed: int
) -> Split:
    """Variants of one protein: tested at positions, or at numbers of mutations, that training does not have.

    sequences: of one length; their most frequent residue at each position counts as unchanged. by: `position` samples
    positions until the variants changed at one of them are the test part's size or more; `mutations` tests the variants
    with the most mutations, down to the number that comes nearest to the size. Validation is sampled from the others.
    Raises DataError for sequences of several lengths, and where one part would be empty.
    """
    if len({*map(len, sequences)}) != 1:
        found = f"sequences of {min(map(len, sequences))} to {max(map(len, sequences))} residues"
        raise DataError(Problem(f"data.split.by: {by}", found, "variants of one length"))
    letters = np.frombuffer("".join(sequences).encode("latin-1", "replace"), np.uint8).reshape(len(sequences), -1)
    usual = np.array([np.bincount(column).argmax() for column in letters.T], np.uint8)
    changed = letters != usual
    wanted = amount(test, len(sequences))
    if by == "mutations":
        counts = changed.sum(axis=1)
        most = min(np.unique(counts)[:-1], key=lambda n: abs(int((counts > n).sum()) - wanted), default=counts.max())
        held, how = counts > most, f"{most + 1} or more mutations are tested"
    else:
        held, chosen = np.zeros(len(sequences), dtype=bool), 0
        for place in np.random.default_rng(seed).permutation(np.flatnonzero(changed.any(axis=0))):
            if held.sum() >= wanted:
                break
            held, chosen = held | changed[:, place], chosen + 1
        how = f"changes at {chosen} positions are tested, at {int(changed.any(axis=0).sum()) - chosen} learned"
    if held.all() or not held.any():
        found = f"variants that cannot be parted by {by}"
        raise DataError(Problem(f"data.split.by: {by}", found, "random, or another data.split.test"))
    rest = np.flatnonzero(~held)
    train, validation_index = _sample(rest, amount(validation, len(rest)), strata, seed + 2)
    return Split(train, validation_index, np.flatnonzero(held), f"by {by} (seed {seed}): {how}")


def scaffold_split(scaffolds: Sequence[str], test: float, validation: float) -> Split:
    """Whole scaffolds in one part each: the most frequent ones train, then validation, the rest is the test set.

    The rule of DeepChem (MoleculeNet, arXiv 1703.00564): scaffolds in descending order of their size, then of their
    first record; each goes to the first part that it fits into. There is no seed.
    """
    names, first, group, sizes = np.unique(
        np.array(scaffolds, dtype=str), return_index=True, return_inverse=True, return_counts=True
    )
    n = len(scaffolds)
    wanted = amount(test, n)
    room = [n - wanted - amount(validation, n - wanted), n - wanted]  # up to training's end, up to validation's
    role_of, held = np.full(len(names), 2), [0, 0]
    for number in np.lexsort((first, sizes))[::-1]:
        if held[0] + sizes[number] <= room[0]:
            role_of[number] = 0
            held[0] += sizes[number]
        elif held[0] + held[1] + sizes[number] <= room[1]:
            role_of[number] = 1
            held[1] += sizes[number]
    roles = role_of[group]
    train, validation_index, test_index = (np.flatnonzero(roles == role) for role in range(3))
    found = f"{len(names)} scaffolds, the largest of {sizes.max()}"
    return Split(train, validation_index, test_index, f"by scaffold ({found})")


def predefined_split(
    role: Sequence[str], strata: np.ndarray | None, validation: float, labels: int | None, seed: int
) -> Split:
    """The splits that the file names; without a validation set, one is sampled from the training set."""
    roles = np.array(role)
    train, validation_index, test_index = (np.flatnonzero(roles == name) for name in ("train", "validation", "test"))
    if not len(train) or not len(test_index):
        raise DataError(
            Problem(
                "data.split.by: predefined",
                f"{len(train)} train and {len(test_index)} test records",
                "a set column (or SET= field) with both",
            )
        )
    note = "predefined in the file"
    if unnamed := len(roles) - len(train) - len(validation_index) - len(test_index):
        note += f", {unnamed} records without a split are not used"
    if labels is not None:
        if labels > len(train):
            raise DataError(Problem("data.split.n_labelled", f"{len(train)} training records", f"at least {labels}"))
        train = _sample(train, labels, strata, seed + 1)[1]
        note += f", {labels} of its training records (seed {seed})"
    if not len(validation_index) and validation:
        train, validation_index = _sample(train, amount(validation, len(train)), strata, seed)
        note += f", validation sampled from train (seed {seed})"
    return Split(train, validation_index, test_index, note)


def group_split(
    group: Sequence[str],
    test_group: str | None,
    strata: np.ndarray | None,
    validation: float,
    labels: int | None,
    seed: int,
) -> Split:
    """One group is the test set; validation is sampled from the others, stratified by class and group.

    labels: total number of records for training and validation, stratified likewise.
    """
    groups = sorted(set(group))
    if test_group not in groups:
        found = "no group named" if test_group is None else repr(test_group)
        raise DataError(
            Problem(
                "data.split.held_out_group",
                found,
                f"one of {', '.join(groups[:12])}",
                nearest(test_group or "", groups),
            )
        )
    names = np.array(group)
    classes = np.zeros(len(names), np.int64) if strata is None else strata
    both = np.unique(np.stack([classes, np.searchsorted(groups, names)]), axis=1, return_inverse=True)[1].ravel()
    test_index, rest = np.flatnonzero(names == test_group), np.flatnonzero(names != test_group)
    if labels is not None:
        if labels > len(rest):
            raise DataError(
                Problem("data.split.n_labelled", f"{len(rest)} records of the other groups", f"at least {labels}")
            )
        rest = _sample(rest, labels, _finest(both, strata, rest, labels), seed + 1)[1]
    count = amount(validation, len(rest))
    train, validation_index = _sample(rest, count, _finest(both, strata, rest, count), seed + 2)
    return Split(train, validation_index, test_index, f"{test_group} held out of {len(groups)} groups (seed {seed})")


def _finest(both: np.ndarray, strata: np.ndarray | None, index: np.ndarray, count: int) -> np.ndarray | None:
    """Class and group together if a sample of `count` can contain one of each, otherwise the class alone."""
    return both if count >= len(np.unique(both[index])) else strata


def fold_split(
    strata: np.ndarray | None,
    n: int,
    folds: int,
    fold: int,
    validation: float,
    seed: int,
    groups: np.ndarray | None = None,
) -> Split:
    """Fold `fold` of `folds` is the test set; validation is sampled from the others.

    groups: (n,) numbers of what stays in one fold, and in one of training and validation. Raises RecipeError for fewer
    groups than folds.
    """
    if not 0 <= fold < folds:
        raise RecipeError(Problem("data.split.fold", str(fold), f"0 to {folds - 1} (data.split.folds is {folds})"))
    if groups is not None:
        if (held := len(np.unique(groups))) < folds:
            raise RecipeError(Problem("data.split.folds", f"{folds} of {held} groups", f"at most {held}"))
        rest, test_index = _grouped(np.arange(n), strata, groups, folds, seed)[fold]
        count = amount(validation, len(rest))
        parts = min(max(2, round(len(rest) / count)), len(np.unique(groups[rest]))) if count else 0
        train, validation_index = _grouped(rest, strata, groups, parts, seed + 2)[0] if parts > 1 else (rest, rest[:0])
        return Split(train, validation_index, test_index, f"fold {fold} of {folds} (seed {seed}) of {held} groups")
    by = strata if strata is not None else np.zeros(n, dtype=int)
    counts = np.bincount(by)
    if strata is not None and counts[counts > 0].min() < folds:
        by = np.zeros(n, dtype=int)
    splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(np.zeros(n), by))
    rest, test_index = splits[fold]
    train, validation_index = _sample(rest, amount(validation, len(rest)), strata, seed + 2)
    return Split(train, validation_index, test_index, f"fold {fold} of {folds} (seed {seed})")


def _grouped(
    index: np.ndarray, strata: np.ndarray | None, groups: np.ndarray, folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds of whole groups among the records at `index`: (the rest, the fold) each; with classes, stratified."""
    y = np.zeros(len(index), dtype=int) if strata is None else strata[index]
    kind = GroupKFold if strata is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of fewer records than folds
        parts = kind(folds, shuffle=True, random_state=seed).split(y, y, groups[index])
        return [(index[rest], index[fold]) for rest, fold in parts]
