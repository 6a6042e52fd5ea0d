//! A disk that is full under a checkpoint: a small file system of its own, which only root can mount.

use super::Bench;
use super::resume::{checkpoints, newest, wait_for};
use super::study::{attempts, only_a_training, smoke, status, tasks};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use vesalius_testing::Need;

/// A file system in memory.
pub struct Disk(PathBuf);

impl Disk {
    /// Says so and gives nothing where this process may not mount.
    pub fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=64m", "none"];
        let output = Command::new("mount").args(mount).arg(path).output();
        if output.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(path.to_owned()));
        }
        Need::Mount.missing(&format!("a small file system cannot be mounted: {output:?}"));
        None
    }

    /// Leaves nothing free but a few kilobytes.
    pub fn fill(&self) {
        self.leave(8192);
    }

    /// Leaves so many bytes free.
    pub fn leave(&self, bytes: u64) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        ballast.set_len(ballast.metadata().unwrap().len().saturating_sub(bytes)).unwrap();
    }

    /// Takes away what [`Disk::leave`] filled it with.
    pub fn empty(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_under_a_checkpoint_is_named_and_the_study_goes_on_once_there_is_room() {
    let bench = Bench::new();
    let Some(disk) = Disk::mount(&bench.path("study-smoke")) else { return };
    bench.with_judge();
    smoke(&bench, only_a_training);
    let run = ["study", "run", "studies/smoke.toml", "--jobs", "1"];
    let mut command = bench.command(&run);
    let mut coordinator = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("a checkpoint", || {
        tasks(&bench, "train").iter().any(|task| checkpoints(&task.join("attempts/1")) > 0)
    });
    disk.fill();
    // Longer than three quick failures would take.
    std::thread::sleep(Duration::from_secs(6));
    assert!(coordinator.try_wait().unwrap().is_none(), "it waits");
    disk.empty();
    let output = coordinator.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let log = std::fs::read_to_string(tasks(&bench, "train")[0].join("output.log")).unwrap();
    assert!(
        format!("{said}{log}").contains("waiting for room") || said.contains("is full"),
        "{said}\n{log}"
    );
    assert!(!said.contains("panicked") && !log.contains("panicked"), "{said}\n{log}");
    let counts = &status(&bench)["counts"];
    assert_eq!((&counts["finished"], &counts["failed"]), (&2.into(), &0.into()), "{counts}");

    let straight = Bench::new();
    straight.with_judge();
    smoke(&straight, only_a_training);
    straight.ok(&run);
    let (task, other) = (tasks(&bench, "train").remove(0), tasks(&straight, "train").remove(0));
    let last = task.join(format!("attempts/{}", attempts(&task)));
    assert_eq!(newest(&last, 1000), newest(&other.join("attempts/1"), 1000));
}
