"""What was spent stays spent: no row is replaced, no total lowered, no population that spent removed."""

from django.db import migrations

from catalog.audit.guards import never_replaced
from catalog.ledger.guards import spender_stays, total_grows


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_units"), ("audit", "0004_replace_guards")]

    operations = [
        never_replaced("ledger_spending"),
        never_replaced("ledger_reckoning"),
        never_replaced("ledger_population"),
        total_grows(),
        spender_stays(),
    ]
