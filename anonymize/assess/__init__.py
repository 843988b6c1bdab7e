"""What a release gives away and what it is still good for, measured against its original.

Reads two tables and a recipe, trusts nothing that a run said about itself, and reports figures alone: no value of a person
is in them. They are exact figures about the original all the same: for the officer, not for the public.
"""

from anonymize.assess.effort import Effort
from anonymize.assess.measured import assess
from anonymize.assess.within import assess_run

__all__ = ["Effort", "assess", "assess_run"]
