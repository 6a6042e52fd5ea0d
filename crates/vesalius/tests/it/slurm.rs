//! Studies on a real Slurm cluster, and everything that goes wrong on one.

use super::Bench;
use super::cluster::{Cluster, cluster, workers};
use super::resume::{checkpoints, wait_for};
use super::study::{only_a_training, smoke, status, tasks};
use std::process::{Child, Command, Stdio};

pub const RUN: [&str; 5] = ["study", "run", "studies/smoke.toml", "--on", "slurm"];

/// The `[slurm]` table of a test: quick looks at the queue, and no shared disk to wait for.
pub fn on_slurm(text: String, more: &str) -> String {
    format!("{text}\n[slurm]\npoll_secs = 1\ngrace_secs = 1\n{more}\n")
}

pub fn start(bench: &Bench, cluster: &Cluster, log: &str) -> Child {
    let log = std::fs::File::create(bench.path(log)).unwrap();
    let mut command = bench.command(&RUN);
    command.env("SLURM_CONF", cluster.conf()).stderr(log).stdout(Stdio::null()).spawn().unwrap()
}

/// A bench whose commands know the cluster.
pub fn bench(cluster: &Cluster) -> Bench {
    let mut bench = Bench::new();
    bench.with_judge();
    bench.variable("SLURM_CONF", cluster.conf().to_str().unwrap());
    bench
}

/// So many trainings of enough steps that faults meet them at work.
pub fn trainings(text: String, runs: usize, kimg: &str) -> String {
    only_a_training(text)
        .replace("runs = 1", &format!("runs = {runs}"))
        .replace("kimg = 1.0\n", &format!("kimg = {kimg}\n"))
        .replace("training.distance_every_kimg=0.2", "training.distance_every_kimg=2")
}

/// What a failed test leaves: words that tell why, and a cluster that the next test can use.
pub struct Aftermath<'a> {
    pub bench: &'a Bench,
    pub cluster: &'a Cluster,
}

impl Drop for Aftermath<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in ["1.log", "2.log"] {
            eprintln!("--- {name}\n{}", log(self.bench, name));
        }
        let said = self.bench.run(&["study", "status", "studies/smoke.toml"]);
        eprintln!("--- status\n{}", String::from_utf8_lossy(&said.stdout));
        self.cluster.explain();
        for (pid, _) in workers(&self.bench.path("study-smoke")) {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    }
}

fn finished(bench: &Bench) -> usize {
    tasks(bench, "").iter().filter(|task| task.join("result.json").exists()).count()
}

/// Every task has exactly one accepted result, which is that of one of its attempts.
pub fn each_has_one_result(bench: &Bench, count: usize) {
    let all = tasks(bench, "");
    assert_eq!(all.len(), count);
    for task in all {
        let accepted = std::fs::read(task.join("result.json")).unwrap();
        let numbers = std::fs::read_dir(task.join("attempts")).unwrap();
        let same = numbers.filter(|attempt| {
            let path = attempt.as_ref().unwrap().path().join("result.json");
            std::fs::read(path).is_ok_and(|bytes| bytes == accepted)
        });
        assert_eq!(same.count(), 1, "{}", task.display());
    }
    let counts = &status(bench)["counts"];
    let over = counts["finished"].as_u64().unwrap() + counts["diverged"].as_u64().unwrap();
    assert_eq!(over, count as u64, "{counts}");
}

/// Waits until the task has gone at least so many checkpoints further than now, over all its attempts.
pub fn a_new_checkpoint(bench: &Bench) {
    let names = || {
        let all = tasks(bench, "train").into_iter().flat_map(|task| {
            let attempts = std::fs::read_dir(task.join("attempts")).into_iter().flatten().flatten();
            attempts.filter_map(|a| newest_name(&a.path()))
        });
        all.max()
    };
    let before = names();
    wait_for("a new checkpoint", || names() > before);
}

fn newest_name(attempt: &std::path::Path) -> Option<String> {
    if checkpoints(attempt) == 0 {
        return None;
    }
    let entries = std::fs::read_dir(attempt.join("checkpoints")).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("kimg_")).max()
}

#[test]
fn the_smoke_study_runs_on_slurm_and_what_slurm_refuses_changes_nothing() {
    let Some(cluster) = cluster() else { return };
    let bench = bench(&cluster);
    for (wrong, parts) in [
        ("partition = \"nowhere\"", ["Slurm refused", "partition"]),
        ("partition = \"members\"\naccount = \"strangers\"", ["Slurm refused", "account"]),
        ("time = \"2-0\"", ["Slurm refused", "time"]),
        ("lines = [\"--gres=gpu:9\"]", ["Slurm refused", "generic resource"]),
    ] {
        smoke(&bench, |text| on_slurm(text, wrong));
        bench.refused(&RUN, &parts);
        assert!(std::fs::read_dir(bench.path("study-smoke/slurm")).unwrap().next().is_none());
        std::fs::remove_dir_all(bench.path("packs")).unwrap();
    }
    bench.refused(
        &["study", "run", "studies/smoke.toml", "--on", "slurm", "--jobs", "2"],
        &["max_queued"],
    );

    smoke(&bench, |text| on_slurm(text, "tasks_per_job = 2\nthrottle = 3"));
    let plan = bench.ok(&["study", "plan", "studies/smoke.toml", "--slurm"]);
    // The judge's U-Net in one element, two others in the next: an element's tasks are of one stage.
    assert!(plan.contains("#SBATCH --array=0-1%3\n"), "{plan}");
    assert!(plan.contains("--submission") && !bench.path("study-smoke/slurm/x").exists(), "{plan}");

    // The coordinator dies in the middle; a second one beside its successor is refused.
    let mut first = start(&bench, &cluster, "first.log");
    wait_for("a result", || finished(&bench) >= 2);
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = start(&bench, &cluster, "second.log");
    wait_for("more results", || finished(&bench) >= 4);
    bench.refused(&RUN, &["coordinates here since", "host", "process"]);
    assert_eq!(second.wait().unwrap().code(), Some(0), "{}", log(&bench, "second.log"));
    each_has_one_result(&bench, 15);
}

pub fn log(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(name)).unwrap_or_default()
}
