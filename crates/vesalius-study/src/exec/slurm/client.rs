//! Slurm's commands: what is asked of them and how their answers are read.

use anyhow::{Context as _, Result, anyhow};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The controller does not answer, or is too busy: to be asked again.
    #[error("{0}")]
    NoAnswer(String),
    /// As many jobs as somebody may have: to be asked again when some have ended.
    #[error("{0}")]
    Limit(String),
    /// It will not have this, however often it is asked.
    #[error("{0}")]
    Refused(String),
}

/// An element of an array in the queue: the job's name and the element's index.
pub type Place = (String, usize);

/// What the queue says of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `17_3`.
    pub id: String,
    /// `PENDING`, `RUNNING`, ….
    pub state: String,
    /// Why it waits.
    pub reason: String,
}

/// Largest array that Slurm takes unless it is told otherwise (`slurm.conf`, MaxArraySize).
pub const USUAL_ARRAY_SIZE: usize = 1001;

/// Submits a script; gives the job's number.
///
/// # Errors
/// Slurm's own words.
pub fn submit(script: &Path) -> Result<String, Failed> {
    let output = run(Command::new("sbatch").arg("--parsable").arg(script))?;
    // NUMBER, or NUMBER;CLUSTER.
    let job = output.trim().split(';').next().unwrap_or("").to_owned();
    if job.is_empty() || !job.chars().all(|c| c.is_ascii_digit()) {
        return Err(Failed::Refused(format!(
            "sbatch said `{}`, expected a job number",
            output.trim()
        )));
    }
    Ok(job)
}

/// All of this user's jobs, asked for at once.
///
/// # Errors
/// Slurm's own words.
pub fn queue() -> Result<HashMap<Place, Row>, Failed> {
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--array", "--me", "--format", "%i|%T|%r|%j"]);
    Ok(read_queue(&run(&mut command)?))
}

fn read_queue(text: &str) -> HashMap<Place, Row> {
    let row = |line: &str| {
        let mut fields = line.splitn(4, '|');
        let (id, state, reason, name) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let element = id.split_once('_')?.1.parse().ok()?;
        let row = Row { id: id.to_owned(), state: state.to_owned(), reason: reason.to_owned() };
        Some(((name.to_owned(), element), row))
    };
    text.lines().filter_map(row).collect()
}

/// Takes an element out of the queue and ends its worker. One that is not there any more is no error.
///
/// # Errors
/// Slurm's own words.
pub fn cancel(id: &str) -> Result<(), Failed> {
    match run(Command::new("scancel").arg(id)) {
        Err(Failed::Refused(text)) if text.contains("Invalid job id") => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Largest index of an array plus one (`MaxArraySize`).
///
/// # Errors
/// Slurm's own words, or an answer without that number.
pub fn max_array_size() -> Result<usize, Failed> {
    let text = run(Command::new("scontrol").args(["show", "config"]))?;
    read_max_array_size(&text).map_err(|error| Failed::Refused(error.to_string()))
}

fn read_max_array_size(text: &str) -> Result<usize> {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("MaxArraySize"))
        .context("scontrol show config: no MaxArraySize")?;
    line.split_once('=')
        .and_then(|(_, value)| value.trim().parse().ok())
        .filter(|size| *size > 0)
        .ok_or_else(|| {
            anyhow!("scontrol show config: `{}`, expected a number above 0", line.trim())
        })
}

fn run(command: &mut Command) -> Result<String, Failed> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(std::process::Stdio::null()).output().map_err(|error| {
        Failed::Refused(format!("{program}: {error}; expected Slurm's commands on this machine"))
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failure(&program, &String::from_utf8_lossy(&output.stderr)))
}

/// Which kind of failure Slurm's words mean (`slurm_errno.c` has them). What is not known is refused: it is shown, and
/// the study can go on once somebody has mended it.
fn failure(program: &str, stderr: &str) -> Failed {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = if lines.is_empty() {
        format!("{program}: failed without a word")
    } else {
        lines.join("; ")
    };
    let any = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if any(&[
        "Unable to contact slurm controller",
        "Socket timed out",
        "Transport endpoint",
        "Zero Bytes were transmitted",
        "Connection refused",
        "Connection timed out",
        "Slurm backup controller in standby mode",
        "temporarily unable to accept job",
        "Resource temporarily unavailable",
        "Unexpected message received",
    ]) {
        Failed::NoAnswer(text)
    } else if any(&[
        "job submit limit",
        "MaxSubmitJobs",
        "QOSMaxSubmit",
        "AssocMaxSubmit",
        "MaxJobCount",
    ]) {
        Failed::Limit(text)
    } else {
        Failed::Refused(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_read_by_name_and_element_and_other_jobs_are_left_out() {
        let rows = read_queue(
            "1_2|PENDING|JobArrayTaskLimit|vesalius-x-ab\n17|RUNNING|None|shell\n2_0|RUNNING|None|a|b\n",
        );
        assert_eq!(rows.len(), 2);
        let row = &rows[&("vesalius-x-ab".to_owned(), 2)];
        assert_eq!((row.id.as_str(), row.state.as_str()), ("1_2", "PENDING"));
        assert!(rows.contains_key(&("a|b".to_owned(), 0)));
    }

    #[test]
    fn slurms_words_are_told_apart() {
        for (words, kind) in [
            ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", 0),
            (
                "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
                0,
            ),
            (
                "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates \
                 accounting/QOS policy (job submit limit, user's size and/or time limits)",
                1,
            ),
            ("sbatch: error: Batch job submission failed: Invalid partition name specified", 2),
            ("", 2),
        ] {
            let found = match failure("sbatch", words) {
                Failed::NoAnswer(_) => 0,
                Failed::Limit(_) => 1,
                Failed::Refused(_) => 2,
            };
            assert_eq!(found, kind, "{words}");
        }
        assert!(!failure("sbatch", "a\nb\n").to_string().contains('\n'));
    }

    #[test]
    fn the_largest_array_is_read_from_the_configuration() {
        assert_eq!(read_max_array_size("MaxArraySize            = 1001\n").unwrap(), 1001);
        assert!(read_max_array_size("MaxJobCount = 3\n").is_err());
    }
}
