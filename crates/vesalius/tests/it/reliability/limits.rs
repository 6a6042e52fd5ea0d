//! Limits of the environment: files that may not grow, little memory, two outputs of which one is there.

use super::super::Bench;
use super::super::plausibility::{real_pack, synthetic_pack};
use super::{is_root, tiny, whether};
use std::process::{Command, Output};
use vesalius_testing::Need;

/// Runs the program under a shell's limit.
fn limited(bench: &Bench, limit: &str, arguments: &[&str]) -> Output {
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_vesalius")])
        .args(arguments)
        .current_dir(bench.folder.path())
        .env("VESALIUS_CACHE", bench.path("cache"));
    command.output().unwrap()
}

fn says_one_error(output: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!((output.status.code(), errors.len()), (Some(2), 1), "{said}");
    assert!(!said.contains("panicked") && !said.contains("terminate called"), "{said}");
    for part in parts {
        assert!(errors[0].contains(part), "{said}");
    }
}

#[test]
fn a_file_that_may_not_grow_is_an_error_in_one_line_and_leaves_nothing() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.ok(&tiny("run", "0.08", &[]));
    let sample = ["sample", "run", "--count", "600", "--out", "fake", "--threads", "1"];
    says_one_error(&limited(&bench, "-f 100", &sample), &["fake", "too large"]);
    let export = ["export", "pack", "--as", "nifti", "--out", "raw"];
    says_one_error(&limited(&bench, "-f 1", &export), &["raw", "too large"]);
    let left: Vec<String> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".tmp") || name == "fake" || name == "raw")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn too_little_memory_is_an_error_in_one_line() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let mut said_of_memory = 0;
    // LibTorch itself does not fit.
    for megabytes in [150, 250, 350, 450] {
        let output = limited(&bench, &format!("-v {megabytes}000"), &tiny("none", "0.1", &[]));
        says_one_error(&output, &["expected LibTorch 2."]);
        assert!(!bench.path("none").exists());
    }
    for megabytes in [500, 550, 600, 700, 800, 900] {
        let run = format!("run-{megabytes}");
        let mut train = tiny(&run, "0.1", &[]);
        train[3] = "stylegan2";
        train.drain(10..);
        train.extend(["--set", "training.distance_every_kimg=0"]);
        let output = limited(&bench, &format!("-v {megabytes}000"), &train);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !said.contains("panicked") && !said.contains("terminate called"),
            "{megabytes}: {said}"
        );
        // Threads that cannot be started are OpenMP's own message.
        if said.contains("not enough memory") {
            assert_eq!(output.status.code(), Some(2), "{megabytes}: {said}");
            said_of_memory += 1;
        }
    }
    assert!(said_of_memory >= 2, "said in {said_of_memory} of 6");
}

#[test]
fn what_was_killed_between_its_two_outputs_is_done_again_by_the_same_command() {
    let bench = Bench::new();
    real_pack(&bench);
    synthetic_pack(&bench, "fake", |i, labels| {
        if i % 5 == 0 {
            labels[0] = 1;
        }
    });
    let plausibility = |out: &'static str, filtered: &'static str| {
        let packs = ["plausibility", "--real", "real", "--synthetic", "fake", "--threads", "1"];
        let mut arguments = packs.to_vec();
        arguments.extend(["--out", out, "--filtered", filtered]);
        arguments
    };
    let first = plausibility("pl", "kept");
    bench.ok(&first);
    let manifest = std::fs::read(bench.path("kept/manifest.json")).unwrap();
    // The pack is there, the result is not.
    std::fs::remove_file(bench.path("pl/result.json")).unwrap();
    bench.ok(&first);
    assert_eq!(std::fs::read(bench.path("kept/manifest.json")).unwrap(), manifest);
    // Something else of that name is not taken for it.
    bench.refused(&plausibility("pl2", "real"), &["--filtered real: already exists"]);
}

/// kill -9 at the n-th file that a checkpoint's removal unlinks: nothing half-deleted has a checkpoint's name.
#[test]
fn a_checkpoint_loses_its_name_before_its_files() {
    if !whether("strace", Need::Strace) {
        return;
    }
    let bench = Bench::new();
    bench.phantom_pack("pack");
    for nth in [1, 3, 6] {
        let run = format!("run-{nth}");
        let mut strace = Command::new("strace");
        let inject = format!("inject=unlinkat:signal=KILL:when={nth}");
        strace
            .args(["-f", "-o", "/dev/null", "-e", "trace=unlinkat", "-e", &inject])
            .arg(env!("CARGO_BIN_EXE_vesalius"))
            .args(tiny(&run, "0.8", &["training.checkpoint_every_kimg=0.08"]))
            .current_dir(bench.folder.path())
            .env("VESALIUS_CACHE", bench.path("cache"));
        let status = strace.output().unwrap().status;
        assert!(!status.success(), "killed too late to prove anything (root: {})", is_root());
        for entry in std::fs::read_dir(bench.path(&run).join("checkpoints")).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("kimg_") {
                let files = std::fs::read_dir(entry.path()).unwrap().count();
                assert_eq!(files, 7, "{:?}", entry.path());
            }
        }
        let resume = ["train", "pack", "--out", &run, "--resume", "--threads", "1"];
        let said = String::from_utf8_lossy(&bench.run(&resume).stderr).into_owned();
        assert!(!said.contains("warning"), "{said}");
        let left = std::fs::read_dir(bench.path(&run).join("checkpoints")).unwrap().flatten();
        let left: Vec<_> =
            left.filter(|e| e.file_name().to_string_lossy().starts_with(".tmp")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
