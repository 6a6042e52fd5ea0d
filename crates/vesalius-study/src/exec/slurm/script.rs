//! The script of an array job: text, from settings and names alone.

use crate::study::slurm::Settings;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::path::Path;

/// What a script needs beside the settings.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// What to ask for.
    pub settings: &'a Settings,
    /// Name of the job.
    pub name: &'a str,
    /// Elements of the array.
    pub elements: usize,
    /// Absolute path of the program; the same on all nodes.
    pub program: &'a Path,
    /// Absolute path of the submission's folder; the same on all nodes.
    pub folder: &'a Path,
}

impl Script<'_> {
    /// The text that `sbatch` gets.
    ///
    /// # Errors
    /// When the folder has characters that `#SBATCH --output` would take for something else.
    pub fn render(&self) -> Result<String> {
        let Self { settings, name, folder, .. } = *self;
        let folder_text = plain(folder)?;
        let mut options = vec![format!("--job-name={name}")];
        let throttle = settings.throttle.map(|n| format!("%{n}")).unwrap_or_default();
        options.push(format!("--array=0-{}{throttle}", self.elements.saturating_sub(1)));
        options.push(format!("--output={folder_text}/%a.log"));
        // After a requeue the same job goes on: its log must not begin anew.
        options.push("--open-mode=append".to_owned());
        options.push("--requeue".to_owned());
        // To the batch shell, which is the worker: without B: the signal reaches steps of srun only.
        options.push(format!("--signal=B:USR1@{}", settings.signal_secs));
        let asked = [
            ("partition", &settings.partition),
            ("account", &settings.account),
            ("qos", &settings.qos),
            ("time", &settings.time),
        ];
        for (option, value) in asked {
            options.extend(value.iter().map(|value| format!("--{option}={value}")));
        }
        options.push("--nodes=1".to_owned());
        options.push("--ntasks=1".to_owned());
        options.push(format!("--cpus-per-task={}", settings.cpus));
        options.extend(settings.memory_mb.iter().map(|memory| format!("--mem={memory}M")));
        if settings.gpus > 0 {
            options.push(format!("--gres=gpu:{}", settings.gpus));
        }
        options.extend(settings.lines.iter().cloned());

        let mut text = "#!/bin/sh\n".to_owned();
        for option in options {
            let _ = writeln!(text, "#SBATCH {option}");
        }
        for line in &settings.setup {
            let _ = writeln!(text, "{line}");
        }
        let device = if settings.gpus > 0 { "cuda" } else { "cpu" };
        let program = quoted(self.program)?;
        let submission = quoted(&folder.join("submission.json"))?;
        // exec: signals are sent to this process, and a shell would keep them.
        let _ = writeln!(
            text,
            "exec {program} worker --device {device} --threads {} \\\n    \
             --submission {submission} --element \"$SLURM_ARRAY_TASK_ID\"",
            settings.cpus
        );
        Ok(text)
    }
}

/// A path for a `#SBATCH` line.
fn plain(path: &Path) -> Result<&str> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "%\\\"'".contains(c);
    match path.to_str() {
        Some(text) if path.is_absolute() && !text.contains(bad) => Ok(text),
        _ => bail!(
            "{}: Slurm cannot write its logs there, expected an absolute path without spaces, quotes, % and backslashes",
            path.display()
        ),
    }
}

/// A path for the shell.
fn quoted(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) if !text.contains('\n') => Ok(format!("'{}'", text.replace('\'', r"'\''"))),
        _ => bail!("{}: expected a path in UTF-8 on one line", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script<'a>(settings: &'a Settings, elements: usize, folder: &'a str) -> Script<'a> {
        let program = Path::new("/opt/it's here/vesalius");
        Script {
            settings,
            name: "vesalius-paper-0123456789ab",
            elements,
            program,
            folder: Path::new(folder),
        }
    }

    /// Compares with a recorded file; `UPDATE_SNAPSHOTS=1` records it anew.
    fn same_as(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let recorded = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, recorded, "{} (UPDATE_SNAPSHOTS=1 records it anew)", path.display());
    }

    #[test]
    fn a_script_with_nothing_asked_for_is_as_recorded() {
        let text = script(&Settings::default(), 1, "/data/out/slurm/n").render().unwrap();
        same_as("slurm-plain.sh", &text);
    }

    #[test]
    fn a_script_with_everything_asked_for_is_as_recorded() {
        let settings = toml::from_str(
            "partition = \"gpu\"\naccount = \"lab\"\nqos = \"long\"\ntime = \"1-12\"\ngpus = 1\ncpus = 4\n\
             memory_mb = 16000\nthrottle = 50\nsignal_secs = 600\nlines = [\"--constraint=a100\"]\n\
             setup = [\"module load cuda\"]",
        );
        let text = script(&settings.unwrap(), 1001, "/data/out/slurm/n").render().unwrap();
        same_as("slurm-full.sh", &text);
    }

    #[test]
    fn a_folder_that_slurm_would_misread_is_refused() {
        for folder in ["/data/my study", "/data/100%", "relative"] {
            let error = script(&Settings::default(), 1, folder).render().unwrap_err().to_string();
            assert!(error.contains(folder) && error.contains("expected"), "{error}");
        }
    }
}
