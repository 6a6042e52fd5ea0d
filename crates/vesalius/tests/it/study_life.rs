//! What befalls a study between its start and its end: it waits, is cancelled and taken back, shared, damaged.

use super::Bench;
use super::cluster::signal;
use super::resume::{checkpoints, wait_for};
use super::slurm::trainings;
use super::study::{RUN, attempts, child_at_work_on, only_a_training, smoke, start, status, tasks};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

const STUDY: &str = "studies/smoke.toml";

/// A process's exit code, waited for as everything else is; nothing where a signal ended it.
pub fn end(process: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_for("the end of a process", || {
        status = process.try_wait().unwrap();
        status.is_some()
    });
    status.expect("waited for").code()
}

/// The first training that has a checkpoint, once there is one.
fn training_at_work(bench: &Bench) -> PathBuf {
    let mut found = None;
    wait_for("a checkpoint", || {
        let at_work = |task: &PathBuf| checkpoints(&task.join("attempts/1")) > 0;
        found = tasks(bench, "train").into_iter().find(at_work);
        found.is_some()
    });
    found.expect("waited for")
}

/// Command lines that an attempt knows of: its own, and those of the attempts that it goes on from.
fn commands(attempt: &Path) -> usize {
    std::fs::read_to_string(attempt.join("commands.log")).unwrap().lines().count()
}

/// A bench with a study and its judge.
fn studied(edit: impl Fn(String) -> String) -> Bench {
    let bench = Bench::new();
    bench.with_judge();
    smoke(&bench, edit);
    bench
}

/// One training that is over at once.
fn short(text: String) -> String {
    only_a_training(text).replace("kimg = 1.0\n", "kimg = 0.2\n")
}

/// Hundredths of a second that a process has computed, for itself and in the kernel.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // A program's name may hold anything: the numbers begin after its bracket.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_coordinator_that_only_waits_takes_at_most_a_hundredth_of_a_core() {
    let bench = studied(|text| trainings(text, 1, "20.0"));
    let mut coordinator = start(&bench);
    training_at_work(&bench);
    // Held, so that nothing ends meanwhile.
    let worker = child_at_work_on(coordinator.id(), "train-");
    signal("STOP", &worker);
    let before = ticks(coordinator.id());
    std::thread::sleep(Duration::from_secs(10));
    let spent = ticks(coordinator.id()) - before;
    signal("CONT", &worker);
    bench.ok(&["study", "cancel", STUDY, "--all"]);
    assert_eq!(end(&mut coordinator), Some(0));
    assert!(spent <= 10, "{spent} hundredths of a second in 10 seconds");
}

#[test]
fn one_training_is_cancelled_and_taken_back_and_the_other_is_left_alone() {
    let bench = studied(|text| trainings(text, 2, "3.0"));
    let mut coordinator = start(&bench);
    let task = training_at_work(&bench);
    let key = task.file_name().unwrap().to_str().unwrap().strip_prefix("train-").unwrap();
    bench.refused(&["study", "cancel", STUDY, "nothing"], &["nothing", "no task of the study"]);
    bench.ok(&["study", "cancel", STUDY, key]);
    wait_for("the cancellation", || status(&bench)["counts"]["cancelled"] == 1);
    assert!(coordinator.try_wait().unwrap().is_none(), "there is another training");
    bench.ok(&["study", "cancel", STUDY, "--all"]);
    assert_eq!(end(&mut coordinator), Some(0));
    assert_eq!(status(&bench)["counts"]["cancelled"], 2);

    bench.ok(&["study", "retry", STUDY, key]);
    bench.ok(&RUN);
    let counts = &status(&bench)["counts"];
    assert_eq!((&counts["finished"], &counts["cancelled"]), (&2.into(), &1.into()), "{counts}");
    assert!(task.join("result.json").exists());
    assert_eq!(attempts(&task), 2);
    assert_eq!(commands(&task.join("attempts/2")), 2, "it goes on from its checkpoint");
}

#[test]
fn two_studies_in_one_folder_share_what_is_finished() {
    let bench = studied(short);
    bench.ok(&RUN);
    let text = std::fs::read_to_string(bench.path(STUDY)).unwrap();
    let text = text.replace("name = \"smoke\"", "name = \"more\"").replace("runs = 1", "runs = 2");
    std::fs::write(bench.path("studies/more.toml"), text).unwrap();
    let plan = bench.ok(&["study", "plan", "studies/more.toml"]);
    // In all, finished, to do, later.
    for row in [["judge", "1", "1", "0", "0"], ["train", "2", "1", "1", "0"]] {
        assert!(plan.lines().any(|line| line.split_whitespace().eq(row)), "{plan}");
    }
    bench.ok(&["study", "run", "studies/more.toml", "--jobs", "2"]);
    let all = tasks(&bench, "");
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|task| attempts(task) == 1), "nothing was done twice");
    let more = bench.ok(&["study", "status", "studies/more.toml"]);
    assert!(more.starts_with("more: 3 finished\n"), "{more}");
    assert_eq!(status(&bench)["counts"]["finished"], 2, "each counts its own");
}

#[test]
fn a_training_whose_attempts_were_deleted_is_named_and_can_be_done_again() {
    let bench = studied(short);
    bench.ok(&RUN);
    let task = tasks(&bench, "train").remove(0);
    std::fs::remove_dir_all(task.join("attempts")).unwrap();
    // What is asked for from now on needs its checkpoints.
    let text = std::fs::read_to_string(bench.path(STUDY)).unwrap();
    let best = "[best]\ncount = 40\ndistance = [\"unet\"]\n";
    std::fs::write(bench.path(STUDY), text + best).unwrap();
    assert_eq!(bench.run(&RUN).status.code(), Some(1));
    let state = status(&bench);
    let reason = state["failures"][0]["reason"].as_str().unwrap();
    for part in [task.file_name().unwrap().to_str().unwrap(), "no attempt has the task's result"] {
        assert!(reason.contains(part), "`{reason}` lacks `{part}`");
    }
    assert_eq!(state["counts"]["blocked"], 1, "{state}");

    // While the training has a result, the plan has what follows from it, which can be taken back.
    bench.ok(&["study", "retry", STUDY]);
    std::fs::remove_file(task.join("result.json")).unwrap();
    bench.refused(&RUN, &["result.json", "is gone", "reindex"]);
    bench.ok(&["study", "reindex", STUDY]);
    bench.ok(&RUN);
    let counts = &status(&bench)["counts"];
    assert_eq!((&counts["finished"], &counts["failed"]), (&4.into(), &0.into()), "{counts}");
}

#[test]
fn a_worker_that_finds_another_pack_than_was_planned_with_says_so() {
    let bench = studied(|text| trainings(text, 1, "1.0"));
    let mut coordinator = start(&bench);
    let task = training_at_work(&bench);
    signal("TERM", &coordinator.id().to_string());
    assert_eq!(end(&mut coordinator), Some(75));

    let (pack, planned) = (bench.path("packs/phantom"), bench.path("packs/planned"));
    std::fs::rename(&pack, &planned).unwrap();
    bench.phantom_pack_of("packs/phantom", "64x64");
    let output = bench.run(&["worker", task.to_str().unwrap(), "--threads", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let failure = std::fs::read_to_string(task.join("attempts/2/failure.json")).unwrap();
    assert!(failure.contains("the pack changed after planning"), "{failure}");

    std::fs::remove_dir_all(&pack).unwrap();
    std::fs::rename(&planned, &pack).unwrap();
    bench.ok(&RUN);
    assert_eq!(commands(&task.join("attempts/3")), 2, "it goes on from the first attempt");
}

#[test]
fn a_study_whose_packs_moved_goes_on() {
    let bench = studied(|text| trainings(text, 1, "1.0"));
    let mut coordinator = start(&bench);
    let task = training_at_work(&bench);
    signal("TERM", &coordinator.id().to_string());
    assert_eq!(end(&mut coordinator), Some(75));

    std::fs::rename(bench.path("packs"), bench.path("moved")).unwrap();
    let text = std::fs::read_to_string(bench.path(STUDY)).unwrap();
    std::fs::write(bench.path(STUDY), text.replace("../packs/", "../moved/")).unwrap();
    bench.ok(&RUN);
    assert_eq!(status(&bench)["counts"]["finished"], 2);
    assert_eq!(commands(&task.join("attempts/2")), 2, "it goes on from its checkpoint");
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let bench = studied(short);
    bench.ok(&RUN);
    let path = bench.path("study-smoke/store.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    // Where SQLite keeps `user_version`.
    assert_eq!(bytes[60..64], [0_u8, 0, 0, 2]);
    bytes[63] = 3;
    std::fs::write(&path, &bytes).unwrap();
    for command in ["run", "status", "retry"] {
        bench.refused(&["study", command, STUDY], &["store.sqlite", "version 3", "newer"]);
    }
    assert!(std::fs::read(&path).unwrap() == bytes, "somebody wrote into it");
    bytes[63] = 2;
    std::fs::write(&path, &bytes).unwrap();
    bench.ok(&RUN);
    assert_eq!(status(&bench)["counts"]["finished"], 2);
}

/// Results lie in the folders of the tasks: an index can always be made again, and the old one is kept.
#[test]
fn a_damaged_store_is_named_by_every_command_and_made_again_by_reindex() {
    let bench = studied(short);
    bench.ok(&RUN);
    let before = status(&bench);
    let path = bench.path("study-smoke/store.sqlite");
    let whole = std::fs::read(&path).unwrap();
    let mut overwritten = whole.clone();
    overwritten[100..3100].fill(7);
    let mut newer = whole.clone();
    newer[63] = 3;
    let damaged = [b"not a store".to_vec(), vec![], whole[..5000].to_vec(), overwritten, newer];
    for (i, bytes) in damaged.iter().enumerate() {
        std::fs::write(&path, bytes).unwrap();
        for command in ["run", "status", "retry", "plan"] {
            bench.refused(&["study", command, STUDY], &["store.sqlite", "study reindex"]);
        }
        let output = bench.run(&["study", "reindex", STUDY]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(": 2 results"), "{said}");
        assert!(said.lines().any(|line| line.starts_with("set aside as ")), "{said}");
        let number = if i == 0 { String::new() } else { format!("-{}", i + 1) };
        let aside = bench.path(&format!("study-smoke/store.sqlite.damaged{number}"));
        assert!(std::fs::read(aside).unwrap() == *bytes, "kept as it was");
        assert_eq!(status(&bench), before);
    }
    bench.ok(&RUN);
}
