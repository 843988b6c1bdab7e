"""What went out stays what it is."""

from django.db import migrations

from catalog.audit.guards import never_replaced
from catalog.publishing.guards import file_stays, publication_stays, released_stays


class Migration(migrations.Migration):
    dependencies = [("publishing", "0003_copies_ordered_again"), ("audit", "0004_replace_guards")]

    operations = [
        never_replaced("publishing_publication"),
        released_stays(),
        file_stays(),
        publication_stays(),
    ]
