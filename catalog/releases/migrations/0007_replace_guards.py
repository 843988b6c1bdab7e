"""What a run was asked for and what came of it stay what they are."""

from django.db import migrations

from catalog.audit.guards import never_replaced
from catalog.releases.guards import artefact_stays, job_stays, noise_stays, recipe_stays, request_stays


class Migration(migrations.Migration):
    dependencies = [("releases", "0006_charged_datasets"), ("audit", "0004_replace_guards")]

    operations = [
        never_replaced("releases_run"),
        never_replaced("releases_estimate"),
        request_stays(),
        recipe_stays(),
        artefact_stays(),
        noise_stays("releases_run"),
        noise_stays("releases_estimate"),
        job_stays("releases_run"),
        job_stays("releases_estimate"),
    ]
