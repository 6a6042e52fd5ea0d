#!/usr/bin/env bash
# A Slurm cluster of two nodes on this machine, for tests: no systemd, no cgroups, no accounting, nothing left behind.
#
#   scripts/slurm_cluster.sh install     Debian's packages, as root; needs the network
#   scripts/slurm_cluster.sh run DIR     starts a cluster in DIR, says `ready`, runs until its stdin closes, and stops it
#
# While it runs: export SLURM_CONF=DIR/slurm.conf. Daemons write their process numbers into DIR/run/, so that tests can
# kill one and start it again as `slurmctld -f DIR/slurm.conf` or `slurmd -N n1 -f DIR/slurm.conf`.
# Measured on Debian 12 (Slurm 22.05.8).
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

install() {
  if command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v sbatch >/dev/null; then
    return
  fi
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts daemons of new packages unless this says no; the packages' own cluster is not wanted.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client >/dev/null
}

# Three ports in a row that nobody listens on.
free_ports() {
  local base port
  while :; do
    base=$((20000 + RANDOM % 10000))
    for port in "$base" $((base + 1)) $((base + 2)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
    done
    echo "$base"
    return
  done
}

configure() {
  local dir=$1 user host port
  user=$(id -un) host=$(hostname -s) port=$(free_ports)
  mkdir -p "$dir"/{run,log,state,spool/n1,spool/n2}
  chmod 755 "$dir" "$dir"/*
  cat >"$dir/slurm.conf" <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# One user, one machine: nothing to prove.
AuthType=auth/none
CredType=cred/none
# A requeued job may start again after so many seconds; the default is two minutes.
AuthInfo=cred_expire=3
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=100000,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
SlurmdTimeout=5
SlurmctldTimeout=5
InactiveLimit=0
KillWait=5
MaxArraySize=5
EnforcePartLimits=ALL
SlurmdParameters=config_overrides
NodeName=DEFAULT CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=2000 State=UNKNOWN
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1))
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2))
PartitionName=DEFAULT Nodes=n[1-2] MaxTime=60 DefaultTime=60 State=UP
PartitionName=main Default=YES PriorityTier=10 PreemptMode=OFF
PartitionName=low PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high PriorityTier=100 PreemptMode=OFF
PartitionName=members AllowAccounts=members PriorityTier=10 PreemptMode=OFF
CONF
  echo "CgroupPlugin=cgroup/v1" >"$dir/cgroup.conf"
}

# Sends a signal to the process of a file, if it is still the program that it was.
signal() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$3" ]; then
    kill -"$2" "$pid" 2>/dev/null || true
  fi
}

stop() {
  local dir=$1 process
  signal "$dir/run/slurmctld.pid" KILL slurmctld
  for node in n1 n2; do signal "$dir/run/$node.pid" KILL slurmd; done
  # Jobs and their shepherds: they carry this cluster's name.
  for process in /proc/[0-9]*; do
    if grep -qzFx "SLURM_CONF=$dir/slurm.conf" "$process/environ" 2>/dev/null &&
      { grep -qz '^SLURM_JOB_ID=' "$process/environ" 2>/dev/null ||
        [ "$(cat "$process/comm" 2>/dev/null)" = slurmstepd ]; }; then
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
  rm -rf "$dir"
}

run() {
  local dir=$1
  for program in slurmctld slurmd sbatch squeue; do
    command -v "$program" >/dev/null || { echo "$program: not installed" >&2; exit 2; }
  done
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  configure "$dir"
  trap 'stop "$dir"' EXIT
  trap 'exit 1' INT TERM HUP
  export SLURM_CONF="$dir/slurm.conf"
  slurmctld -c -f "$SLURM_CONF"
  slurmd -N n1 -f "$SLURM_CONF"
  slurmd -N n2 -f "$SLURM_CONF"
  for _ in $(seq 300); do
    if [ "$(sinfo -h -p main -t idle -o %D 2>/dev/null)" = 2 ]; then
      echo ready
      cat >/dev/null
      exit 0
    fi
    sleep 0.1
  done
  echo "the nodes are not idle after 30 s; logs:" >&2
  tail -n 5 "$dir"/log/* >&2
  exit 1
}

case "${1:-}" in
  install) install ;;
  run) run "${2:?expected a folder}" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
