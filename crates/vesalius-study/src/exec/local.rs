//! Child processes on this machine, one per task.

use super::memory::Guard;
use super::{Executor, How, REQUEUE, Start};
use crate::task::Key;
use crate::task_dir::TaskDir;
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The children.
#[derive(Debug)]
pub struct Local {
    program: PathBuf,
    arguments: Vec<String>,
    /// `--device`s that are shared out among the children; none: the workers' own default.
    devices: Vec<String>,
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
    /// Index of its device.
    device: usize,
    told: Option<Instant>,
}

/// From a request to stop to the end of patience: a checkpoint has to fit.
const GRACE: Duration = Duration::from_mins(1);

impl Local {
    /// Workers are `PROGRAM ARGUMENTS… [--device DEVICE] FOLDER`, at most `jobs` at once. Their stdin is a pipe that
    /// closes
    /// when this process dies: a worker that sees it close stops.
    pub fn new(program: PathBuf, arguments: Vec<String>, jobs: usize) -> Self {
        let (children, notes) = (Vec::new(), Vec::new());
        let (devices, memory) = (Vec::new(), Guard::default());
        Self { program, arguments, devices, jobs, children, memory, short: false, notes }
    }

    /// Each worker gets `--device` with one of these: the one with the fewest workers at that moment, the first of
    /// equals.
    #[must_use]
    pub fn on(mut self, devices: Vec<String>) -> Self {
        self.devices = devices;
        self
    }

    /// Index of the device with the fewest workers.
    fn idlest(&self) -> usize {
        let load = |device: &usize| self.children.iter().filter(|c| c.device == *device).count();
        (0..self.devices.len()).min_by_key(load).unwrap_or(0)
    }

    /// Starts a task; its output goes to the folder's `output.log`.
    fn spawn(&mut self, key: Key, folder: &TaskDir) -> Result<()> {
        let path = folder.path().join("output.log");
        let open = || vesalius_data::files::read::append(&path);
        let log = open().with_context(|| format!("{}: cannot be written", path.display()))?;
        let also = log.try_clone().with_context(|| format!("{}", path.display()))?;
        let device = self.idlest();
        let option = self.devices.get(device).map(|name| ["--device", name.as_str()]);
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .args(option.into_iter().flatten())
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(also)
            // A Ctrl-C of the terminal is for the coordinator, which then tells its workers once.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{}: cannot be started", self.program.display()))?;
        self.children.push(Running { key, child, device, told: None });
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

    fn is_at_work(&self) -> bool {
        !self.children.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Stage;

    #[test]
    fn jobs_share_the_devices_evenly_and_a_new_one_goes_to_the_idlest() {
        let folder = tempfile::tempdir().unwrap();
        // A worker notes its device and stays at work until somebody takes its folder's `on` away.
        let script = "echo $2 > $3/device; while [ -e $3/on ]; do sleep 0.01; done; exit 1";
        let arguments = ["-c", script, "worker"].map(str::to_owned).to_vec();
        let devices = ["cuda:0", "cuda:1"].map(str::to_owned).to_vec();
        let mut local = Local::new("sh".into(), arguments, 6).on(devices);
        let path = |name: &str| folder.path().join(name);
        let mut start = |name: &str| {
            std::fs::create_dir(path(name)).unwrap();
            std::fs::write(path(name).join("on"), "").unwrap();
            let (key, folder) = (Key::try_from(name.repeat(64)).unwrap(), TaskDir::at(&path(name)));
            local.start(vec![Start { stage: Stage::Train, key, folder }]).unwrap();
            let told = path(name).join("device");
            while !std::fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n')) {
                std::thread::sleep(Duration::from_millis(5));
            }
            if name == "e" {
                // Both of the first device end.
                for name in ["a", "c"] {
                    std::fs::remove_file(path(name).join("on")).unwrap();
                }
                let mut ended = vec![];
                while ended.len() < 2 {
                    ended.extend(local.ended().unwrap());
                }
                assert!(ended.iter().all(|(_, how)| *how == How::Exit(1)), "{ended:?}");
            }
            std::fs::read_to_string(told).unwrap().trim().to_owned()
        };
        let devices: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(&mut start).to_vec();
        assert_eq!(devices, ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0", "cuda:0"]);
    }
}
