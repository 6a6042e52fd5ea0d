//! What goes wrong on a cluster, with real daemons and real signals: every task ends with exactly one accepted result.

use super::Bench;
use super::cluster::{Cluster, cluster, signal, workers};
use super::resume::{newest, wait_for};
use super::slurm::{
    Aftermath, RUN, a_new_checkpoint, bench, each_has_one_result, log, on_slurm, start, trainings,
};
use super::study::{attempts, smoke, status, tasks};
use rand::{RngExt as _, SeedableRng as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_training_goes_through_every_fault_of_a_cluster_and_ends_as_an_undisturbed_one() {
    let Some(cluster) = cluster() else { return };
    let straight = Bench::new();
    straight.with_judge();
    smoke(&straight, |text| trainings(text, 1, "4.0"));
    let alone = ["study", "run", "studies/smoke.toml", "--jobs", "1", "--threads", "1"];
    let mut alone = straight.command(&alone).stderr(Stdio::null()).spawn().unwrap();

    let bench = bench(&cluster);
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    let low = "partition = \"low\"\nsignal_secs = 60";
    smoke(&bench, |text| on_slurm(trainings(text, 1, "4.0"), low));
    let mut coordinator = start(&bench, &cluster, "1.log");
    // One that an earlier fault is still ending does not count.
    let mut seen: Vec<String> = vec![];
    let mut at_work = || {
        let mut found = None;
        let mut another = || {
            wait_for("another worker", || {
                found = workers(&bench.path("study-smoke"))
                    .into_iter()
                    .find(|(pid, _)| !seen.contains(pid));
                found.is_some()
            });
        };
        // The first one may be the judge's, which is over when a training has a checkpoint.
        another();
        a_new_checkpoint(&bench);
        another();
        let found: (String, String) = found.expect("waited for");
        seen.push(found.0.clone());
        // Held until the fault meets it: on a fast machine it would be over before.
        signal("STOP", &found.0);
        found
    };

    // The worker is killed: its job leaves the queue, and the task is submitted again.
    let (worker, _) = at_work();
    signal("KILL", &worker);

    // The job is cancelled behind the study's back.
    let (_, job) = at_work();
    cluster.slurm("scancel", &[&job]);

    // The warning ahead of the time limit: a checkpoint, and a new job.
    let (worker, _) = at_work();
    signal("USR1", &worker);
    signal("CONT", &worker);

    // The coordinator is killed, then the controller; a new coordinator waits for it.
    let (_, job) = at_work();
    // Something to save.
    cluster.slurm("scontrol", &["update", &format!("jobid={job}"), "comment=held"]);
    cluster.saved();
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    cluster.kill("slurmctld");
    coordinator = start(&bench, &cluster, "2.log");
    wait_for("a coordinator that waits", || log(&bench, "2.log").contains("waiting for Slurm"));
    cluster.start_again("slurmctld");

    // A better job preempts it: Slurm requeues the same job. What it signals it lets go on.
    let mut job = String::new();
    wait_for("a job at work", || {
        let (running, at_work) = (cluster.jobs("running"), workers(&bench.path("study-smoke")));
        let ([(id, _)], [(worker, of)]) = (&running[..], &at_work[..]) else { return false };
        if id != of {
            return false;
        }
        // Another one than before, where the controller forgot its job.
        signal("STOP", worker);
        job.clone_from(id);
        true
    });
    let nap =
        ["--parsable", "-p", "high", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 2"];
    cluster.slurm("sbatch", &nap);
    wait_for("preemption", || !cluster.jobs("running").iter().any(|(id, _)| *id == job));
    cluster.start_now(&job);

    // The node is lost with its worker still at work: Slurm runs the job a second time beside it.
    let (orphan, job) = at_work();
    let running = cluster.jobs("running");
    let node = &running.iter().find(|(id, _)| *id == job).expect("the job at work").1;
    cluster.lose(node);
    cluster.start_now(&job);
    wait_for("a second worker", || workers(&bench.path("study-smoke")).len() == 2);
    signal("CONT", &orphan);
    assert_eq!(coordinator.wait().unwrap().code(), Some(0), "{}", log(&bench, "2.log"));
    cluster.start_again(node);
    wait_for("the orphan's end", || workers(&bench.path("study-smoke")).is_empty());

    each_has_one_result(&bench, 2);
    assert!(alone.wait().unwrap().success());
    let task = tasks(&bench, "train").remove(0);
    let result = std::fs::read(task.join("result.json")).unwrap();
    let accepted =
        (1..=attempts(&task)).map(|n| task.join(format!("attempts/{n}"))).find(|attempt| {
            std::fs::read(attempt.join("result.json")).is_ok_and(|bytes| bytes == result)
        });
    let other = tasks(&straight, "train").remove(0);
    assert_eq!(newest(&accepted.unwrap(), 4000), newest(&other.join("attempts/1"), 4000));
    // What counts against it: the killed worker, and a job that the killed controller may have forgotten.
    assert!((1..=2).contains(&failures(&task)), "{}", log(&bench, "2.log"));
}

#[test]
fn all_jobs_are_cancelled_by_hand_and_by_the_study_and_nothing_is_lost() {
    let Some(cluster) = cluster() else { return };
    let bench = bench(&cluster);
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    // More tasks than an array of this cluster may have elements.
    smoke(&bench, |text| on_slurm(trainings(text, 7, "0.4"), "max_queued = 7"));
    let mut coordinator = start(&bench, &cluster, "1.log");
    wait_for("trainings", || tasks(&bench, "train").iter().any(|task| attempts(task) > 0));
    assert!(cluster.slurm("squeue", &["-h", "-r"]).lines().count() >= 4);
    cluster.slurm("scancel", &["--user=root"]);
    wait_for("all of them again", || cluster.jobs("running").len() >= 2);

    // Told to end, it lets go of its jobs; cancelled tasks end without it.
    signal("TERM", &coordinator.id().to_string());
    assert_eq!(coordinator.wait().unwrap().code(), Some(75), "{}", log(&bench, "1.log"));
    assert!(log(&bench, "1.log").contains("stay in the queue"), "{}", log(&bench, "1.log"));
    bench.ok(&["study", "cancel", "studies/smoke.toml", "--all"]);
    assert_eq!(bench.run(&RUN).status.code(), Some(0));
    let counts = status(&bench)["counts"].clone();
    assert_eq!((&counts["to_do"], &counts["failed"]), (&0.into(), &0.into()), "{counts}");
    wait_for("an empty queue", || cluster.slurm("squeue", &["-h"]).is_empty());
    bench.ok(&["study", "retry", "studies/smoke.toml"]);
    bench.ok(&RUN);
    each_has_one_result(&bench, 8);
    cluster.clear();
}

/// Attempts of a task that counted against it.
fn failures(task: &Path) -> usize {
    let failed = |n: &usize| task.join(format!("attempts/{n}/failure.json")).exists();
    (1..=attempts(task)).filter(failed).count()
}

/// Moves the end of a running job's time; Slurm looks at limits every half minute.
fn ends_in(cluster: &Cluster, job: &str, seconds: u32) {
    let (id, end) = (format!("JobId={job}"), format!("EndTime=now+{seconds}seconds"));
    cluster.slurm("scontrol", &["update", &id, &end]);
}

#[test]
fn the_time_limit_warns_one_job_and_ends_another_and_the_training_goes_on() {
    let Some(cluster) = cluster() else { return };
    let bench = bench(&cluster);
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    smoke(&bench, |text| on_slurm(trainings(text, 1, "1.0"), "signal_secs = 70"));
    let mut coordinator = start(&bench, &cluster, "1.log");
    let training = || tasks(&bench, "train").pop().filter(|task| attempts(task) > 0);
    wait_for("the training", || training().is_some());
    let task = training().expect("waited for");

    // Held, so that it is not over before its time is; Slurm lets a process go on before it signals it.
    let held = |number: usize| {
        wait_for("an attempt at work", || {
            attempts(&task) == number && workers(&bench.path("study-smoke")).len() == 1
        });
        a_new_checkpoint(&bench);
        let (worker, job) = workers(&bench.path("study-smoke")).pop().expect("waited for");
        signal("STOP", &worker);
        job
    };
    let stopped = |number| task.join(format!("attempts/{number}/stopped.json")).exists();

    // Warned ahead of the limit (USR1), it writes its checkpoint and asks for a new job.
    ends_in(&cluster, &held(1), 60);
    wait_for("a second attempt", || attempts(&task) == 2);
    assert!(stopped(1));

    // At the limit itself (TERM, and KILL five seconds later) it does the same.
    ends_in(&cluster, &held(2), 1);
    wait_for("a third attempt", || attempts(&task) == 3);
    assert!(stopped(2));
    assert_eq!(coordinator.wait().unwrap().code(), Some(0), "{}", log(&bench, "1.log"));
    assert_eq!(failures(&task), 0);
    assert!(log(&bench, "1.log").matches("(goes on)").count() == 2, "{}", log(&bench, "1.log"));
    each_has_one_result(&bench, 2);
}

#[test]
fn coordinators_killed_at_random_moments_submit_nothing_twice() {
    let Some(cluster) = cluster() else { return };
    let bench = bench(&cluster);
    let _aftermath = Aftermath { bench: &bench, cluster: &cluster };
    // A job that an orphaned sbatch has yet to submit is given time to appear before it is submitted again.
    let patient = |text: String| text.replace("grace_secs = 1\n", "grace_secs = 10\n");
    smoke(&bench, |text| patient(on_slurm(trainings(text, 6, "2.0"), "max_queued = 2")));
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(20_261_127);
    let mut kills = 0;
    while kills < 20 {
        let mut coordinator = start(&bench, &cluster, "1.log");
        std::thread::sleep(Duration::from_millis(rng.random_range(0..1500)));
        if let Some(status) = coordinator.try_wait().unwrap() {
            assert!(status.success(), "{}", log(&bench, "1.log"));
            break;
        }
        coordinator.kill().unwrap();
        coordinator.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 10, "{kills} kills, and the study was over");
    bench.ok(&RUN);
    each_has_one_result(&bench, 7);
    for task in tasks(&bench, "") {
        assert_eq!(attempts(&task), 1, "{}", task.display());
    }
}
