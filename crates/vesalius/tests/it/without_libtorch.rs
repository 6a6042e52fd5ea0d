//! LibTorch behind a door: who needs it, what is said where it is missing, and what OpenMP hears before it is loaded.

use super::Bench;
use super::site::{self, Server};
use super::study::{only_a_training, smoke};
use super::turing::answer_all;
use std::path::Path;

/// From here on this bench's commands look for LibTorch in a folder, and nowhere else.
fn look_in(bench: &mut Bench, folder: &str) {
    // As the build, the program ignores LIBTORCH where the user has PyTorch's.
    bench.variable("LIBTORCH_USE_PYTORCH", "");
    bench.variable("LIBTORCH", folder);
}

#[test]
fn commands_that_compute_nothing_need_no_libtorch() {
    let mut bench = Bench::new();
    bench.with_judge();
    smoke(&bench, |text| only_a_training(text).replace("kimg = 1.0\n", "kimg = 0.1\n"));
    bench.ok(&["study", "run", "studies/smoke.toml", "--jobs", "1"]);
    site::packs(&bench);
    bench.ok(&["segment", "--train", "real", "--test", "real", "--out", "unet", "--steps", "1"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    look_in(&mut bench, "empty");

    for line in [
        "--help",
        "--version",
        "train --help",
        "help metrics",
        "completions bash",
        "completions fish",
        "phantom acdc data --patients 4",
        "phantom sliver07 livers --patients 2",
        "phantom idrid eyes --patients 2",
        "prepare acdc data --out prepared --size 32x32",
        "prepare acdc data --out cropped --size 32x32 --crop centre:96x96",
        "inspect prepared",
        "inspect prepared --json",
        "export prepared --as nifti --out nifti",
        "export synthetic --as png --out png",
        "weights list",
        "report unet study-smoke/tasks --out report",
        "study status studies/smoke.toml",
        "study status studies/smoke.toml --json",
        "study plan studies/smoke.toml --no-trial",
        "study reindex studies/smoke.toml",
        "study report studies/smoke.toml --out of-study",
    ] {
        bench.ok(&line.split(' ').collect::<Vec<_>>());
    }
    let tokens = site::create(&bench, &["--per-reader", "20", "--readers", "1", "--common", "20"]);
    let server = Server::start(&bench, &["--turing", "turing", "--study", "studies/smoke.toml"]);
    assert_eq!(server.owner().get("/").status, 200);
    answer_all(&server.reader(&tokens[0]), "real");
    bench.ok(&["turing", "score", "turing", "--unfinished", "--out", "score"]);
    let run = std::fs::read_to_string(bench.path("score/result.json")).unwrap();
    assert!(run.contains(" threads\"") && !run.contains("LibTorch"), "it took no part: {run}");
}

#[test]
fn commands_that_compute_say_in_one_line_where_libtorch_is_missing_and_leave_nothing() {
    let mut bench = Bench::new();
    bench.phantom_pack("pack");
    std::fs::create_dir_all(bench.path("empty")).unwrap();
    std::fs::create_dir_all(bench.path("hollow/lib")).unwrap();
    std::fs::create_dir_all(bench.path("broken/lib")).unwrap();
    std::fs::write(bench.path("broken/lib/libtorch_cpu.so"), "not a library").unwrap();
    let expected = "expected LibTorch 2.";
    let folder = "expected the folder of LibTorch 2.";
    for (named, parts) in [
        ("empty", ["LIBTORCH=empty: ", "no folder lib", folder]),
        ("hollow", ["LIBTORCH=hollow: ", "no libtorch_cpu.so", folder]),
        ("nowhere", ["LIBTORCH=nowhere: ", "no such folder", folder]),
        ("broken", ["broken/lib/libtorch_cpu.so: ", "too short", expected]),
    ] {
        look_in(&mut bench, named);
        bench.refused(&["train", "pack", "--preset", "dcgan", "--out", "run"], &parts);
        let doctor = bench.ok(&["doctor"]);
        assert!(doctor.lines().next().is_some_and(|line| line.contains(parts[0])), "{doctor}");
        assert!(doctor.contains("without LibTorch") && doctor.contains("-> set LIBTORCH="));
    }
    let tests = ["segment", "--train", "pack", "--test", "pack", "--out", "run", "--threads", "1"];
    bench.refused(&tests, &["libtorch_cpu.so"]);
    bench.refused(&["distance", "--real", "pack", "--synthetic", "pack"], &["libtorch_cpu.so"]);
    // Nobody's failure, and no attempt.
    smoke(&bench, only_a_training);
    bench.refused(&["study", "run", "studies/smoke.toml"], &["libtorch_cpu.so"]);
    bench.refused(&["study", "plan", "studies/smoke.toml"], &["libtorch_cpu.so"]);
    assert!(!bench.path("study-smoke/tasks").exists());
    std::fs::write(bench.path("own.safetensors"), "weights").unwrap();
    bench.refused(&["weights", "add", "own.safetensors"], &["libtorch_cpu.so"]);
    assert!(!bench.path("cache").exists());
    assert!(!bench.path("run").exists(), "refused before anything was written");
    let json = bench.ok(&["doctor", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["findings"][0]["remedy"].is_string(), "{json}");
}

#[test]
fn libtorch_beside_the_program_comes_before_what_it_was_built_with() {
    let bench = Bench::shared();
    let program = bench.path("bin/vesalius");
    std::fs::create_dir(bench.path("bin")).unwrap();
    std::fs::hard_link(env!("CARGO_BIN_EXE_vesalius"), &program).unwrap();
    let doctor = |libtorch: Option<&Path>| {
        let mut command = std::process::Command::new(&program);
        command.arg("doctor").env_remove("LIBTORCH").env_remove("LIBTORCH_USE_PYTORCH");
        let output = command.envs(libtorch.map(|folder| ("LIBTORCH", folder))).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(doctor(None).contains(", LibTorch 2."), "what it was built with");
    for lib in ["lib", "bin/lib"] {
        std::fs::create_dir(bench.path(lib)).unwrap();
        let decoy = bench.path(lib).join("libtorch_cpu.so");
        std::fs::write(&decoy, "not a library").unwrap();
        let said = doctor(None);
        assert!(said.contains(&*decoy.to_string_lossy()), "{said}");
        // What the user names comes first of all.
        let named = doctor(Some(&bench.path("named")));
        assert!(named.contains("named: no such folder"), "{named}");
    }
    std::fs::remove_dir_all(bench.folder.path()).unwrap();
}

#[test]
fn the_pytorch_of_the_environment_is_taken_where_it_is_of_the_right_version() {
    let bench = Bench::shared();
    let program = bench.path("bin/vesalius");
    std::fs::create_dir(bench.path("bin")).unwrap();
    std::fs::hard_link(env!("CARGO_BIN_EXE_vesalius"), &program).unwrap();
    let named = std::env::var_os("LIBTORCH").map(std::path::PathBuf::from);
    let ours = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.libtorch"));
    let ours = named.unwrap_or_else(|| ours.to_owned()).canonicalize().unwrap();
    let first_line = || {
        let mut command = std::process::Command::new(&program);
        command.arg("doctor").env_remove("LIBTORCH").env_remove("LIBTORCH_USE_PYTORCH");
        let output = command.env("VESALIUS_CACHE", bench.path("cache")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert!(first_line().contains("the one of the build"), "{}", first_line());
    let version = first_line().split("LibTorch ").nth(1).unwrap()[..6].to_owned();

    // What `vesalius setup` leaves, before that of the build.
    std::fs::create_dir_all(bench.path("cache")).unwrap();
    let fetched = bench.path("cache").join(format!("libtorch-{version}"));
    std::os::unix::fs::symlink(&ours, &fetched).unwrap();
    assert!(first_line().contains("fetched by `vesalius setup`"), "{}", first_line());

    // The environment's own before both, but for another version of it.
    let torch = bench.path("lib/python3.11/site-packages/torch");
    std::fs::create_dir_all(&torch).unwrap();
    std::os::unix::fs::symlink(ours.join("lib"), torch.join("lib")).unwrap();
    for (written, taken) in
        [("9.9.9", "fetched by"), (&*format!("{version}+cpu"), "PyTorch of this environment")]
    {
        let text =
            format!("from typing import Optional\n__version__ = '{written}'\ndebug = False\n");
        std::fs::write(torch.join("version.py"), text).unwrap();
        assert!(first_line().contains(taken), "{written}: {}", first_line());
    }
    std::fs::remove_dir_all(bench.folder.path()).unwrap();
}

#[test]
fn openmp_hears_how_long_to_spin_unless_the_user_has_said_so() {
    let bench = Bench::new();
    let displayed = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = bench.command(arguments);
        command.env_remove("OMP_WAIT_POLICY").env_remove("GOMP_SPINCOUNT");
        let output = command
            .env("OMP_DISPLAY_ENV", "VERBOSE")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!displayed(&["--help"], &[]).contains("OPENMP"), "--help reads no OpenMP");
    let ours = "GOMP_SPINCOUNT = '5000'";
    assert!(displayed(&["doctor"], &[]).contains(ours));
    assert!(displayed(&["doctor"], &[("OMP_NUM_THREADS", "2")]).contains(ours));
    let his = displayed(&["doctor"], &[("GOMP_SPINCOUNT", "77")]);
    assert!(his.contains("GOMP_SPINCOUNT = '77'"), "{his}");
    let his = displayed(&["doctor"], &[("OMP_WAIT_POLICY", "PASSIVE")]);
    assert!(his.contains("'PASSIVE'") && !his.contains(ours), "{his}");
}
