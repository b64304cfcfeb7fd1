#!/bin/bash
# Nightly copy of the primary.
export PGPASSWORD="repmgrpassword"
STAMP=$(date +%Y%m%d)
BACKUP_ROOT=/bitnami/postgresql/backup

PRIMARY=$(docker exec pg-0 /opt/bitnami/scripts/postgresql-repmgr/entrypoint.sh repmgr cluster show \
  | grep primary | head -n 1 | awk '{print $3}')

docker exec -e PGPASSWORD "$PRIMARY" pg_basebackup -h localhost -U repmgr \
  -D "$BACKUP_ROOT/$STAMP" -Ft -z -P

docker exec "$PRIMARY" find $BACKUP_ROOT -mindepth 1 -mtime +7 -delete
