//! Samplers that learn from scores, over real trainings.

use super::Bench;
use super::resume::{newest, wait_for};
use super::study::{attempts, only_a_training, smoke, status, tasks};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

/// Sums depend on the number of threads in their last digits.
const RUN: [&str; 7] = ["study", "run", "studies/smoke.toml", "--jobs", "2", "--threads", "1"];

/// A bench with trainings of one GAN that a sampler asks for, and nothing after them.
fn searched(sampler: &str, runs: usize, kimg: &str) -> Bench {
    let bench = Bench::new();
    bench.with_judge();
    smoke(&bench, |text| {
        only_a_training(text)
            .replace("{ kind = \"random\", seed = 1 }", sampler)
            .replace("runs = 1", &format!("runs = {runs}"))
            .replace("kimg = 1.0\n", &format!("kimg = {kimg}\n"))
    });
    bench
}

fn finished(bench: &Bench) -> usize {
    tasks(bench, "train").iter().filter(|task| task.join("result.json").exists()).count()
}

/// Names and results' scores of all trainings.
fn found(bench: &Bench) -> Vec<(PathBuf, serde_json::Value)> {
    let one = |task: PathBuf| {
        let text = std::fs::read(task.join("result.json")).unwrap();
        let result: serde_json::Value = serde_json::from_slice(&text).unwrap();
        (PathBuf::from(task.file_name().unwrap()), result["scores"].clone())
    };
    tasks(bench, "train").into_iter().map(one).collect()
}

fn task(folder: &Path) -> toml::Table {
    std::fs::read_to_string(folder.join("task.toml")).unwrap().parse().unwrap()
}

#[test]
fn tpe_proposes_from_real_scores_and_the_same_whatever_dies_on_the_way() {
    let tpe = "{ kind = \"tpe\", seed = 1, startup = 2, generation = 2 }";
    let undisturbed = searched(tpe, 6, "0.2");
    let plan = undisturbed.ok(&["study", "plan", "studies/smoke.toml"]);
    assert!(plan.contains("6 trainings"), "{plan}");
    undisturbed.ok(&RUN);
    assert_eq!(finished(&undisturbed), 6);

    let killed = searched(tpe, 6, "0.2");
    for results in [1, 3, 5] {
        let mut coordinator = killed.command(&RUN).stderr(Stdio::null()).spawn().unwrap();
        wait_for("results", || finished(&killed) >= results);
        coordinator.kill().unwrap();
        coordinator.wait().unwrap();
    }
    killed.ok(&RUN);
    assert_eq!(found(&killed), found(&undisturbed));

    // Not what chance alone draws after the first two.
    let random = searched("{ kind = \"random\", seed = 1 }", 6, "0.2");
    let names = |bench: &Bench| -> Vec<PathBuf> {
        found(bench).into_iter().map(|(name, _)| name).collect()
    };
    random.ok(&RUN);
    let (drawn, proposed) = (names(&random), names(&undisturbed));
    assert_eq!(proposed.iter().filter(|name| drawn.contains(name)).count(), 2);
}

#[test]
fn ten_thousand_trainings_are_planned_in_seconds() {
    let bench = searched("{ kind = \"random\", seed = 1 }", 10_000, "0.2");
    let started = Instant::now();
    let plan = bench.ok(&["study", "plan", "studies/smoke.toml", "--no-trial"]);
    let taken = started.elapsed().as_secs_f64();
    assert!(plan.contains("10000 trainings"), "{plan}");
    eprintln!("10,000 trainings of the real presets planned in {taken:.1} s");
    // Below 5 s where it is optimised.
    assert!(taken < if cfg!(debug_assertions) { 25.0 } else { 5.0 }, "{taken} s");
}

#[test]
fn a_plan_says_what_it_will_take_before_anything_ran() {
    let bench = searched("{ kind = \"random\", seed = 1 }", 4, "0.2");
    let text = std::fs::read_to_string(bench.path("studies/smoke.toml")).unwrap();
    let best = "[best]\ncount = 10\nunet_alone = true\n[unet]\nsteps = 4\nbatch = 4\n";
    std::fs::write(bench.path("studies/smoke.toml"), text + best).unwrap();
    let fresh = bench.ok(&["study", "plan", "studies/smoke.toml"]);
    assert!(fresh.contains("time on one job of this machine's CPU: about "), "{fresh}");
    assert!(fresh.contains("disk to be written: about "), "{fresh}");
    assert!(fresh.contains("10 pairs"), "{fresh}");
    assert!(!bench.path("study-smoke").exists(), "a plan writes nothing");
    let untried = bench.ok(&["study", "plan", "studies/smoke.toml", "--no-trial"]);
    assert!(untried.contains("unknown"), "{untried}");

    bench.ok(&RUN);
    let over = bench.ok(&["study", "plan", "studies/smoke.toml"]);
    assert!(over.contains("time left on one job: 0 s"), "{over}");
    assert_eq!(status(&bench)["best"].as_array().unwrap().len(), 1);
}

#[test]
fn halving_goes_on_with_the_better_half_as_if_it_had_never_stopped() {
    let halving =
        searched("{ kind = \"halving\", seed = 1, first_kimg = 0.2, factor = 2 }", 6, "0.4");
    halving.ok(&RUN);
    let all = tasks(&halving, "train");
    assert_eq!(all.len(), 6, "four of 0.2 kimg, two of 0.4");
    let goes_on = |folder: &&PathBuf| {
        std::fs::read_to_string(folder.join("task.toml")).unwrap().contains("continues")
    };
    let (longer, shorter): (Vec<_>, Vec<_>) = all.iter().partition(goes_on);
    assert_eq!((longer.len(), shorter.len()), (2, 4));

    // Those that went on are the best of the first four, by the distance that was the last of each.
    let distance = |folder: &Path| {
        let result = std::fs::read(folder.join("result.json")).unwrap();
        let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
        let scores = result["scores"].as_array().unwrap().clone();
        let score = scores.iter().find(|score| score["metric"] == "frechet_distance").unwrap();
        score["value"].as_f64().unwrap()
    };
    let rate = |folder: &Path| {
        task(folder)["spec"]["optimiser"]["generator"]["learning_rate"].as_float().unwrap()
    };
    let mut ranked: Vec<(f64, f64)> = shorter.iter().map(|f| (distance(f), rate(f))).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best: Vec<f64> = ranked[..2].iter().map(|(_, rate)| *rate).collect();
    let mut chosen: Vec<f64> = longer.iter().map(|folder| rate(folder)).collect();
    best.sort_by(f64::total_cmp);
    chosen.sort_by(f64::total_cmp);
    assert_eq!(chosen, best);

    // Random search draws the same points, and trains each in one go.
    let straight = searched("{ kind = \"random\", seed = 1 }", 4, "0.4");
    straight.ok(&RUN);
    for folder in longer {
        let spec = task(folder)["spec"].clone();
        let all = tasks(&straight, "train");
        let other = all.iter().find(|other| task(other)["spec"] == spec).expect("the same point");
        let weights =
            |folder: &Path| newest(&folder.join(format!("attempts/{}", attempts(folder))), 400);
        assert_eq!(weights(folder), weights(other));
    }
    assert_eq!(status(&halving)["counts"]["finished"], 7);
}
