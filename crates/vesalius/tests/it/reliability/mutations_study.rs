//! Damaged files of a study's folder and of the cache: refused in one line, told by their digests, or made again; never
//! another number.

use super::super::Bench;
use super::count;
use super::kills::STUDY;
use super::mutations::{mutate, read};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What became of a number.
#[derive(Debug, PartialEq)]
enum Became {
    Refused,
    /// Its reader is told that it is not what was written.
    Told,
    Is(Vec<u8>),
}

/// What a command prints, or that it refused, in one line; a worker ends with 1 then.
fn printed(bench: &Bench, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = bench.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked") && !said.contains("a fault of"), "{arguments:?}: {said}");
    let code = output.status.code();
    if code == Some(0) {
        return Some(output.stdout);
    }
    assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?}: {said}");
    let errors = said.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{arguments:?}: {said}");
    None
}

const FILE: &str = "s/study.toml";

/// What the index says of all tasks, and the tables of their results.
fn status_and_report(bench: &Bench, _: &Path) -> Became {
    let status = printed(bench, &["study", "status", FILE, "--json"]);
    let page = printed(bench, &["study", "report", FILE, "--out", "page"]);
    let text = page.map(|_| std::fs::read_to_string(bench.path("page/report.md")).unwrap());
    let _ = std::fs::remove_dir_all(bench.path("page"));
    let (Some(status), Some(text)) = (status, text) else { return Became::Refused };
    if text.contains("Edited or damaged") || text.contains("not known (older version)") {
        return Became::Told;
    }
    Became::Is([status, text.into_bytes()].concat())
}

/// The same after a coordinator has looked at it.
fn run_again(bench: &Bench, file: &Path) -> Became {
    match printed(bench, &["study", "run", FILE, "--jobs", "1", "--threads", "1"]) {
        Some(_) => status_and_report(bench, file),
        None => Became::Refused,
    }
}

/// The score of a task that is done once more.
fn work_again(bench: &Bench, file: &Path) -> Became {
    let task = file.parent().unwrap();
    let _ = std::fs::remove_file(task.join("result.json"));
    let _ = std::fs::remove_dir_all(task.join("attempts"));
    match printed(bench, &["worker", task.to_str().unwrap(), "--threads", "1"]) {
        Some(_) => {
            let result: serde_json::Value =
                serde_json::from_slice(&read(task.join("result.json"))).unwrap();
            Became::Is(result["scores"].to_string().into_bytes())
        }
        None => Became::Refused,
    }
}

const DISTANCE: [&str; 8] =
    ["distance", "--real", "pack", "--synthetic", "copies", "--threads", "1", "--json"];

/// A distance whose command may find something damaged in the cache.
fn measure(bench: &Bench, _: &Path) -> Became {
    printed(bench, &DISTANCE).map_or(Became::Refused, Became::Is)
}

/// The same, ended once it says that the network is trained anew: that takes minutes.
fn begin_to_measure(bench: &Bench, file: &Path) -> Became {
    let mut child =
        bench.command(&DISTANCE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let mut warned = false;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        warned |= line.starts_with("warning: ") && line.contains(&name) && line.contains("SHA-256");
        if warned && line.starts_with("training the judge") {
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!file.exists(), "it is removed");
            return Became::Told;
        }
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    Became::Is(output.stdout)
}

/// A file whose name begins so.
fn named(folder: &Path, stem: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut found = entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(stem));
    found.next().unwrap_or_else(|| panic!("{}: no {stem}", folder.display()))
}

type Kind = (&'static str, PathBuf, fn(&Bench, &Path) -> Became);

#[test]
fn a_damaged_file_of_a_study_or_of_the_cache_never_gives_another_number() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.with_judge();
    bench.ok(&["copying", "--real", "pack", "--memory-gan", "copies", "--count", "80"]);
    std::fs::create_dir(bench.path("s")).unwrap();
    std::fs::write(bench.path(FILE), STUDY).unwrap();
    bench.ok(&["study", "run", FILE, "--jobs", "1", "--threads", "1"]);
    // Those of these two packs alone.
    for entry in std::fs::read_dir(bench.path("cache")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("features-") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    bench.ok(&DISTANCE);
    let tasks = bench.path("s/out/tasks");
    let cache = bench.path("cache");
    let kinds: [Kind; 7] = [
        ("index", bench.path("s/out/store.sqlite"), status_and_report),
        ("index, to write", bench.path("s/out/store.sqlite"), run_again),
        ("packs of a study", bench.path("s/out/packs-killed.json"), run_again),
        ("result of a task", named(&tasks, "train-").join("result.json"), status_and_report),
        ("kept features", named(&cache, "features-"), measure),
        ("kept judge", named(&cache, "unet-"), begin_to_measure),
        // Last: the task is done again.
        ("task", named(&tasks, "distance-").join("task.toml"), work_again),
    ];
    let each = count("VESALIUS_MUTATIONS", 12);
    let mut all = [0; 3];
    for (number, (name, file, outcome)) in kinds.into_iter().enumerate() {
        let whole = read(file.clone());
        let expected = outcome(&bench, &file);
        assert!(matches!(expected, Became::Is(_)), "{name}: {expected:?} as it is");
        let (mut refused, mut told, mut same) = (0, 0, 0);
        for seed in 0..each {
            let mutant = mutate(&whole, (100 + number) as u64 * 1_000_000 + seed as u64);
            if mutant == whole {
                continue;
            }
            std::fs::write(&file, &mutant).unwrap();
            match outcome(&bench, &file) {
                Became::Refused => refused += 1,
                Became::Told => told += 1,
                found @ Became::Is(_) => {
                    assert_eq!(found, expected, "{name}: mutation {seed} gave another outcome");
                    same += 1;
                }
            }
            for beside in ["store.sqlite-wal", "store.sqlite-shm"] {
                let _ = std::fs::remove_file(bench.path("s/out").join(beside));
            }
            std::fs::write(&file, &whole).unwrap();
        }
        println!(
            "mutations of {name}: {refused} refused, {told} told, {same} the same or made again"
        );
        assert!(
            refused + told + same > 0 && (name.contains("kept") || refused + told > 0),
            "{name}"
        );
        for (sum, more) in all.iter_mut().zip([refused, told, same]) {
            *sum += more;
        }
    }
    let [refused, told, same] = all;
    println!(
        "mutations of a study and the cache: {refused} refused in one line, {told} told by their digest, {same} the same \
         number (made again, or where nothing reads)"
    );
}
