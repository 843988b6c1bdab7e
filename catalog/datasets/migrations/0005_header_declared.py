"""What an uploader says of a file's first record: whether it names the columns, and how they are called where it does not."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0004_charged'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='version',
            name='header',
            field=models.CharField(choices=[('auto', 'auto'), ('present', 'present'), ('absent', 'absent')], default='auto', help_text='whether the first record names the columns, as declared', max_length=10),
        ),
        migrations.AddField(
            model_name='version',
            name='names',
            field=models.JSONField(blank=True, default=list, help_text="the columns' names, declared with a file that has no header"),
        ),
        migrations.AddConstraint(
            model_name='version',
            constraint=models.CheckConstraint(condition=models.Q(('header__in', ('auto', 'present', 'absent'))), name='version_header_known'),
        ),
    ]
