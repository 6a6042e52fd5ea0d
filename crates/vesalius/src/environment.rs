//! What every command that computes shares: device, threads, signals, and how a run names its machine.

use crate::libtorch;
use crate::progress::begin;
use anyhow::{Context, Error, Result, bail};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use vesalius_data::run::meter::Meter;
use vesalius_data::run::precision::Precision;
use vesalius_data::say;
use vesalius_data::text::shell::quote;
use vesalius_stages::context::Context as StageContext;
use vesalius_torch::Device;

/// Where to compute.
#[derive(Debug, Clone, clap::Args)]
pub struct Compute {
    /// Device: `cpu`, or `cuda:0`, … with a LibTorch that has CUDA (see `vesalius doctor`).
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub device: String,
    /// CPU threads [default: all].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

impl Compute {
    /// Loads LibTorch, sets the threads and gives the device.
    ///
    /// # Errors
    /// LibTorch is missing; an unknown device, or one that this machine or LibTorch lacks.
    pub fn start(&self) -> Result<Device> {
        if self.threads == Some(0) {
            bail!("--threads 0: expected at least 1");
        }
        needs_libtorch()?;
        if let Some(threads) = self.threads {
            vesalius_torch::set_threads(threads);
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global()
                .context("--threads: the thread pool runs already")?;
        }
        device(&self.device)
    }
}

/// In what arithmetic networks compute.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arithmetic {
    /// Arithmetic of the networks [default: f32]: f32, bf16 (with f32 masters), or auto: bf16 where this machine has
    /// it, a short trial says that it is faster and it is not known to harm the family (StyleGAN). What was taken is
    /// recorded.
    #[arg(long, value_name = "f32|bf16|auto")]
    pub precision: Option<Precision>,
}

/// Loads LibTorch, and sets memory up for it. A command that computes asks first, before anything is read or written:
/// later it could only end the process where it stands.
///
/// # Errors
/// LibTorch is missing, or another than expected.
pub fn needs_libtorch() -> Result<()> {
    libtorch::available().map_err(Error::msg)?;
    vesalius_torch::memory::explain_exceptions();
    vesalius_torch::memory::ask_for_large_pages();
    Ok(())
}

/// The device of a name.
///
/// # Errors
/// An unknown device, or one that this machine or LibTorch lacks.
pub fn device(name: &str) -> Result<Device> {
    let device = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        other => other
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok())
            .with_context(|| format!("--device {other}: expected cpu, cuda or cuda:INDEX"))?,
    };
    let count = vesalius_torch::cuda_devices();
    if device >= count {
        bail!(
            "--device {name}: LibTorch sees {count} CUDA devices; expected one with that number. LIBTORCH or \
             LIBTORCH_USE_PYTORCH=1 at build time chooses a LibTorch with CUDA"
        );
    }
    Ok(Device::Cuda(device))
}

/// Set by SIGTERM, SIGINT and SIGUSR1 (what Slurm sends ahead of a time limit); a second SIGINT ends the program at
/// once.
#[derive(Debug, Clone)]
pub struct Stop {
    all: Arc<AtomicBool>,
    /// For the task at work only: it was cancelled.
    task: Arc<AtomicBool>,
    /// Nothing here ends the process before its command does.
    held: Arc<AtomicBool>,
}

impl Stop {
    /// Starts listening.
    ///
    /// # Errors
    /// When the signals cannot be caught.
    pub fn listen() -> Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        // One flag per process: a worker listens before the command that it runs does.
        static LISTENING: OnceLock<Stop> = OnceLock::new();
        if let Some(stop) = LISTENING.get() {
            return Ok(stop.clone());
        }
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&flag))
            .context("SIGINT cannot be caught")?;
        for signal in [SIGINT, SIGTERM, SIGUSR1] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .with_context(|| format!("signal {signal} cannot be caught"))?;
        }
        Ok(LISTENING
            .get_or_init(|| Self { all: flag, task: Arc::default(), held: Arc::default() })
            .clone())
    }

    /// For commands that save nothing before their end: once asked, the process ends within a tenth of a second,
    /// whatever
    /// it computes, unless it is held.
    pub fn ends_at_once(&self) {
        let stop = self.clone();
        std::thread::spawn(move || {
            while !stop.asked_for_all() {
                std::thread::sleep(Duration::from_millis(50));
            }
            // A command that sees the flag by itself is faster.
            std::thread::sleep(Duration::from_millis(50));
            if !stop.held.load(Ordering::SeqCst) {
                say!("{STOPPED}");
                // Other threads compute: nothing of theirs may be destroyed first.
                signal_hook::low_level::exit(i32::from(REQUEUE));
            }
        });
    }

    /// Holds the process until its command ends: a worker, whose own watch ends it and notes that.
    pub fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Stops when stdin closes, too: whoever holds its other end has died.
    pub fn when_stdin_closes(&self) {
        let flag = Arc::clone(&self.all);
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            flag.store(true, Ordering::Relaxed);
        });
    }

    /// Whether to stop.
    pub fn asked(&self) -> bool {
        self.asked_for_all() || self.task.load(Ordering::Relaxed)
    }

    /// Whether the whole process shall stop, not just the task at work.
    pub fn asked_for_all(&self) -> bool {
        self.all.load(Ordering::Relaxed)
    }

    /// Stops the task at work.
    pub fn end_task(&self) {
        self.task.store(true, Ordering::Relaxed);
    }

    /// The task at work has ended; the next one may begin.
    pub fn next_task(&self) {
        self.task.store(false, Ordering::Relaxed);
    }
}

/// What a command says that saved nothing.
const STOPPED: &str = "stopped; the same command starts again";

/// Exit code of a run that wants to be started again: sysexits.h's `EX_TEMPFAIL`, which Slurm jobs use for a requeue.
pub const REQUEUE: u8 = 75;

/// What signals of the environment do. A reader of our output that goes away (`| head`) ends the program quietly, as it
/// does
/// every Unix tool: Rust ignores the signal by default. A file that grows beyond a limit (`ulimit -f`, some quotas) is
/// an
/// error of that file, in one line, and not the end without a word.
#[expect(unsafe_code, reason = "signal is a foreign function: see below")]
pub fn mind_signals() {
    // SAFETY: called first thing in main, before any other thread exists; neither action is a function of ours.
    #[cfg(unix)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Processor, threads, LibTorch, of a command that computes with it: for `result.json`.
pub fn machine() -> String {
    format!(
        "{}, {} threads, LibTorch {}",
        processor(),
        vesalius_torch::threads(),
        vesalius_torch::LIBTORCH_VERSION
    )
}

/// The processor's name.
pub fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name").and_then(|rest| rest.split(':').nth(1)))
        .unwrap_or(std::env::consts::ARCH);
    name.trim().to_owned()
}

/// Threads that this process may run at once; 0 where the system does not say.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// This process's command line, as a shell would take it, in one line.
pub fn command_line() -> String {
    // Names need not be UTF-8.
    let rest = std::env::args_os().skip(1).map(|argument| quote(&argument.to_string_lossy()));
    std::iter::once("vesalius".to_owned()).chain(rest).collect::<Vec<_>>().join(" ")
}

/// Counts what this process's command costs from here on, if it computes without LibTorch.
pub fn meter_without_libtorch() -> Meter {
    Meter::start(command_line(), format!("{}, {} threads", processor(), available_threads()))
}

/// What a stage leans on, of this process.
pub fn context(device: Device, stop: &Stop) -> StageContext<'_> {
    StageContext {
        device,
        stop: Box::new(|| stop.asked()),
        hold: Box::new(|| stop.hold()),
        progress: &begin,
        command: command_line(),
        machine: machine(),
    }
}

/// The same for a command that a signal simply ends: it publishes in one step, and has nothing to save before.
pub fn context_without_stop(device: Device) -> StageContext<'static> {
    StageContext {
        device,
        stop: Box::new(|| false),
        hold: Box::new(|| ()),
        progress: &begin,
        command: command_line(),
        machine: machine(),
    }
}

/// The same for a command that asks nothing of LibTorch.
pub fn context_without_libtorch() -> StageContext<'static> {
    let machine = format!("{}, {} threads", processor(), available_threads());
    StageContext {
        device: Device::Cpu,
        stop: Box::new(|| false),
        hold: Box::new(|| ()),
        progress: &begin,
        command: command_line(),
        machine,
    }
}

/// Says that a command was stopped and saved nothing; its exit code.
pub fn stopped() -> ExitCode {
    say!("{STOPPED}");
    ExitCode::from(REQUEUE)
}
