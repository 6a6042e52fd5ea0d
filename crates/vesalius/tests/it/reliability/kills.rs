//! kill -9 at any moment of any stage: the same command (a training: with `--resume`) ends with the same bytes, and
//! nothing
//! is left of the one that was killed.

use super::super::Bench;
use super::super::plausibility::{real_pack, synthetic_pack};
use super::places::{comparable, with};
use super::{count, number, tiny};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use vesalius_study::store::Store;
use vesalius_study::task_dir::TaskDir;

/// One training and what follows from it, beside `OUT`.
pub const STUDY: &str = r#"
name = "killed"
out = "out"
set = [
    "networks.generator.filters=4", "networks.discriminator.filters=4", "training.batch=8",
    "training.checkpoint_every_kimg=0.04", "training.distance_every_kimg=0.08", "training.distance_images=16",
]
dataset = [{ pack = "../pack" }]
gan = [{ preset = "dcgan" }]
budget = { runs = 1, kimg = 0.24 }
search = { sampler = { kind = "random", seed = 1 } }
best = { count = 40, distance = ["unet"] }
"#;

/// Its training's last checkpoint.
const LAST: &str = "/checkpoints/kimg_000000.240/";

/// Name, size and digest of what came of a command.
type Outcome = BTreeMap<String, (String, u64)>;

/// What a result says, but for times, memory, and whatever names folders and attempts.
fn result(run: &Path, name: &str, found: &mut Outcome) {
    if let Ok(text) = std::fs::read(run.join("result.json")) {
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let said = ["stage", "subject", "outcome", "scores", "settings", "overlap"];
        let said = said.map(|field| json[field].to_string()).join("\n");
        found.insert(format!("{name}/result.json"), (said, 0));
    }
}

fn of_command(out: &Path) -> Outcome {
    let mut found = comparable(out);
    result(out, "", &mut found);
    found
}

/// What the tasks of a study found, in whichever attempt, and what its index says of them.
fn of_study(out: &Path) -> Outcome {
    let mut found = Outcome::new();
    for entry in std::fs::read_dir(out.join("tasks")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        result(&folder, &name, &mut found);
        let task = std::fs::read_to_string(folder.join("task.toml")).unwrap();
        found.insert(format!("{name}/task.toml"), (task, 0));
        let attempt = TaskDir::at(&folder).accepted().unwrap();
        let mut files = comparable(&attempt);
        // Those of a pack are added below; previews of earlier attempts stay with them; and a worker that sees that it
        // is
        // alone writes a checkpoint more, so that which are kept beside the last one depends on when it was.
        let differs = |file: &str| {
            file.starts_with("/pack/")
                || file.starts_with("/previews/")
                || (file.starts_with("/checkpoints/") && !file.starts_with(LAST))
        };
        files.retain(|file, _| !differs(file));
        files.extend(comparable(&attempt.join("pack")));
        found.extend(files.into_iter().map(|(file, content)| (name.clone() + &file, content)));
    }
    let known = Store::open_to_read(out).unwrap().unwrap().progress().unwrap();
    assert!(known.given_up.is_empty(), "{known:?}");
    for (key, finished) in known.finished {
        let said = (finished.diverged, finished.distance, finished.images);
        found.insert(format!("index/{key}"), (format!("{said:?}"), 0));
    }
    found
}

/// A command to be killed.
struct Stage {
    command: Vec<&'static str>,
    /// Whether what lies there is all that it makes: the command refuses to be given again.
    is_complete: fn(&Path) -> bool,
    outcome: fn(&Path) -> Outcome,
}

fn stages() -> Vec<Stage> {
    let stage = |command: &[&'static str], is_complete| Stage {
        command: [command, &["--threads", "1"]].concat(),
        is_complete,
        outcome: of_command,
    };
    let of_cpu = |command: &[&'static str]| Stage {
        command: command.to_vec(),
        is_complete: |out| out.exists(),
        outcome: of_command,
    };
    let has_result = |out: &Path| out.join("result.json").exists();
    let exists = |out: &Path| out.exists();
    let sides = ["--real", "pack", "--synthetic", "copies", "--out", "OUT"];
    let compare = |command: &[&'static str]| stage(&[command, &sides].concat(), has_result);
    let mut segment = vec!["segment", "--train", "pack", "--test", "pack", "--out", "OUT"];
    segment.extend(["--preset", "small", "--steps", "6", "--filters", "4", "--depth", "2"]);
    let mut prepare = vec!["prepare", "acdc", "data", "--out", "OUT"];
    prepare.extend(["--size", "32x32", "--crop", "centre:128x128"]);
    vec![
        of_cpu(&["phantom", "acdc", "OUT", "--patients", "2", "--seed", "3"]),
        of_cpu(&prepare),
        Stage {
            command: tiny("OUT", "0.4", &["training.checkpoint_every_kimg=0.04"]),
            is_complete: has_result,
            outcome: of_command,
        },
        stage(&["sample", "run", "--count", "128", "--out", "OUT"], exists),
        of_cpu(&["export", "pack", "--as", "nnunet", "--out", "OUT"]),
        stage(&segment, has_result),
        compare(&["distance"]),
        compare(&["metrics", "--metrics", "frechet_distance,kid,precision_recall,ssim"]),
        compare(&["map", "--count", "40"]),
        stage(
            &["plausibility", "--real", "real", "--synthetic", "fake", "--out", "OUT"],
            has_result,
        ),
        of_cpu(&["report", "run", "--out", "OUT"]),
        Stage {
            command: vec!["study", "run", "STUDY", "--jobs", "1", "--threads", "1"],
            // The same command may always be given.
            is_complete: |_| false,
            outcome: of_study,
        },
    ]
}

impl Stage {
    /// What is given after a kill.
    fn words(&self, bench: &Bench, folder: &str) -> Vec<String> {
        if self.command[0] == "train" && bench.path(folder).join("out/task.toml").exists() {
            let out = format!("{folder}/out");
            let resume = ["train", "pack", "--out", &out, "--resume", "--threads", "1"];
            return resume.map(str::to_owned).to_vec();
        }
        let mut words = with(&self.command, &format!("{folder}/out"));
        if self.command[0] == "study" {
            words[2] = format!("{folder}/study.toml");
        }
        words
    }

    fn prepare(&self, bench: &Bench, folder: &str) {
        std::fs::create_dir(bench.path(folder)).unwrap();
        if self.command[0] == "study" {
            std::fs::write(bench.path(folder).join("study.toml"), STUDY).unwrap();
        }
        // What was computed once is found the next time: there would be little left to kill.
        for entry in std::fs::read_dir(bench.path("cache")).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("features-") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    fn finish(&self, bench: &Bench, folder: &str) {
        let words = self.words(bench, folder);
        bench.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// Workers of a coordinator.
fn children(of: &Child) -> Vec<rustix::process::Pid> {
    let path = format!("/proc/{0}/task/{0}/children", of.id());
    let all = std::fs::read_to_string(path).unwrap_or_default();
    all.split_whitespace()
        .filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?))
        .collect()
}

/// Kills what runs; `with_children`: its workers, too, which else see that they are alone. Whether it was at work.
fn kill(mut process: Child, with_children: bool) -> bool {
    let workers = if with_children { children(&process) } else { vec![] };
    process.kill().unwrap();
    for worker in workers {
        let _ = rustix::process::kill_process(worker, rustix::process::Signal::KILL);
    }
    !process.wait().unwrap().success()
}

#[test]
fn what_is_killed_at_any_moment_is_done_again_with_the_same_bytes() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.with_judge();
    bench.ok(&["copying", "--real", "pack", "--memory-gan", "copies", "--count", "80"]);
    real_pack(&bench);
    synthetic_pack(&bench, "fake", |i, labels| labels[0] = u8::from(i % 5 == 0));
    bench.ok(&tiny("run", "0.16", &[]));
    let stages = stages();
    let mut whole = vec![];
    for (i, stage) in stages.iter().enumerate() {
        let folder = format!("whole-{i}");
        stage.prepare(&bench, &folder);
        let started = Instant::now();
        stage.finish(&bench, &folder);
        let took = started.elapsed();
        whole.push(((stage.outcome)(&bench.path(&folder).join("out")), took));
    }
    let wanted = count("VESALIUS_KILLS", 24);
    let mut hits = vec![(0, 0); stages.len()];
    let mut step = 0;
    let mut outcomes = 0;
    while hits.iter().map(|(hit, _)| hit).sum::<usize>() < wanted {
        let at = outcomes % stages.len();
        let (stage, (expected, took)) = (&stages[at], &whole[at]);
        stage.prepare(&bench, "killed");
        let out = bench.path("killed/out");
        // Twice in a row: what goes on can be killed, too.
        for round in 0..2 {
            let words = stage.words(&bench, "killed");
            let mut command = bench.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // The last tenth is left out: it might be over by then.
            let nanos = took.as_nanos() as u64 / 10 * 9;
            std::thread::sleep(Duration::from_nanos(number(step) % nanos));
            step += 1;
            hits[at].0 += usize::from(kill(child, round == 0));
            hits[at].1 += 1;
        }
        let complete = (stage.is_complete)(&out);
        if !complete {
            stage.finish(&bench, "killed");
        }
        let found = (stage.outcome)(&out);
        let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
        for name in names {
            assert_eq!(found.get(name), expected.get(name), "{name} of {:?}", stage.command);
        }
        let names = std::fs::read_dir(bench.path("killed")).unwrap().flatten();
        let names: Vec<_> = names
            .map(|entry| entry.file_name())
            .filter(|name| stage.command[0] != "study" || name != "study.toml")
            .collect();
        assert!(complete || names == ["out"], "{:?}: {names:?}", stage.command);
        std::fs::remove_dir_all(bench.path("killed")).unwrap();
        outcomes += 1;
    }
    let of_stages: Vec<String> = stages
        .iter()
        .zip(&hits)
        .map(|(stage, (hit, tried))| format!("{} {hit} of {tried}", stage.command[0]))
        .collect();
    println!(
        "kill -9: {} of {} processes killed at work ({}), {outcomes} outcomes the same",
        hits.iter().map(|(hit, _)| hit).sum::<usize>(),
        hits.iter().map(|(_, tried)| tried).sum::<usize>(),
        of_stages.join(", ")
    );
}
