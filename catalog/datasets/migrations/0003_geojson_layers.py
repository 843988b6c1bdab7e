import django.core.validators
from django.db import migrations, models


def offer_themselves(apps, schema_editor):
    """Files kept so far are ladders written line by line: each offers itself."""
    for kept in apps.get_model("datasets", "HierarchyFile").objects.filter(ladders=[]).only("pk", "name"):
        kept.ladders = [{"file": kept.name}]
        kept.save(update_fields=["ladders"])


class Migration(migrations.Migration):
    dependencies = [("datasets", "0002_pseudonym_key")]

    operations = [
        migrations.AddField(
            model_name="hierarchyfile",
            name="ladders",
            field=models.JSONField(blank=True, default=list, help_text="the hierarchies that it offers, as a recipe spells them"),
        ),
        migrations.AlterField(
            model_name="hierarchyfile",
            name="name",
            field=models.CharField(
                max_length=100,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[\\w][\\w.-]*\\.(csv|geojson)\\Z", "A plain file name that ends in .csv or .geojson."
                    )
                ],
            ),
        ),
        migrations.RunPython(offer_themselves, migrations.RunPython.noop),
    ]
