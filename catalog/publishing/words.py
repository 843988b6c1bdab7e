"""What codes are called on a page: states, roles, guarantees, flags, reasons, stages; in the reader's language."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from catalog.display.numbers import number
from catalog.people.models import Organisation
from catalog.publishing import promised_models, promised_units
from catalog.publishing.models import Publication

# code → word. One table for all rooms: a code that two of them use means the same thing in both.
WORDS: Final[dict[str, Any]] = {
    # versions
    "received": gettext_lazy("received, waiting to be checked"),
    "checking": gettext_lazy("being checked"),
    "ready": gettext_lazy("ready"),
    "rejected": gettext_lazy("rejected"),
    "destroyed": gettext_lazy("raw data destroyed"),
    # runs
    "queued": gettext_lazy("waiting for a worker"),
    "running": gettext_lazy("running"),
    "assessed": gettext_lazy("finished"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
    # reviews
    "submitted": gettext_lazy("waiting for an officer"),
    "in_review": gettext_lazy("in an officer's hands"),
    "approved": gettext_lazy("approved"),
    "returned": gettext_lazy("returned"),
    "approve": gettext_lazy("Approve"),
    "return": gettext_lazy("Return to the steward"),
    "reject": gettext_lazy("Reject"),
    # publications
    "published": gettext_lazy("published"),
    "superseded": gettext_lazy("superseded"),
    "suspended": gettext_lazy("suspended"),
    "withdrawn": gettext_lazy("withdrawn"),
    # roles of columns
    "direct_identifier": gettext_lazy("direct identifier"),
    "person_key": gettext_lazy("person key"),
    "quasi_identifier": gettext_lazy("quasi-identifier"),
    "sensitive": gettext_lazy("sensitive"),
    "event_time": gettext_lazy("event time"),
    "place": gettext_lazy("place"),
    "plain": gettext_lazy("plain"),
    "pseudonym": gettext_lazy("pseudonym"),
    "surrogate": gettext_lazy("made-up value"),
    "group": gettext_lazy("category"),
    "measure": gettext_lazy("measure"),
    "lower": gettext_lazy("lower end of the interval"),
    "upper": gettext_lazy("upper end of the interval"),
    "level": gettext_lazy("how coarse the row is"),
    "unreliable": gettext_lazy("marks a wide interval"),
    "rank": gettext_lazy("place among the largest"),
    # buckets of time
    "hour_of_day": gettext_lazy("hour of the day"),
    "day_of_week": gettext_lazy("day of the week"),
    "hour": gettext_lazy("hour"),
    "day": gettext_lazy("day"),
    "week": gettext_lazy("week"),
    "month": gettext_lazy("month"),
    "quarter": gettext_lazy("quarter"),
    "year": gettext_lazy("year"),
    # roles of people
    "steward": gettext_lazy("data steward"),
    "officer": gettext_lazy("privacy officer"),
    "lead_officer": gettext_lazy("lead privacy officer"),
    "developer": gettext_lazy("developer"),
    "auditor": gettext_lazy("auditor"),
    "administrator": gettext_lazy("administrator"),
    # scopes of keys
    "read": gettext_lazy("read published data"),
    "datasets:write": gettext_lazy("add and change datasets, upload"),
    "runs:write": gettext_lazy("start and cancel runs, submit them"),
    "reviews:decide": gettext_lazy("decide on reviews"),
    "releases:stop": gettext_lazy("suspend and withdraw releases"),
    "ledger:read": gettext_lazy("read privacy budgets"),
    "trail:read": gettext_lazy("read the trail"),
    # sources, frequencies, guarantees
    "government": gettext_lazy("the city's own"),
    "purchased": gettext_lazy("purchased"),
    "once": gettext_lazy("once"),
    "hourly": gettext_lazy("hourly"),
    "daily": gettext_lazy("daily"),
    "weekly": gettext_lazy("weekly"),
    "monthly": gettext_lazy("monthly"),
    "quarterly": gettext_lazy("quarterly"),
    "yearly": gettext_lazy("yearly"),
    "irregular": gettext_lazy("irregularly"),
    "differential_privacy": gettext_lazy("Differential privacy"),
    "k_anonymity": gettext_lazy("k-anonymity"),
    "none": gettext_lazy("Not about people"),
    # units of privacy
    "person": gettext_lazy("each person"),
    "person_day": gettext_lazy("each person's day"),
    "person_week": gettext_lazy("each person's week"),
    "person_month": gettext_lazy("each person's month"),
    # limits and bounds of a table
    "max_cells_per_person": gettext_lazy("cells per person, at most"),
    "max_rows_per_cell": gettext_lazy("rows per person and cell, at most"),
    "max_rows_per_person": gettext_lazy("rows per person in all, at most"),
    # types of columns
    "integer": gettext_lazy("whole number"),
    "decimal": gettext_lazy("exact decimal"),
    "number": gettext_lazy("number"),
    "text": gettext_lazy("text"),
    "boolean": gettext_lazy("yes or no"),
    "date": gettext_lazy("date"),
    "timestamp": gettext_lazy("local time"),
    "timestamptz": gettext_lazy("point in time"),
    # why an officer decided
    "risk_acceptable": gettext_lazy("the risk is acceptable"),
    "not_personal": gettext_lazy("not about people"),
    "more_protection": gettext_lazy("needs more protection"),
    "description_incomplete": gettext_lazy("the description is incomplete"),
    "contract_unclear": gettext_lazy("the contract is unclear"),
    "risk_too_high": gettext_lazy("the risk is too high"),
    "contract_forbids": gettext_lazy("the contract forbids it"),
    "no_public_interest": gettext_lazy("no public interest"),
    "other": gettext_lazy("another reason"),
    # who had a hand in it
    "uploaded": gettext_lazy("uploaded the file"),
    "configured": gettext_lazy("set it up"),
    "ran": gettext_lazy("ran it"),
    # measures
    "persons": gettext_lazy("people"),
    "rows": gettext_lazy("rows"),
    "sum": gettext_lazy("sum"),
    "mean": gettext_lazy("mean"),
    "variance": gettext_lazy("variance"),
    "quantile": gettext_lazy("quantile"),
    "median": gettext_lazy("median"),
    # methods
    "full_domain": gettext_lazy("full domain"),
    "local_recoding": gettext_lazy("local recoding"),
    "fixed": gettext_lazy("fixed scheme"),
    # stages of a run
    "unsealing": gettext_lazy("opening the vault"),
    "reading": gettext_lazy("reading"),
    "reading values": gettext_lazy("reading values"),
    "counting classes": gettext_lazy("counting classes"),
    "searching the lattice": gettext_lazy("searching for the least coarse table"),
    "refining classes": gettext_lazy("splitting groups as far as the promise allows"),
    "measuring risk and usefulness": gettext_lazy("attacking the file, and measuring what it is worth"),
    "applying the result": gettext_lazy("applying the result"),
    "counting again": gettext_lazy("counting again, independently"),
    "bounding": gettext_lazy("limiting each person's share"),
    "aggregating": gettext_lazy("adding up"),
    "noise": gettext_lazy("drawing noise"),
    "the recipe's own grid": gettext_lazy("the recipe's own grid"),
    "writing": gettext_lazy("writing"),
    "writing the report": gettext_lazy("writing the report"),
    "looking for personal values": gettext_lazy("looking for personal values"),
    "waiting for another worker": gettext_lazy("waiting for another worker"),
    "done": gettext_lazy("done"),
    # titles of errors
    "invalid_content": gettext_lazy("The content is not valid"),
    "not_allowed": gettext_lazy("You may not do this"),
    "second_factor_needed": gettext_lazy("A second factor is needed"),
    "second_factor_wrong": gettext_lazy("The second factor is not right"),
    "too_many_requests": gettext_lazy("Not so fast."),
    "wrong_state": gettext_lazy("Not possible in this state"),
    "too_large": gettext_lazy("The upload is too large"),
    "unsupported_media_type": gettext_lazy("This kind of file is not accepted"),
    "csrf_failed": gettext_lazy("The form has expired"),
    "invalid_input": gettext_lazy("The file cannot be used as it is"),
    "header_looks_like_values": gettext_lazy("The first line looks like data, not like the names of columns"),
    "invalid_recipe": gettext_lazy("The recipe cannot be run as written"),
    "privacy_not_met": gettext_lazy("The privacy asked for cannot be reached"),
    "budget_exceeded": gettext_lazy("The privacy budget does not allow this"),
    "budget_refused": gettext_lazy("The privacy budget does not allow this"),
    "already_charged": gettext_lazy("The budget was charged for this already"),
    "artefact_mismatch": gettext_lazy("These are not the approved bytes"),
    "bad_upload": gettext_lazy("The upload cannot be read"),
    "platform_error": gettext_lazy("The request cannot be carried out"),
    "internal_error": gettext_lazy("A fault of ours"),
    "worker_lost_after_charge": gettext_lazy("The worker was lost after the budget was charged"),
    # who must act
    "you": gettext_lazy("What to do next is in your hands."),
    "us": gettext_lazy("This is our fault; the operator has been told in the log."),
    "nobody": gettext_lazy("Nobody needs to do anything."),
    # facets
    "organisation": gettext_lazy("Organisation"),
    "theme": gettext_lazy("Theme"),
    "source": gettext_lazy("Source"),
    "guarantee": gettext_lazy("Guarantee"),
    # somebody's open work
    "open.dataset": gettext_lazy("steward of"),
    "open.version": gettext_lazy("upload being checked, no."),
    "open.run": gettext_lazy("run, no."),
    "open.comparison": gettext_lazy("comparison, no."),
    "open.estimate": gettext_lazy("estimate of bounds, no."),
    "open.run_not_submitted": gettext_lazy("finished run that was not submitted, no."),
    "open.review_in_hand": gettext_lazy("review in hand, no."),
    "open.decision_waiting": gettext_lazy("waiting for a decision, no."),
    "open.decision_theirs_alone": gettext_lazy("waiting for a decision that nobody else may take, no."),
    "open.submission": gettext_lazy("submission that waits, no."),
    # actions of the trail
    "dataset.created": gettext_lazy("dataset added"),
    "dataset.changed": gettext_lazy("description changed"),
    "dataset.handed_over": gettext_lazy("dataset handed over"),
    "hierarchy.set": gettext_lazy("hierarchy file set"),
    "version.received": gettext_lazy("file uploaded"),
    "version.ready": gettext_lazy("file checked: ready"),
    "version.rejected": gettext_lazy("file checked: rejected"),
    "version.destroyed": gettext_lazy("raw data destroyed"),
    "version.worker_lost": gettext_lazy("worker lost, checking again"),
    "columns.set": gettext_lazy("roles of columns set"),
    "pseudonym_key.made": gettext_lazy("key of pseudonyms made"),
    "run.requested": gettext_lazy("run asked for"),
    "run.assessed": gettext_lazy("run finished"),
    "run.failed": gettext_lazy("run failed"),
    "run.cancelled": gettext_lazy("run cancelled"),
    "run.worker_lost": gettext_lazy("worker lost, run queued again"),
    "comparison.requested": gettext_lazy("comparison asked for"),
    "comparison.done": gettext_lazy("comparison finished"),
    "comparison.failed": gettext_lazy("comparison failed"),
    "comparison.cancelled": gettext_lazy("comparison cancelled"),
    "comparison.worker_lost": gettext_lazy("worker lost, comparison queued again"),
    "estimate.requested": gettext_lazy("estimate of bounds asked for"),
    "estimate.done": gettext_lazy("estimate of bounds finished"),
    "estimate.failed": gettext_lazy("estimate of bounds failed"),
    "estimate.cancelled": gettext_lazy("estimate of bounds cancelled"),
    "estimate.worker_lost": gettext_lazy("worker lost, estimate of bounds queued again"),
    "review.submitted": gettext_lazy("submitted for review"),
    "review.opened": gettext_lazy("review opened"),
    "review.put_back": gettext_lazy("review put back: its officer may no longer decide"),
    "review.approved": gettext_lazy("approved"),
    "review.returned": gettext_lazy("returned to the steward"),
    "review.rejected": gettext_lazy("rejected"),
    "review.withdrawn": gettext_lazy("submission taken back"),
    "publication.published": gettext_lazy("published"),
    "publication.superseded": gettext_lazy("superseded by a newer release"),
    "publication.suspended": gettext_lazy("suspended"),
    "publication.withdrawn": gettext_lazy("withdrawn"),
    "publication.refused": gettext_lazy("the publisher refused to copy it"),
    "publication.worker_lost": gettext_lazy("worker lost, copying again"),
    "publication.copy_failed": gettext_lazy("copying failed, to be tried again"),
    "publication.copy_ordered": gettext_lazy("copy ordered again"),
    "publication.removed": gettext_lazy("file removed from the public store"),
    "alarm.raised": gettext_lazy("alarm raised"),
    "alarm.cleared": gettext_lazy("alarm cleared"),
    "store.swept": gettext_lazy("files that nobody knew of removed"),
    "trail.checkpoint_mended": gettext_lazy("torn checkpoint mended"),
    "trail.checkpoints_begun": gettext_lazy("file of checkpoints begun"),
    "user.created": gettext_lazy("account made"),
    "user.closed": gettext_lazy("account closed"),
    "user.reopened": gettext_lazy("account opened again"),
    "user.role_granted": gettext_lazy("role given"),
    "user.role_withdrawn": gettext_lazy("role taken away"),
    "user.mandate_given": gettext_lazy("mandate given"),
    "user.mandate_withdrawn": gettext_lazy("mandate ended"),
    "user.sign_in_slowed": gettext_lazy("attempts to sign in slowed down"),
    "user.second_factor_added": gettext_lazy("second factor added"),
    "user.second_factor_removed": gettext_lazy("second factor removed"),
    "user.second_factor_reset": gettext_lazy("second factor reset"),
    "user.recovery_codes_made": gettext_lazy("recovery codes made"),
    "user.recovery_code_used": gettext_lazy("recovery code used"),
    "user.password_changed": gettext_lazy("password changed"),
    "user.password_reset": gettext_lazy("password set by a link"),
    "user.password_link_made": gettext_lazy("link for a new password made"),
    "user.address_set": gettext_lazy("e-mail address set"),
    "user.identity_linked": gettext_lazy("single sign-on linked"),
    "user.identity_unlinked": gettext_lazy("single sign-on unlinked"),
    "organisation.created": gettext_lazy("organisation added"),
    "population.created": gettext_lazy("population added"),
    "population.cap_changed": gettext_lazy("budget changed"),
    "budget.charged": gettext_lazy("budget charged"),
    "key.issued": gettext_lazy("API key made"),
    "key.revoked": gettext_lazy("API key revoked"),
}

# What happened to a thing, as a level: the badge's tone. The word beside it says the same.
TONES: Final = {
    "ready": "good", "assessed": "good", "approved": "good", "published": "good", "rejected": "stop", "failed": "stop",
    "suspended": "stop", "withdrawn": "stop", "returned": "warning", "cancelled": "warning", "submitted": "strong", "in_review": "strong",
    "running": "strong", "checking": "strong", "differential_privacy": "strong", "k_anonymity": "warning",
}  # fmt: skip

ROLE_MEANINGS: Final = {
    "direct_identifier": gettext_lazy("names a person by itself; never published"),
    "person_key": gettext_lazy("says whose row it is; protects, and is never published"),
    "quasi_identifier": gettext_lazy("together with others it may single a person out"),
    "sensitive": gettext_lazy("nobody should learn it of a person"),
    "event_time": gettext_lazy("when it happened"),
    "place": gettext_lazy("where it happened"),
    "plain": gettext_lazy("says nothing about a person"),
}

ALARMS: Final = {
    "release_damaged": gettext_lazy("A published file is not the one that was approved. It is not served until the approved bytes are back."),
    "outline_damaged": gettext_lazy("The outlines of a map are not those that were kept. The map is not drawn."),
    "copy_refused": gettext_lazy("An approved file could not be copied into the public store. The review's page says why."),
    "checkpoints_gone": gettext_lazy("The file of signed checkpoints was begun anew: compare the trail with a copy of it that is kept elsewhere."),
    "sweep_refused": gettext_lazy("Most files of a store are unknown to the database, so none was removed. Is it the right database?"),
    "trail_broken": gettext_lazy("The trail is not whole. No checkpoint is signed until somebody has looked at it."),
    "records_disagree": gettext_lazy("The trail and the tables do not say the same. Verify the trail to see where."),
}
"""What an alarm tells those who must know, by its code."""

FLAGS: Final = {
    "contract_forbids": gettext_lazy("The contract does not permit this kind of release. Contract: %(figure)s."),
    "contract_expired": gettext_lazy("The contract does not cover the day of submission. It ends on %(figure)s."),
    "microdata_of_the_same_people": gettext_lazy("There are earlier row-level releases about the same people, and such releases do not compose. Earlier: %(figure)s."),
    "microdata": gettext_lazy("Rows about single people: k-anonymity stops linking through the marked columns, and no more. Smallest group: %(figure)s."),
    "local_recoding": gettext_lazy("The classes of this release sit at different levels: whoever knows the method can narrow some values and learn more of sensitive columns (combinatorial refinement)."),
    "pseudonyms": gettext_lazy("Pseudonyms are published. Their key was made for this run and thrown away, so that nobody can turn them back. Columns: %(figure)s."),
    "lasting_pseudonyms": gettext_lazy("Pseudonyms are published that are the same in every release of this dataset: people can be followed from one to the next, and what each release hides may show when they are joined. The steward's reason: %(figure)s"),
    "linked_rows": gettext_lazy("Equal values of a column put rows of one person together, although the person key is gone. Share of rows: %(figure)s."),
    "not_assessed": gettext_lazy("The risk of this file was not measured: no attack was tried on it, and nothing here says what it gives away. Why: %(figure)s"),
    "person_key_published": gettext_lazy("The file still holds the person key: every row says whose it is."),
    "attack_succeeds": gettext_lazy("An attack succeeds more often than it would without the release. What the release adds: %(figure)s."),
    "shared_secret": gettext_lazy("Some people are in a group that shares one sensitive value, so finding the group tells it. Share of people: %(figure)s."),
    "coarsening_undone": gettext_lazy("Whoever knows the method writes some values finer again, and for certain, with no other knowledge (downcoding). Values, of those tried: %(figure)s."),
    "secret_refined": gettext_lazy("Whoever knows the method learns a sensitive value for certain, of people of whom the file alone does not tell it. Share of people: %(figure)s."),
    "minimality_learns": gettext_lazy("Knowing that no finer scheme would have done tells something certain of some groups (minimality). Groups: %(figure)s."),
    "few_points_suffice": gettext_lazy("If somebody's rows could be told to be one person's, four of their own points would single them out. Share of people: %(figure)s."),
    "about_persons": gettext_lazy("The table looks like one row per person, and a scan protects nobody."),
    "unit_of_a_period": gettext_lazy("The promise is about one period of a person at a time: over several of them more can be learnt about one person. Protected: %(figure)s."),
    "large_delta": gettext_lazy("The recipe lets δ reach one in the number of people, which would allow publishing one of them as is. δ: %(figure)s."),
    "rows_of_nobody": gettext_lazy("Rows without a person key were declared to be nobody's: they count without limits, and nothing protects whoever they were about. Rows: %(figure)s."),
    "bounds_cut_much": gettext_lazy("The limits per person, the bounds or the rounding of amounts changed much of the data, and the figures are off by as much. Cut off, or added where there is a plus: %(figure)s."),
    "nearly_all_unreliable": gettext_lazy("Nearly every number of a measure is unreliable: noise hides it, or its bounds lie far beyond the data. Share of its numbers: %(figure)s."),
    "large_epsilon": gettext_lazy("A large ε: the promise is weak. ε: %(figure)s."),
}


def word(code: Any) -> str:
    """The word for a code; a code without one is shown in plain letters."""
    text = str(code)
    return str(WORDS[text]) if text in WORDS else text.replace("_", " ")


def tone(code: Any) -> str:
    return TONES.get(str(code), "")


def flag_sentence(code: str, figure: str) -> str:
    sentence = FLAGS.get(code)
    return str(sentence) % {"figure": figure} if sentence is not None else f"{word(code)}: {figure}"


def promise_of(publication: Publication) -> dict[str, Any]:
    """The guarantee that a release was published with; from its family and figures where the report keeps no more."""
    report = publication.public_report
    found = report.get("guarantee")
    return found if isinstance(found, dict) else {**report, "family": publication.guarantee, "formal": found}


def badge(guarantee: dict[str, Any]) -> str:
    """The guarantee in two words and its figure."""
    family = guarantee.get("family", "")
    if family == "differential_privacy":
        return f"{word(family)} · {promised_units.spent(guarantee, short(guarantee.get('epsilon', '')))}"
    if family == "k_anonymity":
        return f"{word(family)} · k {guarantee.get('measured_k') or guarantee.get('k', '')}"
    return word(family or "none")


def sentence(guarantee: dict[str, Any]) -> str:
    """The promise in one sentence that a citizen understands."""
    family = guarantee.get("family")
    if family == "differential_privacy":
        return promised_units.sentence(guarantee)
    if family == "k_anonymity":
        return " ".join([_of_classes(guarantee), *promised_models.sentences(guarantee)])
    return _("These data are not about people. They were scanned for personal values, and an officer cleared them as they are.")


def _of_classes(guarantee: dict[str, Any]) -> str:
    figures = {"columns": ", ".join(guarantee.get("quasi_identifiers", [])), "k": number(guarantee.get("measured_k"))}
    if "person" in str(guarantee.get("unit", "")):
        return _("By %(columns)s, every row looks the same as those of at least %(k)s different people.") % figures
    return _("By %(columns)s, at least %(k)s rows look the same.") % figures


def limits(guarantee: dict[str, Any]) -> str:
    """What the promise does not cover."""
    family = guarantee.get("family")
    if family == "differential_privacy":
        return promised_units.limits(guarantee)
    if family == "k_anonymity":
        once = _(
            "This stops linking through the named columns, once. It does not add up with other releases about the same people, "
            "and says nothing about what a group of people have in common."
        )
        if promised_models.of_columns(guarantee):
            once = _(
                "This stops linking through the named columns, once. It does not add up with other releases about the same people, "
                "and says nothing more about what a group of people have in common."
            )
        if guarantee.get("pseudonyms") != "dataset":
            return once
        lasting = _("Its pseudonyms are the same in other releases of this dataset: joined, rows can stand out from fewer people.")
        return f"{once} {lasting}"
    return ""


def name_of(organisation: Organisation) -> str:
    """An organisation's name in the reader's language, where it has one."""
    language = (get_language() or "en")[:2]
    return str(getattr(organisation, f"name_{language}", "") or organisation.name)


def short(amount: Any) -> str:
    """An exact amount without the zeros at its end: 1, 0.25, 0.000001."""
    text = format(Decimal(str(amount)), "f") if str(amount) else ""
    return text.rstrip("0").rstrip(".") if "." in text else text
