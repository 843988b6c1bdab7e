"""Databases made before: no statement of SQLite replaces an entry of the trail."""

from django.db import migrations

from catalog.audit.guards import never_replaced


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_alarms")]

    operations = [never_replaced("audit_trailentry")]
