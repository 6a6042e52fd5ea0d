//! What survives: power cuts, damaged files, full disks, limits. Each test does a little here; the figures that
//! docs/promises.md gives were made with more, by variables of the environment:
//!
//! ```text
//! VESALIUS_CUTS=20 VESALIUS_MUTATIONS=300 VESALIUS_PLACES=50 VESALIUS_KILLS=204 cargo test -p vesalius --test it reliability -- --nocapture
//! ```

mod checkpoints;
mod kills;
mod limits;
mod mutations;
mod mutations_study;
mod places;
mod power_cut;
mod system_calls;

use super::Bench;
use vesalius_testing::Need;

/// How often something is done: a number of the environment, or `few`.
fn count(variable: &str, few: usize) -> usize {
    std::env::var(variable).map_or(few, |value| {
        value.parse().unwrap_or_else(|_| panic!("{variable}={value}: expected a number"))
    })
}

/// A number for every step, the same in every run (Weyl sequence, mixed).
fn number(step: u64) -> u64 {
    let mut x = step.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 29)
}

/// The settings of a training of seconds.
fn tiny<'a>(run: &'a str, kimg: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "pack", "--preset", "dcgan", "--kimg", kimg, "--out", run];
    arguments.extend(["--threads", "1"]);
    let small = [
        "training.batch=8",
        "networks.generator.filters=4",
        "networks.discriminator.filters=4",
        "training.distance_every_kimg=0",
    ];
    arguments.extend(small.iter().chain(more).flat_map(|setting| ["--set", *setting]));
    arguments
}

/// One line that says why, and no panic.
fn one_line(bench: &Bench, arguments: &[&str]) -> Result<String, String> {
    let output = bench.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked") && !said.contains("a fault of"), "{arguments:?}: {said}");
    match output.status.code() {
        Some(0) => Ok(said),
        Some(2) => {
            let errors: Vec<&str> = said.lines().filter(|l| l.starts_with("error: ")).collect();
            assert_eq!(errors.len(), 1, "{arguments:?}: {said}");
            Err(errors[0].to_owned())
        }
        code => panic!("{arguments:?}: {code:?}: {said}"),
    }
}

fn whether(program: &str, need: Need) -> bool {
    let found = std::process::Command::new(program).arg("-V").output().is_ok();
    if !found {
        need.missing(&format!("{program} is not installed"));
    }
    found
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
