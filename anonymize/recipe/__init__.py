"""The recipe: what to do with a table, as frozen typed values; JSON in, JSON out.

A recipe names every column that may leave, with its role, and the stages to run. A column that it does not name is
dropped. Budgets are exact decimals; numbers that are not finite and positive are refused by checks in the positive
form, so that ``nan`` cannot slip through a comparison.
"""

from anonymize.recipe.aggregates import OF_A_GRID, RANK, Bucket, DpTable, GroupBy, Measure, Period, PrivacyUnit, Top
from anonymize.recipe.appending import Append
from anonymize.recipe.columns import Column, Role
from anonymize.recipe.document import Recipe
from anonymize.recipe.hierarchies import (
    DRAWN_FROM_DATA,
    CountsHierarchy,
    DateHierarchy,
    DateLevel,
    FileHierarchy,
    H3Hierarchy,
    Hierarchy,
    IntervalHierarchy,
    PlaceHierarchy,
    Places,
    PrefixHierarchy,
    QuantileHierarchy,
    file_of,
)
from anonymize.recipe.identifiers import Pseudonym, Scope, Surrogate, Truncated
from anonymize.recipe.microdata import (
    PERSONS,
    Alpha,
    BetaLikeness,
    DeltaPresence,
    KAnonymity,
    KMap,
    LDiversity,
    Loss,
    Microaggregate,
    PopulationModel,
    PrivacyModel,
    SensitiveModel,
    TCloseness,
)
from anonymize.recipe.movement import Flows, Presence
from anonymize.recipe.parsing import json_schema, loads, parse
from anonymize.recipe.places import Layer, Locate
from anonymize.recipe.rows import Derive, KeepRows, Recode
from anonymize.recipe.stages import Scan, Stage
from anonymize.recipe.values import PERIOD

__all__ = [
    "DRAWN_FROM_DATA",
    "OF_A_GRID",
    "PERIOD",
    "PERSONS",
    "RANK",
    "Alpha",
    "Append",
    "BetaLikeness",
    "Bucket",
    "Column",
    "CountsHierarchy",
    "DateHierarchy",
    "DateLevel",
    "DeltaPresence",
    "Derive",
    "DpTable",
    "FileHierarchy",
    "Flows",
    "GroupBy",
    "H3Hierarchy",
    "Hierarchy",
    "IntervalHierarchy",
    "KAnonymity",
    "KMap",
    "KeepRows",
    "LDiversity",
    "Layer",
    "Locate",
    "Loss",
    "Measure",
    "Microaggregate",
    "Period",
    "PlaceHierarchy",
    "Places",
    "PopulationModel",
    "PrefixHierarchy",
    "Presence",
    "PrivacyModel",
    "PrivacyUnit",
    "Pseudonym",
    "QuantileHierarchy",
    "Recipe",
    "Recode",
    "Role",
    "Scan",
    "Scope",
    "SensitiveModel",
    "Stage",
    "Surrogate",
    "TCloseness",
    "Top",
    "Truncated",
    "file_of",
    "json_schema",
    "loads",
    "parse",
]
