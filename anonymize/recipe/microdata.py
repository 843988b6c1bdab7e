"""The stage k_anonymity, and the models that may be asked for beside k."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from anonymize.recipe.values import MAX_COUNT, Exact, Name, Share, Six, Value, between, inside_folder


class LDiversity(Value):
    """l-diversity of a sensitive column (Machanavajjhala et al. 2007): distinct, entropy, or recursive (c,l)."""

    model: Literal["l_diversity"]
    column: Name
    kind: Literal["distinct", "entropy", "recursive"] = "distinct"
    l: Annotated[Exact, between(Decimal(1), Decimal(MAX_COUNT), open_low=True)]  # noqa: E741 - the model's own name
    c: Annotated[Exact, between(Decimal(0), Decimal(1000), open_low=True), Six] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.c is not None) != (self.kind == "recursive"):
            raise ValueError("c belongs to recursive (c,l)-diversity, which needs it")
        if self.kind != "entropy" and self.l % 1:
            raise ValueError("l must be a whole number, unless it bounds the entropy")
        return self


class TCloseness(Value):
    """t-closeness of a sensitive column (Li et al. 2007): earth mover's distance from the whole table at most t."""

    model: Literal["t_closeness"]
    column: Name
    t: Annotated[Share, Six]
    distance: Literal["equal", "ordered", "hierarchical"] = "equal"


class Alpha(Value):
    """(α,k)-anonymity (Wong et al. 2006): at most a share α of a class's persons have any one value of the column."""

    model: Literal["alpha"]
    column: Name
    alpha: Annotated[Exact, between(Decimal(0), Decimal(1), open_low=True), Six]


class BetaLikeness(Value):
    """Basic β-likeness (Cao & Karras 2012): no value more than 1 + β times as frequent in a class as in the table."""

    model: Literal["beta_likeness"]
    column: Name
    beta: Annotated[Exact, between(Decimal(0), Decimal(MAX_COUNT), open_low=True), Six]


PERSONS = "persons"  # the column of a population file that says how many persons a line stands for


class PopulationFile(Value):
    """Everybody who could be in the table, each once: a CSV file with the quasi-identifiers, relative to the recipe's folder."""

    file: Annotated[str, AfterValidator(inside_folder)]


class KMap(Value):
    """k-map (Sweeney 2002): every class fits at least k persons of the population, whether they are in the table or not."""

    model: Literal["k_map"]
    k: Annotated[int, Field(ge=2, le=MAX_COUNT, strict=True)]
    population: PopulationFile


class DeltaPresence(Value):
    """δ-presence (Nergiz, Atzori & Clifton 2007): of the population's persons that a class fits, a share from ``lower`` to
    ``upper`` is in the table. A ``lower`` above 0 holds of everybody in the population: then no row can be left out."""

    model: Literal["delta_presence"]
    lower: Annotated[Share, Six] = Decimal(0)
    upper: Annotated[Exact, between(Decimal(0), Decimal(1), open_low=True), Six]
    population: PopulationFile

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.lower <= self.upper:
            raise ValueError("lower must be at most upper")
        return self


Loss: TypeAlias = Literal["granularity", "discernibility", "average_class_size", "entropy"]
SensitiveModel: TypeAlias = LDiversity | TCloseness | Alpha | BetaLikeness
PopulationModel: TypeAlias = KMap | DeltaPresence
PrivacyModel: TypeAlias = Annotated[SensitiveModel | PopulationModel, Field(discriminator="model")]


class Microaggregate(Value):
    """A numeric column whose values are put into sorted groups of at least ``group`` distinct persons, each replaced by its mean."""

    column: Name
    group: Annotated[int, Field(ge=2, le=MAX_COUNT, strict=True)]


class KAnonymity(Value):
    """k-anonymity (Samarati & Sweeney 1998) over the quasi-identifiers, counted in distinct persons.

    ``method``: *full_domain* puts every row at the same level of each column, the best such scheme; *local_recoding*
    lets classes differ and suppresses nothing; *fixed* uses the ``levels`` given, chosen from hierarchies and public
    figures and not from these data, and only suppresses what is too small. ``loss``: what full_domain makes least;
    granularity when None. ``models``: what must hold in every class beside k. ``microaggregate``: numeric columns, sensitive
    or plain, of which only means of groups are published; models are judged on the means.
    """

    stage: Literal["k_anonymity"]
    k: Annotated[int, Field(ge=2, le=MAX_COUNT, strict=True)]
    method: Literal["full_domain", "local_recoding", "fixed"] = "full_domain"
    max_suppressed: Share = Decimal(0)
    loss: Loss | None = None
    levels: dict[Name, Annotated[int, Field(ge=0, le=100, strict=True)]] | None = None
    models: Annotated[tuple[PrivacyModel, ...], Field(max_length=20)] = ()
    microaggregate: Annotated[tuple[Microaggregate, ...], Field(max_length=20)] = ()

    @property
    def sensitive_models(self) -> tuple[SensitiveModel, ...]:
        """Those that speak of a sensitive column, in the recipe's order."""
        return tuple(model for model in self.models if isinstance(model, SensitiveModel))

    @property
    def population_models(self) -> tuple[PopulationModel, ...]:
        """Those that speak of a population, in the recipe's order."""
        return tuple(model for model in self.models if isinstance(model, PopulationModel))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.levels is not None) != (self.method == "fixed"):
            raise ValueError("levels belong to the method 'fixed', which needs them")
        if self.method == "local_recoding" and self.max_suppressed:
            raise ValueError("local_recoding suppresses nothing: leave max_suppressed out")
        if self.loss is not None and self.method != "full_domain":
            raise ValueError("only full_domain looks for the least of a loss: leave loss out")
        if len(set(self.models)) != len(self.models):
            raise ValueError("a model is listed twice")
        averaged = [one.column for one in self.microaggregate]
        if len(set(averaged)) != len(averaged):
            raise ValueError("a column is micro-aggregated twice")
        if self.max_suppressed and any(model.column in averaged for model in self.sensitive_models):
            raise ValueError("a model of a micro-aggregated column is judged on the means, which are known only if no row is left out: "
                             "leave max_suppressed out")  # fmt: skip
        return self
