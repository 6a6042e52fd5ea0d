//! A real Slurm cluster of two nodes on this machine (`scripts/slurm_cluster.sh`), shared by the tests of this process
//! one after the other: some of them kill its daemons. It ends with the process, whose end closes the script's stdin.

use super::resume::wait_for;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;
use vesalius_testing::Need;

pub struct Cluster {
    folder: tempfile::TempDir,
    /// Holds the script's stdin open.
    _script: Child,
}

/// The cluster, for as long as the guard lives; says so and gives nothing where Slurm is not installed.
pub fn cluster() -> Option<MutexGuard<'static, Cluster>> {
    static CLUSTER: OnceLock<Option<Mutex<Cluster>>> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| Cluster::start().map(Mutex::new)).as_ref()?;
    Some(cluster.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Cluster {
    fn start() -> Option<Self> {
        let installed = ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"];
        if let Some(missing) = installed.iter().find(|path| !Path::new(path).exists()) {
            Need::Slurm.missing(&format!("no {missing} (scripts/slurm_cluster.sh install)"));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut script = Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/slurm_cluster.sh"))
            .arg("run")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "the cluster did not start");
        Some(Self { folder, _script: script })
    }

    pub fn conf(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("slurm.conf")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("SLURM_CONF", self.conf());
        command
    }

    /// Runs one of Slurm's commands, which must succeed.
    pub fn slurm(&self, program: &str, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(program, arguments).output().unwrap();
        let text = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{program} {arguments:?}: {text}");
        String::from_utf8(stdout).unwrap()
    }

    /// Jobs of a state: number, node.
    pub fn jobs(&self, state: &str) -> Vec<(String, String)> {
        let text = self.slurm("squeue", &["-h", "-r", "-t", state, "-o", "%i %N"]);
        let job = |line: &str| {
            let (id, node) = line.split_once(' ')?;
            Some((id.to_owned(), node.trim().to_owned()))
        };
        text.lines().filter_map(job).collect()
    }

    /// Waits until the controller has saved what it knows now. One that is killed comes back with what it saved last:
    /// some
    /// seconds old, it may even run jobs again that were over.
    pub fn saved(&self) {
        let now = SystemTime::now();
        let path = self.folder.path().join("state").join("job_state");
        wait_for("the controller's saved state", || {
            path.metadata().and_then(|saved| saved.modified()).is_ok_and(|saved| saved >= now)
        });
    }

    fn pid(&self, daemon: &str) -> String {
        let path = self.folder.path().join("run").join(format!("{daemon}.pid"));
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// Kills a daemon with SIGKILL: `slurmctld`, or the slurmd of `n1` or `n2`.
    pub fn kill(&self, daemon: &str) {
        let pid = self.pid(daemon);
        signal("KILL", &pid);
        wait_for("the daemon's end", || !Path::new("/proc").join(&pid).join("exe").exists());
    }

    /// Kills the slurmd of a node and says at once what Slurm would find out in half a minute: the node is lost.
    pub fn lose(&self, node: &str) {
        self.kill(node);
        self.slurm(
            "scontrol",
            &["update", &format!("NodeName={node}"), "State=DOWN", "Reason=test"],
        );
    }

    /// Starts a requeued job now: Slurm lets it wait for two minutes.
    pub fn start_now(&self, job: &str) {
        let (id, now) = (format!("JobId={job}"), "StartTime=now");
        wait_for("the requeued job", || self.jobs("pending").iter().any(|(found, _)| found == job));
        self.slurm("scontrol", &["update", &id, now]);
    }

    /// Starts it again, with what it had saved.
    pub fn start_again(&self, daemon: &str) {
        let conf = self.conf();
        let conf = conf.to_str().unwrap();
        match daemon {
            "slurmctld" => self.slurm("/usr/sbin/slurmctld", &["-f", conf]),
            node => self.slurm("/usr/sbin/slurmd", &["-N", node, "-f", conf]),
        };
        wait_for("both nodes", || {
            let output = self.command("sinfo", &["-h", "-p", "main", "-o", "%t"]).output().unwrap();
            let states = String::from_utf8_lossy(&output.stdout).into_owned();
            let lost = states.contains('*') || states.contains("down");
            output.status.success() && !states.is_empty() && !lost
        });
    }

    /// Prints the queue and what the daemons said last, and ends what is in the queue, as well as can be.
    pub fn explain(&self) {
        for (program, arguments) in [("squeue", vec!["-r", "-l"]), ("scancel", vec!["--user=root"])]
        {
            let output = self.command(program, &arguments).output().unwrap();
            eprintln!("--- {program}\n{}", String::from_utf8_lossy(&output.stdout));
        }
        for daemon in ["slurmctld", "n1", "n2"] {
            let log = self.folder.path().join("log").join(format!("{daemon}.log"));
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- {daemon}\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }

    /// Ends what a test left in the queue.
    pub fn clear(&self) {
        self.slurm("scancel", &["--user=root"]);
        wait_for("an empty queue", || self.slurm("squeue", &["-h"]).is_empty());
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), pid]).status().unwrap();
    assert!(status.success(), "kill -{name} {pid}");
}

/// Workers that a cluster's jobs run below a folder: process numbers with the numbers of their jobs.
pub fn workers(below: &Path) -> Vec<(String, String)> {
    // A coordinator that has just begun has made no folder yet.
    let Ok(below) = below.canonicalize() else { return vec![] };
    let below = below.to_string_lossy();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let worker = |entry: std::fs::DirEntry| {
        let read = |name: &str| {
            let bytes = std::fs::read(entry.path().join(name)).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let line = read("cmdline")?;
        if !line.contains("--submission") || !line.contains(&*below) {
            return None;
        }
        let variables = read("environ")?;
        let of = |name: &str| {
            variables.split('\0').find_map(|v| v.strip_prefix(name)).map(str::to_owned)
        };
        let job = format!("{}_{}", of("SLURM_ARRAY_JOB_ID=")?, of("SLURM_ARRAY_TASK_ID=")?);
        Some((entry.file_name().to_string_lossy().into_owned(), job))
    };
    entries.filter_map(worker).collect()
}
