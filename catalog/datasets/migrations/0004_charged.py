"""Datasets that noise was drawn about keep their population. Which ones those are, releases know: see their migration."""

from django.db import migrations, models

from catalog.datasets.guards import population_stays


class Migration(migrations.Migration):
    dependencies = [("datasets", "0003_geojson_layers")]

    operations = [
        migrations.AddField(
            model_name="dataset",
            name="charged",
            field=models.BooleanField(default=False, help_text="noise was drawn about its rows: its population stays what it is"),
        ),
        population_stays(),
    ]
