from django.db import migrations

from catalog.audit.chain import GENESIS
from catalog.audit.guards import append_only


def make_head(apps, schema_editor):
    apps.get_model("audit", "TrailHead").objects.get_or_create(pk=1, defaults={"seq": 0, "entry_hash": GENESIS})


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunPython(make_head, migrations.RunPython.noop),
        append_only("audit_trailentry"),
    ]
