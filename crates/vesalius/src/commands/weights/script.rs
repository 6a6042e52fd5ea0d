//! Scripts of ours on the user's own python3.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a script; `arrived` hears the MiB of a download, and what the script says last goes into the error.
///
/// # Errors
/// When there is no python3, or the script fails.
pub fn run<const N: usize>(
    script: &str,
    arguments: [&OsStr; N],
    last: &Path,
    mut arrived: impl FnMut(u64),
) -> Result<()> {
    let mut python = Command::new("python3")
        .arg("-")
        .args(arguments)
        .arg(last)
        .env("VESALIUS_PROGRESS", "1")
        // A file torch.py beside the weights is not PyTorch (Python 3.11 and later).
        .env("PYTHONSAFEPATH", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("python3: cannot be started; published weights need it")?;
    python.stdin.take().expect("piped").write_all(script.as_bytes())?;
    let mut said = "no message".to_owned();
    for line in BufReader::new(python.stderr.take().expect("piped")).lines() {
        let line = line?;
        if let Some(error) = line.strip_prefix("error: ") {
            error.clone_into(&mut said);
        } else if let Some(mib) = arrived_mib(&line) {
            arrived(mib);
        } else {
            said = line;
        }
    }
    if !python.wait()?.success() {
        bail!("{said}");
    }
    Ok(())
}

/// "  12 of 60 MiB" → 12.
fn arrived_mib(line: &str) -> Option<u64> {
    let (done, _) = line.strip_suffix(" MiB")?.split_once(" of ")?;
    done.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reports_what_has_arrived_and_its_last_words() {
        let script = "import sys\nprint('  1 of 3 MiB', file=sys.stderr)\nprint('  3 of 3 MiB', file=sys.stderr)\n\
                      sys.exit(f'error: no {sys.argv[1]} in {sys.argv[2]}')\n";
        let mut heard = Vec::new();
        let error = run(script, [OsStr::new("net")], Path::new("there"), |mib| heard.push(mib));
        assert_eq!(error.unwrap_err().to_string(), "no net in there");
        assert_eq!(heard, [1, 3]);
    }
}
