//! A disk or quota that is full under a log, while that of the run is not: Slurm's output file, `nohup.out`, `> file`.

use super::Bench;
use super::full_disk::Disk;
use super::study::{only_a_training, smoke};
use std::fs::File;
use std::process::{Output, Stdio};

/// What every write to refuses for want of room (Linux).
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("/dev/full").into()
}

fn small_training(out: &str) -> Vec<&str> {
    let settings = [
        "training.batch=8",
        "networks.generator.filters=4",
        "networks.discriminator.filters=4",
        "training.distance_every_kimg=0",
    ];
    let mut arguments = vec!["train", "pack", "--preset", "dcgan", "--kimg", "0.2", "--out", out];
    arguments.extend(["--threads", "1"]);
    arguments.extend(settings.into_iter().flat_map(|setting| ["--set", setting]));
    arguments
}

fn no_panic(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked") && output.status.code() != Some(101), "{said}");
    said
}

/// Its remarks are lost; what it makes is not.
#[test]
fn work_whose_remarks_cannot_be_written_goes_on() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "4", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--size", "32x32"];
    let u_net = ["segment", "--train", "pack", "--test", "pack", "--out", "unet", "--steps", "2"];
    let mut segment = u_net.to_vec();
    segment.extend(["--preset", "small", "--filters", "4", "--depth", "2", "--threads", "1"]);
    let sample = ["sample", "run", "--count", "8", "--out", "pairs", "--threads", "1"];
    let export = ["export", "pack", "--as", "nnunet", "--out", "raw"];
    let montage = ["inspect", "pack", "--montage", "montage.png"];
    for (arguments, made) in [
        (prepare.to_vec(), "pack/manifest.json"),
        (small_training("run"), "run/result.json"),
        (segment, "unet/result.json"),
        (sample.to_vec(), "pairs/manifest.json"),
        (export.to_vec(), "raw/dataset.json"),
        (montage.to_vec(), "montage.png"),
        (vec!["report", "unet", "--out", "report"], "report/report.html"),
    ] {
        let output = bench.command(&arguments).stderr(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(bench.path(made).exists(), "{arguments:?}");
    }
    // Refusals keep their exit code where nobody can read them.
    let output = bench.command(&["inspect", "nowhere"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = bench.command(&["inspect", "--wrong"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// What was asked for did not arrive: one line and exit code 2.
#[test]
fn results_that_cannot_be_written_are_an_error() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    smoke(&bench, only_a_training);
    bench.npy("a.npy", &[vec![0.0, 1.0], vec![1.0, 3.0], vec![2.0, 2.0]]);
    let mut segment = vec!["segment", "--train", "pack", "--test", "pack", "--out", "unet"];
    segment.extend(["--preset", "small", "--steps", "2", "--filters", "4", "--depth", "2"]);
    segment.extend(["--threads", "1"]);
    for arguments in [
        vec!["inspect", "pack"],
        vec!["inspect", "pack", "--json"],
        vec!["distance", "--real", "a.npy", "--synthetic", "a.npy"],
        vec!["distance", "--real", "a.npy", "--synthetic", "a.npy", "--json"],
        segment,
        vec!["report", "unet", "--out", "report"],
        vec!["study", "plan", "studies/smoke.toml", "--no-trial"],
        vec!["study", "status", "studies/smoke.toml"],
        vec!["study", "status", "studies/smoke.toml", "--json"],
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["weights", "list"],
        vec!["completions", "bash"],
        vec!["--help"],
        vec!["--version"],
        vec!["train", "--help"],
    ] {
        let output = bench.command(&arguments).stdout(full()).output().unwrap();
        let said = no_panic(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        let [error] = errors.as_slice() else { panic!("{arguments:?}: one line: {said}") };
        assert!(error.contains("stdout") && error.contains("No space left"), "{error}");
        // Where there is no room for the line either.
        let both = bench.command(&arguments).stdout(full()).stderr(full()).output().unwrap();
        if arguments[0] != "segment" && arguments[0] != "report" {
            assert_eq!(both.status.code(), Some(2), "{arguments:?}");
        }
    }
    assert!(bench.path("unet/result.json").exists(), "what was made is there");
    assert!(bench.path("report/report.html").exists());
}

/// A worker's output is a log: its results lie in the folder of its task.
#[test]
fn a_study_under_a_full_log_comes_to_its_end() {
    let bench = Bench::new();
    bench.with_judge();
    smoke(&bench, |text| only_a_training(text).replace("kimg = 1.0\n", "kimg = 0.2\n"));
    let run = ["study", "run", "studies/smoke.toml", "--jobs", "1"];
    let output = bench.command(&run).stdout(full()).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let task = super::study::tasks(&bench, "train").remove(0);
    let again = ["worker", task.to_str().unwrap()];
    std::fs::remove_file(task.join("result.json")).unwrap();
    let output = bench.command(&again).stdout(full()).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(task.join("result.json").exists());
}

#[test]
fn readers_that_left_are_no_error() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let mut closed = bench.command(&["inspect", "pack"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(closed.stdout.take());
    // SIGPIPE ends it, as every tool, or it was done before.
    assert!(matches!(closed.wait().unwrap().code(), None | Some(0)));
    let shell = |redirect: &str| {
        let program = env!("CARGO_BIN_EXE_vesalius");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("{program} inspect pack {redirect}")]);
        command.current_dir(bench.path("")).output().unwrap()
    };
    for redirect in [">&-", "2>&-", ">&- 2>&-", "| head -1"] {
        assert_eq!(shell(redirect).status.code(), Some(0), "{redirect}");
    }
}

/// The disk of the run is another matter: what cannot be kept of a training is an error.
#[test]
fn a_full_disk_under_the_statistics_of_a_training_is_one_line() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let Some(disk) = Disk::mount(&bench.path("full")) else { return };
    // Not even room for the files of its start.
    disk.fill();
    std::fs::write(bench.path("full/rest"), vec![1; 1 << 20]).unwrap_err();
    bench.refused(&small_training("full/run"), &["full/run", "No space left on device"]);
}
