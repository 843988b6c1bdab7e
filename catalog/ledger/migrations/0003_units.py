"""What a budget is kept of, and which dates a release covers. Earlier populations are kept of persons, for good."""

from django.db import migrations, models

from catalog.audit.guards import append_only, changeable
from catalog.ledger.guards import unit_stays

KINDS = ("person", "person_day", "person_week", "person_month")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_append_only"), ("people", "0002_roles")]

    operations = [
        changeable("ledger_spending"),
        migrations.AddField(
            model_name="population",
            name="unit",
            field=models.CharField(choices=[(kind, kind) for kind in KINDS], default="person", max_length=20),
        ),
        migrations.AddField(
            model_name="population",
            name="time_zone",
            field=models.CharField(blank=True, help_text="in which days begin; empty where the unit is the person", max_length=60),
        ),
        migrations.AddField(model_name="spending", name="covers_from", field=models.DateField(blank=True, null=True)),
        migrations.AddField(model_name="spending", name="covers_until", field=models.DateField(blank=True, null=True)),
        migrations.AddConstraint(
            model_name="population",
            constraint=models.CheckConstraint(
                condition=models.Q(time_zone="", unit="person")
                | models.Q(unit__in=["person_day", "person_week", "person_month"]) & ~models.Q(time_zone=""),
                name="population_unit_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="spending",
            constraint=models.CheckConstraint(
                condition=models.Q(covers_from__isnull=True, covers_until__isnull=True)
                | models.Q(covers_from__isnull=False, covers_until__isnull=False, covers_from__lt=models.F("covers_until")),
                name="spending_covers_a_range_or_everything",
            ),
        ),
        append_only("ledger_spending"),
        unit_stays(),
    ]
