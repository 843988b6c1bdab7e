"""What came in stays what it is: no row is replaced, no upload exchanged, no charged dataset removed."""

from django.db import migrations

from catalog.audit.guards import never_replaced
from catalog.datasets.guards import charged_stays, upload_stays, version_stays


class Migration(migrations.Migration):
    dependencies = [("datasets", "0005_header_declared"), ("audit", "0004_replace_guards")]

    operations = [
        never_replaced("datasets_dataset"),
        never_replaced("datasets_pseudonymkey"),
        never_replaced("datasets_version"),
        charged_stays(),
        upload_stays(),
        version_stays(),
    ]
