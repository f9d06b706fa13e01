#!/usr/bin/env bash
# A real S3 store for tests: one monitor, one osd and one object gateway of Ceph, all on 127.0.0.1.
#
#   ceph.sh install       install the Debian packages (as root)
#   ceph.sh check         end well if everything that start needs is installed
#   ceph.sh start  DIR    start the cluster in DIR and print its settings, one NAME=value a line
#   ceph.sh stop   DIR    stop the daemons of DIR; what they stored is gone with them
#
# DIR must not exist or be empty; it takes configuration, sockets and logs. Objects live in the osd's memory.
# Needs no root except to install. Settings from the environment:
#
#   CEPH_RGW_PORT     port of the gateway (default: a free one)
#   CEPH_MON_PORT     port of the monitor (default: a free one)
#   CEPH_STORE_BYTES  room for objects (default 2 GiB; Ceph blocks writes when 95 % are used)
#   CEPH_TLS_PORT     port of the gateway for TLS, with a certificate of its own (default: none; free: any free one)
#   CEPH_WAIT         seconds that each step of the start may take (default 60)
set -euo pipefail

PACKAGES=(ceph-mon ceph-osd radosgw ceph-common)
TOOLS=(ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph setsid)
REGION=us-east-1
STORE_BYTES=${CEPH_STORE_BYTES:-2147483648}
WAIT=${CEPH_WAIT:-60}

fail() { echo "ceph.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # The manager daemon is left out: gateway, quotas and pools work without one.
  apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}"
}

missing_tools() {
  local tool
  for tool in "${TOOLS[@]}"; do command -v "$tool" >/dev/null || echo "$tool"; done
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port below the range from which the kernel hands out ports of its own.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((10000 + RANDOM % 20000))
    listening "$port" || { echo "$port"; return; }
  done
  fail 'found no free port'
}

# retry WHAT COMMAND...: runs COMMAND until it succeeds. Besides waiting, this outlives a race of Ceph's: with
# authentication off, a client that speaks before it has the monitor's map is turned away with "wrong fsid".
retry() {
  local what=$1 end=$((SECONDS + WAIT))
  shift
  until "$@" >>"$DIR/log/start.out" 2>&1; do
    ((SECONDS < end)) || fail "$what did not come up within $WAIT s; see $DIR/log"
    sleep 0.1
  done
}

# Running, and not merely waiting for its parent to take notice of its end.
running() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  [[ ${stat:0:1} != Z ]]
}

# launch NAME COMMAND...: starts a daemon unless it runs, in a session of its own, and notes its process id.
launch() {
  local name=$1
  shift
  if [[ -s $DIR/run/$name.launched ]] && running "$(<"$DIR/run/$name.launched")"; then return; fi
  setsid "$@" --conf "$DIR/ceph.conf" -f >>"$DIR/log/$name.out" 2>&1 </dev/null &
  echo $! >"$DIR/run/$name.launched"
}

# Key and certificate in one file, as the gateway reads them.
make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$DIR/tls.key" -out "$DIR/tls.crt" 2>>"$DIR/log/start.out"
  cat "$DIR/tls.key" "$DIR/tls.crt" >"$DIR/tls.pem"
}

configure() {
  cat >"$DIR/ceph.conf" <<CONF
[global]
fsid = $FSID
mon host = [v1:127.0.0.1:$MON_PORT]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
# the older protocol alone: one port for each daemon
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
keyring = $DIR/keyring
run dir = $DIR/run
admin socket = $DIR/run/\$name.asok
pid file = $DIR/run/\$name.pid
log file = $DIR/log/\$name.log
crash dir = $DIR/crash
# one osd holds the only copy of everything
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off

[mon]
mon data = $DIR/mon
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
mon cluster log file = $DIR/log/cluster.log
auth allow insecure global id reclaim = true
# the start waits for maps of new pools: commit them at once
paxos propose interval = 0.01

[osd]
osd data = $DIR/osd
osd objectstore = memstore
memstore device bytes = $STORE_BYTES
osd memory target = 939524096
osd op num shards = 2
osd class load list = *
osd class default list = *
osd crush update on start = true
osd scrub load threshold = 0

[client]
# without tcp_nodelay every small answer waits 40 ms for a delayed acknowledgement
rgw frontends = beast endpoint=127.0.0.1:$RGW_PORT tcp_nodelay=1${TLS_PORT:+ ssl_endpoint=127.0.0.1:$TLS_PORT ssl_certificate=$DIR/tls.pem}
rgw dns name = localhost
rgw thread pool size = 64
rgw enable usage log = false
rgw dynamic resharding = false
rgw override bucket index max shards = 1
# sums of quotas are read afresh, so that a full one is told at once
rgw bucket quota ttl = 0
rgw user quota bucket sync interval = 1
# space of deleted objects comes back within seconds
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 5
CONF
}

osd_up() {
  launch osd ceph-osd -i 0
  ceph --conf "$DIR/ceph.conf" --connect-timeout 5 osd stat -f json | grep -q '"num_up_osds":1'
}

gateway_up() {
  launch gateway radosgw -n client.rgw
  listening "$RGW_PORT"
}

# add_user NAME ACCESS_KEY SECRET_KEY
add_user() {
  radosgw-admin --conf "$DIR/ceph.conf" user info --uid="$1" ||
    radosgw-admin --conf "$DIR/ceph.conf" user create --uid="$1" --display-name="$1" --access-key="$2" --secret-key="$3"
}

start() {
  local missing osd_uuid
  missing=$(missing_tools)
  [[ -z $missing ]] || fail "not installed: ${missing//$'\n'/ }. Install with: $0 install"
  [[ ! -e $DIR/ceph.conf ]] || fail "$DIR already holds a cluster"
  # Ceph's Unix sockets stand below DIR, and their whole path may have 107 bytes.
  ((${#DIR} < 75)) || fail "the path $DIR is too long"
  mkdir -p "$DIR"/{mon,osd,run,log,crash}
  RGW_PORT=${CEPH_RGW_PORT:-$(free_port)}
  MON_PORT=${CEPH_MON_PORT:-$(free_port)}
  ! listening "$RGW_PORT" || fail "port $RGW_PORT is taken (CEPH_RGW_PORT)"
  ! listening "$MON_PORT" || fail "port $MON_PORT is taken (CEPH_MON_PORT)"
  TLS_PORT=${CEPH_TLS_PORT:-}
  [[ $TLS_PORT != free ]] || TLS_PORT=$(free_port)
  [[ -z $TLS_PORT ]] || make_certificate
  FSID=$(</proc/sys/kernel/random/uuid)
  osd_uuid=$(</proc/sys/kernel/random/uuid)
  configure
  : >"$DIR/keyring"
  # A start that fails leaves nothing running.
  trap stop EXIT

  monmaptool --create --clobber --fsid "$FSID" --addv a "[v1:127.0.0.1:$MON_PORT]" "$DIR/monmap" >>"$DIR/log/start.out"
  ceph-mon --conf "$DIR/ceph.conf" -i a --mkfs --monmap "$DIR/monmap" >>"$DIR/log/start.out" 2>&1
  launch mon ceph-mon -i a
  retry 'the monitor' ceph --conf "$DIR/ceph.conf" --connect-timeout 5 quorum_status
  retry 'the id of the osd' ceph --conf "$DIR/ceph.conf" --connect-timeout 5 osd new "$osd_uuid" 0
  ceph-osd --conf "$DIR/ceph.conf" -i 0 --mkfs --osd-uuid "$osd_uuid" >>"$DIR/log/start.out" 2>&1
  retry 'the osd' osd_up
  retry 'the first user' add_user first firstaccesskey000001 firstsecretkey0000000000000000000000001
  retry 'the second user' add_user second secondaccesskey00001 secondsecretkey000000000000000000000001
  retry 'the gateway' gateway_up

  trap - EXIT
  cat <<SETTINGS
S3_TEST_ENDPOINT=http://127.0.0.1:$RGW_PORT
S3_TEST_REGION=$REGION
S3_TEST_ACCESS_KEY=firstaccesskey000001
S3_TEST_SECRET_KEY=firstsecretkey0000000000000000000000001
S3_TEST_OTHER_ACCESS_KEY=secondaccesskey00001
S3_TEST_OTHER_SECRET_KEY=secondsecretkey000000000000000000000001
S3_TEST_GATEWAY_PID=$(<"$DIR/run/gateway.launched")
S3_TEST_CEPH_CONF=$DIR/ceph.conf
SETTINGS
  [[ -z $TLS_PORT ]] || printf '%s\n' "S3_TEST_TLS_ENDPOINT=https://127.0.0.1:$TLS_PORT" "S3_TEST_TLS_CA=$DIR/tls.crt"
}

stop() {
  local name file pid
  for name in gateway osd mon; do
    file=$DIR/run/$name.launched
    [[ -s $file ]] || continue
    pid=$(<"$file")
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
    # The gateway takes seconds to say good-bye, and nothing of it is needed any more.
    for _ in 1 2 3 4 5; do running "$pid" || break; sleep 0.1; done
    while running "$pid"; do kill -KILL "$pid" 2>/dev/null || true; sleep 0.05; done
    rm -f "$file"
  done
}

case ${1:-} in
  install) install_packages ;;
  check) [[ -z $(missing_tools) ]] ;;
  start | stop)
    [[ $# -eq 2 ]] || usage
    DIR=$(realpath -m "$2")
    "$1"
    ;;
  *) usage ;;
esac
