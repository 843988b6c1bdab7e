# One image for web, worker and scheduler: what a container is, its command and its mounts say (docker-compose.yml).
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN groupadd --gid 10001 opendata && useradd --uid 10001 --gid opendata --no-create-home --shell /usr/sbin/nologin opendata

# Run from source: templates, translations and the query grammar lie beside the code.
WORKDIR /app
COPY . .
RUN pip install --constraint constraints.txt --editable '.[production]'

# Translations and static files are part of the image, so that a container needs no place to write them. The folders are
# made here because a new volume takes its owner from the image.
RUN OPENDATA_MODE=embedded DATA_DIR=/data python manage.py compile_translations \
    && OPENDATA_MODE=embedded DATA_DIR=/data python manage.py collectstatic --noinput --verbosity=0 \
    && rm -rf /data/broker /data/db.sqlite3 \
    && install -d -o opendata -g opendata -m 0700 \
       /data/vault /data/artefacts /data/public /data/incoming /scratch /cache /checkpoints

# Set last: from here on a missing variable stops the boot instead of falling back to the embedded set-up.
ENV OPENDATA_MODE=production \
    DATA_DIR=/data \
    SCRATCH_DIR=/scratch \
    CACHE_DIR=/cache \
    TRAIL_CHECKPOINT_FILE=/checkpoints/trail_checkpoints.jsonl
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "opendata.wsgi", "--bind", "0.0.0.0:8000", "--threads", "8", "--timeout", "600", \
     "--graceful-timeout", "30", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
