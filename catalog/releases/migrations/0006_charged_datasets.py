"""Datasets about which noise was drawn before keep their population from here on: those of jobs, and those that runs appended."""

from django.db import migrations


def mark(apps, schema_editor):
    Dataset = apps.get_model("datasets", "Dataset")
    drawn = apps.get_model("releases", "Run").objects.filter(noise_drawn=True)
    estimates = apps.get_model("releases", "Estimate").objects.filter(noise_drawn=True)
    Dataset.objects.filter(pk__in={*drawn.values_list("dataset", flat=True), *estimates.values_list("dataset", flat=True)}).update(charged=True)
    Dataset.objects.filter(slug__in={slug for appended in drawn.values_list("appended", flat=True) for slug in appended}).update(charged=True)


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_charged"), ("releases", "0005_estimate")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
