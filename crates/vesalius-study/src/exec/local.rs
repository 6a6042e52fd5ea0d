//! Child processes on this machine, one per task.

use super::memory::Guard;
use super::{Executor, How, REQUEUE, Start};
use crate::task::Key;
use crate::task_dir::TaskDir;
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The children.
#[derive(Debug)]
pub struct Local {
    program: PathBuf,
    arguments: Vec<String>,
    jobs: usize,
    children: Vec<Running>,
    memory: Guard,
    /// Somebody was told that memory keeps jobs from starting.
    short: bool,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Running {
    key: Key,
    child: Child,
    told: Option<Instant>,
}

/// From a request to stop to the end of patience: a checkpoint has to fit.
const GRACE: Duration = Duration::from_mins(1);

impl Local {
    /// Workers are `PROGRAM ARGUMENTS… FOLDER`, at most `jobs` at once. Their stdin is a pipe that closes when this
    /// process dies: a worker that sees it close stops.
    pub fn new(program: PathBuf, arguments: Vec<String>, jobs: usize) -> Self {
        let (children, notes) = (Vec::new(), Vec::new());
        Self { program, arguments, jobs, children, memory: Guard::default(), short: false, notes }
    }

    /// Starts a task; its output goes to the folder's `output.log`.
    fn spawn(&mut self, key: Key, folder: &TaskDir) -> Result<()> {
        let path = folder.path().join("output.log");
        let open = || File::options().create(true).append(true).open(&path);
        let log = open().with_context(|| format!("{}: cannot be written", path.display()))?;
        let also = log.try_clone().with_context(|| format!("{}", path.display()))?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(also)
            // A Ctrl-C of the terminal is for the coordinator, which then tells its workers once.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{}: cannot be started", self.program.display()))?;
        self.children.push(Running { key, child, told: None });
        Ok(())
    }
}

impl Executor for Local {
    /// No more than fit into memory beside those at work.
    fn free(&mut self) -> usize {
        let places = self.jobs.saturating_sub(self.children.len());
        if places == 0 {
            return 0;
        }
        let room = self.memory.room(self.children.iter().map(|running| running.child.id()));
        if room < places && !std::mem::replace(&mut self.short, true) {
            self.notes.push(format!(
                "memory: {} instead of {} jobs at once until more is free; a worker took up to {} MiB",
                self.children.len() + room,
                self.jobs,
                self.memory.need() >> 20
            ));
        }
        places.min(room)
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn start(&mut self, tasks: Vec<Start>) -> Result<()> {
        tasks.into_iter().try_for_each(|task| self.spawn(task.key, &task.folder))
    }

    fn ended(&mut self) -> Result<Vec<(Key, How)>> {
        let mut ended = Vec::new();
        let mut i = 0;
        while i < self.children.len() {
            let running = &mut self.children[i];
            if running.told.is_some_and(|told| told.elapsed() > GRACE) {
                running.child.kill().context("a worker cannot be killed")?;
            }
            match running.child.try_wait().context("a worker cannot be waited for")? {
                Some(status) => {
                    let asked = running.told.is_some() && status.code() == Some(REQUEUE);
                    let how = if asked { How::Interrupted } else { how(status) };
                    ended.push((self.children.swap_remove(i).key, how));
                }
                None => i += 1,
            }
        }
        Ok(ended)
    }

    /// Its worker writes a checkpoint first, where it can.
    fn stop(&mut self, key: &Key) {
        for running in self.children.iter_mut().filter(|running| running.key == *key) {
            running.stop();
        }
    }

    fn stop_all(&mut self) -> bool {
        self.children.iter_mut().for_each(Running::stop);
        false
    }
}

impl Running {
    fn stop(&mut self) {
        if self.told.is_none() {
            self.told = Some(Instant::now());
            if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
                // One that has just ended is not an error.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    }
}

impl Drop for Local {
    /// Nothing is left behind, whatever went wrong.
    fn drop(&mut self) {
        for running in &mut self.children {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exit(code),
        (None, signal) => How::Signal(signal.unwrap_or_default()),
    }
}
