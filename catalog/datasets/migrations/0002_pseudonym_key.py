import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from catalog.audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial"), ("audit", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="PseudonymKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed_name", models.CharField(help_text="name of the sealed key in the vault", max_length=200, unique=True)),
                (
                    "sha256",
                    models.CharField(
                        help_text="of the key: says whether what the vault gives is what was made",
                        max_length=64,
                        validators=[django.core.validators.RegexValidator("^[0-9a-f]{64}\\Z", "A SHA-256 in lower-case hex.")],
                    ),
                ),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="pseudonym_key", to="datasets.dataset"),
                ),
            ],
        ),
        append_only("datasets_pseudonymkey"),
    ]
