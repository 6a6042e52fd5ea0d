//! A power cut: the block device of a file system is copied while a training runs on it, and what the copy holds is
//! what a
//! machine finds that comes back.

use super::super::Bench;
use super::{count, is_root, number, tiny, whether};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vesalius_testing::Need;

/// A checkpoint whose name was seen so long ago has been written, its folder flushed: the training went on.
const SETTLED: Duration = Duration::from_millis(500);

struct Mounted(PathBuf);

impl Mounted {
    fn of(image: &Path, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let output = Command::new("mount").args(["-o", "loop"]).arg(image).arg(at).output();
        if output.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        Need::Mount.missing(&format!("a file system in a file cannot be mounted: {output:?}"));
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn newest(run: &Path) -> Option<String> {
    let entries = std::fs::read_dir(run.join("checkpoints")).ok()?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("kimg_")).max()
}

/// Cuts once; gives how many images the newest settled checkpoint had and how many the resumed training begins with.
fn cut(bench: &Bench, nth: usize) -> Option<(u64, u64)> {
    let (image, copy) = (bench.path("image"), bench.path("copy"));
    std::fs::File::create(&image).unwrap().set_len(160 << 20).unwrap();
    let made = Command::new("mkfs.ext4").arg("-q").arg("-F").arg(&image).status().unwrap();
    assert!(made.success());
    let disk = Mounted::of(&image, &bench.path("disk"))?;
    let often = ["training.checkpoint_every_kimg=0.16"];
    let mut command = bench.command(&tiny("disk/run", "400", &often));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Somewhere in the third to tenth second.
    let until = Instant::now() + Duration::from_millis(3000 + number(nth as u64) % 7000);
    let mut seen: Vec<(Instant, String)> = vec![];
    while Instant::now() < until || seen.len() < 3 {
        if let Some(name) = newest(&bench.path("disk/run"))
            && seen.last().is_none_or(|(_, last)| *last != name)
        {
            seen.push((Instant::now(), name));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let settled = seen.iter().rev().find(|(at, _)| at.elapsed() > SETTLED);
    let settled = settled.expect("a checkpoint half a second ago").1.clone();
    let pid = child.id().to_string();
    Command::new("kill").args(["-STOP", &pid]).status().unwrap();
    std::fs::copy(&image, &copy).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(disk);
    let _after = Mounted::of(&copy, &bench.path("after"))?;
    let output = bench.run(&[
        "train",
        "pack",
        "--out",
        "after/run",
        "--resume",
        "--kimg",
        "0.001",
        "--threads",
        "1",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("warning"), "cut {nth}: {said}");
    let result = std::fs::read(bench.path("after/run/result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    let images = settled.trim_start_matches("kimg_").replace('.', "").parse().unwrap();
    Some((images, result["cost"]["images"].as_u64().unwrap()))
}

#[test]
fn after_a_power_cut_a_training_goes_on_from_the_newest_checkpoint_that_was_written() {
    if !is_root() {
        Need::Mount.missing("only root can mount the file system that is cut");
        return;
    }
    if !whether("mkfs.ext4", Need::Mount) {
        return;
    }
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let cuts = count("VESALIUS_CUTS", 2);
    let mut done = 0;
    for nth in 0..cuts {
        let Some((settled, resumed)) = cut(&bench, nth) else { return };
        assert!(
            resumed >= settled,
            "cut {nth}: goes on from {resumed} images, {settled} were promised"
        );
        println!("cut {nth}: {settled} images were on the disk, goes on from {resumed}");
        done += 1;
    }
    println!(
        "power cuts: {done} of {cuts} resumed from the newest checkpoint whose write had returned"
    );
}
