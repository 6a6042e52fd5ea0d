//! What a cluster may not give: room on its disk, a node that the program can run on, a place in the queue.

use super::Bench;
use super::cluster::{Cluster, cluster};
use super::full_disk::Disk;
use super::resume::{checkpoints, wait_for};
use super::slurm::{Aftermath, RUN, bench, each_has_one_result, log, on_slurm, start, trainings};
use super::study::{attempts, smoke, status, tasks};
use super::study_life::end;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

/// Runs a study until its coordinator ends; gives the exit code.
fn run(bench: &Bench, cluster: &Cluster, log: &str) -> Option<i32> {
    end(&mut start(bench, cluster, log))
}

#[test]
fn a_disk_that_is_full_under_a_job_is_named_and_the_study_goes_on_once_there_is_room() {
    let Some(cluster) = cluster() else { return };
    let bench = bench(&cluster);
    let Some(disk) = Disk::mount(&bench.path("study-smoke")) else { return };
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    smoke(&bench, |text| on_slurm(trainings(text, 1, "1.0"), ""));
    let mut coordinator = start(&bench, &cluster, "1.log");
    wait_for("a checkpoint", || {
        tasks(&bench, "train").iter().any(|task| checkpoints(&task.join("attempts/1")) > 0)
    });
    disk.fill();
    // Longer than three quick failures of a job would take: both the worker and the coordinator wait.
    std::thread::sleep(Duration::from_secs(12));
    let said = log(&bench, "1.log");
    assert!(coordinator.try_wait().unwrap().is_none(), "it waits\n{said}");
    disk.empty();
    let code = end(&mut coordinator);
    let said = log(&bench, "1.log");
    assert_eq!(code, Some(0), "{said}");
    let task = tasks(&bench, "train").remove(0);
    let output = std::fs::read_to_string(task.join("output.log")).unwrap();
    assert!(
        said.contains("is full") || format!("{said}{output}").contains("waiting for room"),
        "{said}\n{output}"
    );
    assert!(!said.contains("panicked") && !output.contains("panicked"), "{said}\n{output}");
    each_has_one_result(&bench, 2);
}

#[test]
fn a_job_that_never_becomes_a_worker_is_given_up_after_three_times_with_the_last_it_said() {
    let Some(cluster) = cluster() else { return };
    let bench = bench(&cluster);
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    let broken = "setup = [\"echo no such module\", \"exit 1\"]";
    smoke(&bench, |text| on_slurm(trainings(text, 1, "0.4"), broken));
    assert_eq!(run(&bench, &cluster, "1.log"), Some(1), "{}", log(&bench, "1.log"));
    let state = status(&bench);
    for (count, expected) in [("failed", 1), ("blocked", 1), ("to_do", 0)] {
        assert_eq!(state["counts"][count], expected, "{count}: {state}");
    }
    let reason = state["failures"][0]["reason"].as_str().unwrap();
    for part in ["left the queue", "no such module"] {
        assert!(reason.contains(part), "`{reason}` lacks `{part}`");
    }
    assert_eq!(attempts(&tasks(&bench, "judge")[0]), 3);

    let path = bench.path("studies/smoke.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(broken, "")).unwrap();
    bench.ok(&["study", "retry", "studies/smoke.toml"]);
    assert_eq!(run(&bench, &cluster, "2.log"), Some(0), "{}", log(&bench, "2.log"));
    each_has_one_result(&bench, 2);
}

/// Puts an sbatch before Slurm's own that refuses, in Slurm's words, while a condition of the shell holds.
fn limit_jobs(bench: &Bench, condition: &str) {
    let script = format!(
        "#!/bin/sh\nif {condition}; then\ncat >&2 <<'WORDS'\n\
         sbatch: error: AssocMaxSubmitJobLimit\n\
         sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size \
         and/or time limits)\nWORDS\nexit 1\nfi\nexec /usr/bin/sbatch \"$@\"\n"
    );
    let path = bench.path("bin/sbatch");
    std::fs::create_dir_all(bench.path("bin")).unwrap();
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_limit_of_jobs_is_said_at_once_where_no_job_can_end_and_waited_for_where_one_can() {
    let Some(cluster) = cluster() else { return };
    // Whatever is left of an earlier test would be a job that the limit counts and the study does not know.
    cluster.clear();
    let mut bench = bench(&cluster);
    let path = format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap());
    bench.variable("PATH", &path);
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    // More trainings than an array of this cluster may have elements: two arrays at once.
    smoke(&bench, |text| on_slurm(trainings(text, 6, "0.2"), ""));
    limit_jobs(&bench, "true");
    bench.refused(&RUN, &["Slurm refused", "AssocMaxSubmitJobLimit"]);
    assert!(std::fs::read_dir(bench.path("study-smoke/slurm")).unwrap().next().is_none());

    limit_jobs(&bench, "[ -n \"$(squeue -h)\" ]");
    let code = run(&bench, &cluster, "1.log");
    let said = log(&bench, "1.log");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("waiting for jobs to end") && said.contains("job submit limit"),
        "{said}"
    );
    each_has_one_result(&bench, 7);
    for task in tasks(&bench, "") {
        assert_eq!(attempts(&task), 1, "{}", task.display());
    }
}
