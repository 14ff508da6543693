#!/bin/sh
# Makes the secrets that docker-compose.yml mounts and deploy/kubernetes reads, one per file. What exists is kept: run it
# again after an upgrade. To change a secret remove its file first, and then follow "Secrets" in docs/containers.md.
#
# usage: create-secrets.sh [directory, default: secrets/ of this checkout]
#   POSTGRES_HOST [postgres], POSTGRES_PORT [5432], POSTGRES_DB [observability]: what the database URLs name
set -eu

directory=${1:-$(dirname "$0")/../../secrets}
server=${POSTGRES_HOST:-postgres}:${POSTGRES_PORT:-5432}/${POSTGRES_DB:-observability}

umask 077
mkdir -p "$directory"
# The folder is what keeps others of this machine out. The files are readable: the processes in the containers run as four
# different users, and compose mounts a file with the owner and mode that it has here.
chmod 0700 "$directory"

# random BYTES: as URL-safe text without padding
random() {
  head -c "$1" /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'
}

# keep NAME VALUE: no trailing newline, since not every reader cuts it off
keep() {
  if [ -s "$directory/$1" ]; then
    echo "kept  $1"
  else
    printf '%s' "$2" >"$directory/$1.new"
    mv "$directory/$1.new" "$directory/$1"
    echo "made  $1"
  fi
  chmod 0444 "$directory/$1"
}

keep postgres-password "$(random 32)"
keep database-url-owner "postgresql://postgres:$(cat "$directory/postgres-password")@$server"
for role in exporter api admin jobs; do
  keep "database-url-$role" "postgresql://observability_$role:$(random 32)@$server"
done
keep org-token-secret "$(random 48)"
keep ip-hash-pepper "$(random 32)"
keep auth-jwt-secret "$(random 48)"
keep admin-api-key "$(random 32)"
keep alertmanager-webhook-token "$(random 32)"
keep metrics-token "$(random 32)"
# 32 bytes in standard base64: its reader decodes it.
keep config-encryption-key "$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
# The one before it, while stored credentials are re-encrypted; empty, which counts as none, at all other times.
previous=$directory/config-encryption-key-previous
[ -e "$previous" ] || : >"$previous"
chmod 0444 "$previous"
keep grafana-admin-password "$(random 24)"
