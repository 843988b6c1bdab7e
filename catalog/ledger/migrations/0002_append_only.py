from django.db import migrations

from catalog.audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("audit", "0002_append_only")]  # a charge writes the trail too

    operations = [append_only("ledger_spending"), append_only("ledger_reckoning")]
