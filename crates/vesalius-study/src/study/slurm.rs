//! The `[slurm]` table of a study file: what the cluster is asked for.

use serde::Deserialize;
use vesalius_data::text::is_hidden;

/// What jobs ask for. Everything has a default; what is left out is the cluster's own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Partition.
    pub partition: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Time limit as `sbatch --time` takes it: `MINUTES`, `HOURS:MINUTES:SECONDS`, `DAYS-HOURS`.
    pub time: Option<String>,
    /// GPUs of a job.
    pub gpus: usize,
    /// CPUs of a job, and threads of its worker.
    pub cpus: usize,
    /// Memory of a job, MiB.
    pub memory_mb: Option<u64>,
    /// Jobs of one array that run at once.
    pub throttle: Option<usize>,
    /// Tasks of a job, done one after the other; all of one stage.
    pub tasks_per_job: usize,
    /// Jobs of this study in the queue, waiting or running.
    pub max_queued: usize,
    /// Seconds ahead of the time limit at which a worker is told to write a checkpoint.
    pub signal_secs: u32,
    /// Seconds between two looks at the queue.
    pub poll_secs: u64,
    /// Seconds that a shared file system is given to show the result of a job that left the queue.
    pub grace_secs: u64,
    /// More options for `#SBATCH` lines: `--constraint=a100`.
    pub lines: Vec<String>,
    /// Lines of shell before the worker: `module load cuda`.
    pub setup: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            time: None,
            gpus: 0,
            cpus: 1,
            memory_mb: None,
            throttle: None,
            tasks_per_job: 1,
            max_queued: 1000,
            signal_secs: 300,
            poll_secs: 15,
            grace_secs: 60,
            lines: vec![],
            setup: vec![],
        }
    }
}

/// Options that the scripts set themselves, and without which results would be lost or doubled.
const OWN: [&str; 8] = [
    "--array",
    "--job-name",
    "--output",
    "--error",
    "--open-mode",
    "--requeue",
    "--signal",
    "--no-requeue",
];

impl Settings {
    /// What is wrong with them: field, what was found, what was expected.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("cpus", self.cpus as u64),
            ("tasks_per_job", self.tasks_per_job as u64),
            ("max_queued", self.max_queued as u64),
            ("throttle", self.throttle.unwrap_or(1) as u64),
            ("poll_secs", self.poll_secs),
            ("memory_mb", self.memory_mb.unwrap_or(1)),
        ] {
            if value == 0 {
                return Err(format!("{name} = 0, expected at least 1"));
            }
        }
        let texts = [
            ("partition", &self.partition),
            ("account", &self.account),
            ("qos", &self.qos),
            ("time", &self.time),
        ];
        for (name, text) in texts {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:+@".contains(c);
            if let Some(text) = text
                && (text.is_empty() || !text.chars().all(plain))
            {
                return Err(format!("{name} = `{text}`, expected letters, digits and -_.,:+@"));
            }
        }
        for line in &self.lines {
            let option = line.split(['=', ' ']).next().unwrap_or("");
            if !line.starts_with('-') || line.contains(is_hidden) {
                return Err(format!(
                    "lines: `{line}`, expected an option of sbatch such as --exclusive"
                ));
            }
            if OWN.contains(&option) || ["-a", "-J", "-o", "-e"].contains(&option) {
                return Err(format!("lines: `{line}`, expected none of {}", OWN.join(", ")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_script_is_refused() {
        for (text, part) in [
            ("cpus = 0", "cpus = 0"),
            ("throttle = 0", "throttle = 0"),
            ("partition = \"a b\"", "partition = `a b`"),
            ("lines = [\"constraint=a100\"]", "an option of sbatch"),
            ("lines = [\"--array=0-9\"]", "expected none of --array"),
        ] {
            let settings: Settings = toml::from_str(text).unwrap();
            let error = settings.check().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(Settings::default().check(), Ok(()));
        assert!(toml::from_str::<Settings>("partiton = \"x\"").is_err());
    }
}
