//! kill -9 at any moment of any stage: the same command (a training: with `--resume`) ends with the same bytes, and nothing
//! is left of the one that was killed.

use super::super::Bench;
use super::super::plausibility::{real_pack, synthetic_pack};
use super::places::{comparable, with};
use super::{count, number, tiny};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn what_is_killed_at_any_moment_is_done_again_with_the_same_bytes() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    real_pack(&bench);
    synthetic_pack(&bench, "fake", |i, labels| labels[0] = u8::from(i % 5 == 0));
    bench.ok(&tiny("run", "0.16", &[]));
    let unet = ["--steps", "6", "--filters", "4", "--depth", "2", "--threads", "1"];
    let mut segment = vec!["segment", "--train", "pack", "--test", "pack", "--out", "OUT"];
    segment.extend(unet);
    let crop = ["--size", "32x32", "--crop", "centre:128x128"];
    let mut prepare = vec!["prepare", "acdc", "data", "--out", "OUT"];
    prepare.extend(crop);
    let commands = [
        vec!["phantom", "acdc", "OUT", "--patients", "2", "--seed", "3"],
        prepare,
        tiny("OUT", "0.4", &["training.checkpoint_every_kimg=0.04"]),
        vec!["sample", "run", "--count", "128", "--out", "OUT", "--threads", "1"],
        vec!["export", "pack", "--as", "nnunet", "--out", "OUT"],
        segment,
        vec![
            "plausibility",
            "--real",
            "real",
            "--synthetic",
            "fake",
            "--threads",
            "1",
            "--out",
            "OUT",
        ],
        vec!["report", "run", "--out", "OUT"],
    ];
    let mut whole = vec![];
    for (i, command) in commands.iter().enumerate() {
        let command = with(command, &format!("whole-{i}"));
        let started = Instant::now();
        bench.ok(&command.iter().map(String::as_str).collect::<Vec<_>>());
        whole.push((comparable(&bench.path(&format!("whole-{i}"))), started.elapsed()));
    }
    let kills = count("VESALIUS_KILLS", 16);
    let mut hit = 0;
    for kill in 0..kills {
        let at = kill % commands.len();
        let (expected, took) = &whole[at];
        std::fs::create_dir(bench.path("killed")).unwrap();
        let command = with(&commands[at], "killed/out");
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let resume = ["train", "pack", "--out", "killed/out", "--resume", "--threads", "1"];
        let is_done = || bench.path("killed/out/result.json").exists();
        // Twice in a row: what goes on can be killed, too.
        for round in 0..2 {
            let begun = command[0] == "train" && bench.path("killed/out/task.toml").exists();
            let mut child = bench.command(if begun { &resume } else { &command });
            let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let nanos = took.as_nanos() as u64;
            std::thread::sleep(Duration::from_nanos(number((2 * kill + round) as u64) % nanos));
            child.kill().unwrap();
            hit += usize::from(!child.wait().unwrap().success());
        }
        let begun = command[0] == "train" && bench.path("killed/out/task.toml").exists();
        let complete = match command[0] {
            "train" | "segment" | "plausibility" => is_done(),
            _ => bench.path("killed/out").exists(),
        };
        if !complete {
            bench.ok(if begun { &resume } else { &command });
        }
        assert_eq!(comparable(&bench.path("killed/out")), *expected, "{command:?}");
        let names = std::fs::read_dir(bench.path("killed")).unwrap().flatten();
        let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        assert!(complete || names == ["out"], "{command:?}: {names:?}");
        std::fs::remove_dir_all(bench.path("killed")).unwrap();
    }
    println!("kill -9: {hit} of {} processes killed at work, {kills} outcomes the same", 2 * kills);
    assert!(hit > kills / 2);
}
