"""Decisions and involvements are append-only, and nobody decides on their own: kept by the database itself."""

from django.db import migrations

from catalog.audit.guards import append_only
from catalog.review.guards import not_by_the_involved


class Migration(migrations.Migration):
    dependencies = [("review", "0001_initial")]

    operations = [append_only("review_decision"), append_only("review_involvement"), not_by_the_involved()]
