//! What a command cost, and the `result.json` that says so.

use crate::run::score::Score;
use crate::run::{Cost, Input, Outcome, RESULT_FORMAT, RunResult, Subject};
use std::path::PathBuf;
use std::time::Instant;

/// Runs from a command's start to its result.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    /// Joules counted by each processor package when the command started.
    energy: Vec<Counter>,
    command: String,
    machine: String,
}

#[derive(Debug)]
struct Counter {
    folder: PathBuf,
    microjoules: u64,
}

impl Meter {
    /// Starts counting, for the run of `command` (a command line) on `machine` (processor, threads, LibTorch).
    pub fn start(command: String, machine: String) -> Self {
        let packages = std::fs::read_dir("/sys/class/powercap").into_iter().flatten().flatten();
        let energy = packages
            .map(|entry| entry.path())
            // Whole packages only: `intel-rapl:0`, not its parts `intel-rapl:0:0`.
            .filter(|path| path.to_string_lossy().matches(':').count() == 1)
            .filter_map(|folder| {
                let microjoules = number(&folder, "energy_uj")?;
                Some(Counter { folder, microjoules })
            })
            .collect();
        Self { started: Instant::now(), energy, command, machine }
    }

    /// Wall-clock seconds so far.
    pub fn secs(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// What was used so far; `images`: how many the command worked through.
    pub fn cost(&self, images: Option<u64>) -> Cost {
        let spent: Option<Vec<f64>> = self.energy.iter().map(Counter::joules).collect();
        Cost {
            images,
            peak_memory_bytes: peak_memory(),
            energy_joules: spent.filter(|all| !all.is_empty()).map(|all| all.iter().sum()),
        }
    }

    /// A finished run's result. `images`: as above; `settings`: the protocol's, stage by stage its own.
    pub fn result(
        &self,
        stage: &str,
        subject: Subject,
        scores: Vec<Score>,
        inputs: Vec<Input>,
        images: Option<u64>,
        settings: serde_json::Value,
    ) -> RunResult {
        RunResult {
            format: RESULT_FORMAT,
            stage: stage.to_owned(),
            subject,
            outcome: Outcome::Finished,
            scores,
            inputs,
            wall_secs: self.secs(),
            cost: self.cost(images),
            command: self.command.clone(),
            vesalius: env!("CARGO_PKG_VERSION").to_owned(),
            machine: self.machine.clone(),
            settings,
            overlap: None,
            training: None,
            files: std::collections::BTreeMap::new(),
        }
    }
}

impl Counter {
    /// Since the start; the counter begins again at its range.
    fn joules(&self) -> Option<f64> {
        let now = number(&self.folder, "energy_uj")?;
        let spent = if now >= self.microjoules {
            now - self.microjoules
        } else {
            number(&self.folder, "max_energy_range_uj")? - self.microjoules + now
        };
        Some(spent as f64 / 1e6)
    }
}

fn number(folder: &std::path::Path, file: &str) -> Option<u64> {
    std::fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
}

/// Greatest resident memory of this process so far, where the kernel tells (Linux).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
