//! In which order the kernel is asked: everything of a folder is flushed before it gets its name, and the name after.

use super::super::Bench;
use super::{tiny, whether};
use std::path::Path;
use std::process::Command;
use vesalius_testing::Need;

/// What the program asked of the disk, in order.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    Flush(String),
    Rename(String, String),
}

fn traced(bench: &Bench, arguments: &[&str]) -> Vec<Call> {
    let log = bench.path("strace.log");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-s", "4096", "-o"])
        .arg(&log)
        .args(["-e", "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,linkat"])
        .arg(env!("CARGO_BIN_EXE_vesalius"))
        .args(arguments)
        .current_dir(bench.folder.path())
        .env("VESALIUS_CACHE", bench.path("cache"));
    let output = strace.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().filter_map(call).collect()
}

/// `123 fsync(5</run/x>) = 0`, `123 renameat2(AT_FDCWD</run>, "a", AT_FDCWD</run>, "b", RENAME_NOREPLACE) = 0`.
fn call(line: &str) -> Option<Call> {
    let (_, call) = line.split_once(' ')?;
    if !call.trim_end().ends_with("= 0") {
        return None;
    }
    if call.trim_start().starts_with("fsync") || call.contains("fdatasync") {
        let path = call.split_once('<')?.1.split_once('>')?.0;
        return Some(Call::Flush(path.to_owned()));
    }
    let mut quoted = call.split('"').skip(1).step_by(2).map(str::to_owned);
    Some(Call::Rename(quoted.next()?, quoted.next()?))
}

fn name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Previews are called alike.
fn is_checkpoint(name: &str) -> bool {
    name.starts_with("kimg_") && Path::new(name).extension().is_none_or(|end| end != "png")
}

/// Every published name of `calls` that `is_promised`: flushed before, and its folder after. Gives how many.
fn check(calls: &[Call], is_promised: impl Fn(&str) -> bool) -> usize {
    let mut seen = 0;
    for (i, call) in calls.iter().enumerate() {
        let Call::Rename(from, to) = call else { continue };
        if !is_promised(name(to)) {
            continue;
        }
        seen += 1;
        let staged = name(from);
        let before = calls[..i].iter().filter(
            |call| matches!(call, Call::Flush(path) if path.split('/').any(|part| part == staged)),
        );
        assert!(before.count() >= 1, "{to}: renamed before it was flushed");
        let folder = Path::new(to).parent().and_then(Path::file_name);
        let after = calls[i..].iter().any(|call| {
            matches!(call, Call::Flush(path) if folder.is_none_or(|f| Path::new(path).file_name() == Some(f)))
        });
        assert!(after, "{to}: its folder was not flushed");
    }
    seen
}

#[test]
fn what_is_promised_is_flushed_before_it_has_its_name_and_its_folder_after() {
    if !whether("strace", Need::Strace) {
        return;
    }
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let calls = traced(&bench, &tiny("run", "0.4", &["training.checkpoint_every_kimg=0.08"]));
    assert_eq!(check(&calls, is_checkpoint), 5);
    assert_eq!(check(&calls, |name| name == "task.toml"), 1);
    // All files of a checkpoint, its folder, and the statistics that it must not be ahead of.
    let first = calls
        .iter()
        .position(|call| matches!(call, Call::Rename(_, to) if is_checkpoint(name(to))));
    let Some(Call::Rename(staged, _)) = first.map(|i| &calls[i]) else { panic!("no checkpoint") };
    let flushed: Vec<&str> = calls[..first.unwrap()]
        .iter()
        .filter_map(|call| match call {
            Call::Flush(path) => Some(path.as_str()),
            Call::Rename(..) => None,
        })
        .collect();
    let of_staged = flushed.iter().filter(|path| path.contains(name(staged))).count();
    assert!(of_staged >= 8, "seven files and their folder: {flushed:?}");
    assert!(flushed.iter().any(|path| path.ends_with("stats.jsonl")), "{flushed:?}");
    assert!(
        calls.iter().any(|call| matches!(call, Call::Rename(_, to) if name(to) == "result.json"))
    );

    let sample = ["sample", "run", "--count", "8", "--out", "fake", "--threads", "1"];
    assert_eq!(check(&traced(&bench, &sample), |name| name == "fake"), 1);
    let export = ["export", "pack", "--as", "nifti", "--out", "raw"];
    assert_eq!(check(&traced(&bench, &export), |name| name == "raw"), 1);
    let report = ["report", "run", "--out", "report"];
    // More files than are flushed one by one: the whole file system is, which this does not see by name.
    assert!(
        traced(&bench, &report)
            .iter()
            .any(|call| matches!(call, Call::Rename(_, to) if name(to) == "report"))
    );
    let segment = [
        "segment",
        "--train",
        "pack",
        "--test",
        "pack",
        "--out",
        "unet",
        "--preset",
        "small",
        "--steps",
        "2",
        "--filters",
        "4",
        "--depth",
        "2",
        "--threads",
        "1",
    ];
    assert_eq!(check(&traced(&bench, &segment), |name| name == "unet.safetensors"), 1);
}
