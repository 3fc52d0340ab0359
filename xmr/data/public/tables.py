"""Public sets of tables: UCI files without a header, and tables inside scikit-learn."""

from __future__ import annotations

from functools import partial
from typing import Any

from xmr.data.public.dataset import Dataset
from xmr.data.public.uci import ADDRESS, plain_rows
from xmr.data.records import Records

_ADULT = (
    "age", "workclass", "weight", "education", "education years", "marital status", "occupation", "relationship",
    "race", "sex", "capital gain", "capital loss", "hours per week", "country", "income",
)  # fmt: skip
_GERMAN = (
    "checking account", "months", "credit history", "purpose", "amount", "savings", "employment", "rate", "status",
    "debtors", "residence", "property", "age", "plans", "housing", "credits", "job", "dependents", "telephone",
    "foreign", "risk",
)  # fmt: skip
_HORSE = (
    "surgery", "age", "hospital number", "temperature", "pulse", "respiratory rate", "extremities temperature",
    "peripheral pulse", "mucous membranes", "capillary refill", "pain", "peristalsis", "abdominal distension",
    "nasogastric tube", "nasogastric reflux", "reflux acidity", "rectal examination", "abdomen", "packed cell volume",
    "total protein", "abdominocentesis appearance", "abdominocentesis protein", "outcome", "surgical lesion",
    "lesion site", "lesion type", "lesion subtype", "pathology data",
)  # fmt: skip
_RECURRENCE = (
    "age", "menopause", "tumor size", "nodes", "node caps", "degree", "breast", "quadrant", "irradiation", "recurrence",
)  # fmt: skip


def _table(
    name: str,
    files: dict[str, str],
    official: dict[str, str],
    names: tuple[str, ...],
    *,
    columns: dict[str, str],
    label_first: bool = False,
    **more: Any,
) -> Dataset:
    """A table of UCI, the training part first. names: of the columns of its prepared rows."""
    return Dataset(
        name=name,
        domain="tables",
        licence="CC BY 4.0",
        main=next(iter(files)),
        columns={"names": names, **columns},
        files=files,
        official={f"{ADDRESS}/{address}": file for address, file in official.items()},
        rewrite=partial(plain_rows, fields=len(names), label_first=label_first),
        **more,
    )


def _inside_sklearn(chosen: Dataset) -> Records:
    from xmr.data.readers.tables import bundled

    return bundled(chosen.name.removeprefix("sklearn/"))


def _bunch(name: str, summary: str, task: str, cite: str) -> Dataset:
    """A table inside scikit-learn."""
    return Dataset(
        name=f"sklearn/{name}",
        domain="tables",
        summary=summary,
        task=task,
        licence="BSD-3-Clause",
        cite=cite,
        size="in the package",
        columns={"target": "target"},
        package="sklearn",
        read=_inside_sklearn,
    )


SETS = (
    _table(
        "adult",
        {
            "tabular/adult-train.csv": "f0d0c191f02659cf884c3fa4a5abcb3e08180adab0f2708a07f12699e8bb9b9e",
            "tabular/adult-test.csv": "06fa25ca4fc31be4b279ab7f58860bf99bb71655bb8e825867ed659627c7b7d9",
        },
        {"adult/adult.data": "adult-train.csv", "adult/adult.test": "adult-test.csv"},
        _ADULT,
        columns={"target": "income", "positive": ">50K", "test": "tabular/adult-test.csv"},
        summary="who earns more than 50,000 dollars, 32,561 + 16,281 people of the 1994 census",
        task="classification, 2 classes",
        cite="Kohavi 1996, UCI",
        size="6.0 MB",
    ),
    _table(
        "german",
        {"tabular/german.csv": "ec12a88b9fc14d74ba646ea0410cf7ff4533bec2eb61652f8ad76796bbfec017"},
        {"statlog/german/german.data": "german.csv"},
        _GERMAN,
        columns={"target": "risk", "positive": "2"},
        summary="good (1) and bad (2) credit risks, 1,000 people",
        task="classification, 2 classes",
        cite="Hofmann 1994, UCI",
        size="0.1 MB",
    ),
    _table(
        "horse_colic",
        {"tabular/horse-colic.csv": "98869cfe54024ae8a9d307496c305cfd3437c45d1178a36fb7d6d096dca636e9"},
        {"horse-colic/horse-colic.data": "horse-colic.csv"},
        _HORSE,
        columns={"target": "surgical lesion", "positive": "1"},
        summary="whether a horse's lesion was surgical (1) or not (2), 300 horses, 30 % of the cells missing",
        task="classification, 2 classes",
        cite="McLeish & Cecile 1989, UCI",
        size="25 kB",
    ),
    _table(
        "breast_cancer",
        {"tabular/breast-cancer.csv": ""},
        {"breast-cancer/breast-cancer.data": "breast-cancer.csv"},
        _RECURRENCE,
        columns={"target": "recurrence", "positive": "recurrence-events"},
        label_first=True,
        summary="whether breast cancer recurred, 286 patients, categories only",
        task="classification, 2 classes",
        cite="Zwitter & Soklic 1988, UCI",
        size="24 kB",
    ),
    _bunch(
        "wine",
        "three growers of wine by 13 chemical measures, 178 wines",
        "classification, 3 classes",
        "Forina 1991, UCI",
    ),
    _bunch(
        "breast_cancer",
        "benign or malignant by 30 measures of cells, 569 patients",
        "classification, 2 classes",
        "Wolberg 1995, UCI",
    ),
    _bunch(
        "diabetes",
        "progression of diabetes after a year by 10 measures, 442 patients",
        "regression",
        "Efron et al. 2004",
    ),
)
