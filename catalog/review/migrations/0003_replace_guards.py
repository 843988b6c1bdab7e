"""What was decided, and on what, stays what it is."""

from django.db import migrations

from catalog.audit.guards import never_replaced
from catalog.review.guards import bound_stays, review_stays


class Migration(migrations.Migration):
    dependencies = [("review", "0002_guards"), ("audit", "0004_replace_guards")]

    operations = [
        never_replaced("review_decision"),
        never_replaced("review_involvement"),
        never_replaced("review_review"),
        bound_stays(),
        review_stays(),
    ]
