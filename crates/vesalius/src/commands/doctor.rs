//! `vesalius doctor`: what this machine has, and what is missing with the command that mends it.

use crate::{environment, libtorch};
use anyhow::Result;
use std::collections::BTreeMap;
use std::process::ExitCode;
use vesalius_data::files::cache;
use vesalius_data::output;
use vesalius_data::show;
use vesalius_data::weights::KNOWN;
use vesalius_stages::weights::path_of;
use vesalius_torch::Device;
use vesalius_torch::precision::{Trial, cpu_flags};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is missing stands under its line with the command that mends it (->, in JSON `remedy`).

Examples:
  vesalius doctor
  vesalius doctor --json")]
pub struct Args {
    /// Print one JSON object, `{"findings": […]}`.
    #[arg(long)]
    json: bool,
}

/// One line of the report.
#[derive(Debug, serde::Serialize)]
struct Finding {
    what: &'static str,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    // All else of LibTorch is asked only where it is there.
    let libtorch = libtorch::available();
    let has_libtorch = libtorch.is_ok();
    let findings = [
        versions(libtorch),
        processor(),
        threads(has_libtorch),
        precision(has_libtorch),
        cuda(has_libtorch),
        memory(),
        disk(),
        cache()?,
        weights()?,
    ];
    if args.json {
        let object = BTreeMap::from([("findings", &findings)]);
        output::json(&object)?;
    } else {
        for finding in &findings {
            show!("{:<12} {}", finding.what, finding.found);
            if let Some(remedy) = &finding.remedy {
                show!("{:<12}   -> {remedy}", "");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fine(what: &'static str, found: String) -> Finding {
    Finding { what, found, remedy: None }
}

fn versions(libtorch: Result<(), String>) -> Finding {
    let torch = vesalius_torch::LIBTORCH_VERSION;
    let version = env!("CARGO_PKG_VERSION");
    match libtorch {
        Ok(()) => {
            let place = libtorch::place().map_or_else(String::new, |place| format!(" ({place})"));
            fine("vesalius", format!("{version}, LibTorch {torch}{place}"))
        }
        Err(why) => Finding {
            what: "vesalius",
            found: format!("{version}, without LibTorch: {why}"),
            remedy: Some(format!(
                "set LIBTORCH=/path/to/libtorch (version {torch}), pip install torch=={torch} beside it, or `vesalius setup`"
            )),
        },
    }
}

/// Vector instructions that LibTorch's kernels choose between.
fn processor() -> Finding {
    let flags = cpu_flags();
    let has = |name: &str| flags.iter().any(|flag| flag == name);
    let vector: Vec<&str> = ["avx2", "avx512f", "avx512_bf16", "amx_tile"]
        .into_iter()
        .filter(|name| has(name))
        .collect();
    let name = environment::processor();
    let vector = if vector.is_empty() { "none found".to_owned() } else { vector.join(" ") };
    fine("processor", format!("{name}; vector instructions: {vector}"))
}

fn threads(has_libtorch: bool) -> Finding {
    let available = environment::available_threads();
    if !has_libtorch {
        return fine("threads", format!("{available} available"));
    }
    fine("threads", format!("{} in LibTorch, {available} available", vesalius_torch::threads()))
}

/// What `--precision auto` takes on the CPU.
fn precision(has_libtorch: bool) -> Finding {
    if !has_libtorch {
        return fine("precision", "unknown without LibTorch".to_owned());
    }
    let trial = Trial::of(Device::Cpu);
    let text = match trial.speedup {
        None => "auto is f32: this processor has no instructions for bf16".to_owned(),
        Some(times) => format!(
            "auto is {}: a convolution in bf16 is {times:.1} times as fast as in f32 here (measured once, kept in \
             the cache)",
            if trial.bf16() { "bf16" } else { "f32" }
        ),
    };
    fine("precision", text)
}

fn cuda(has_libtorch: bool) -> Finding {
    if !has_libtorch {
        return fine("cuda", "unknown without LibTorch".to_owned());
    }
    match vesalius_torch::cuda_devices() {
        0 => Finding {
            what: "cuda",
            found: "no device; training runs on the CPU".to_owned(),
            remedy: Some(
                "to use a GPU: rebuild with LIBTORCH=/path/to/libtorch-with-cuda, or LIBTORCH_USE_PYTORCH=1 for the \
                 PyTorch of python3; then --device cuda:0"
                    .to_owned(),
            ),
        },
        count => fine("cuda", format!("{count} device(s); use --device cuda:0")),
    }
}

fn memory() -> Finding {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let Some(kib) = kib else { return fine("memory", "unknown on this system".to_owned()) };
    let gib = kib as f64 / (1 << 20) as f64;
    Finding {
        what: "memory",
        found: format!("{gib:.1} GiB available"),
        remedy: (gib < 3.0).then(|| "below 3 GiB: use --set training.batch=8".to_owned()),
    }
}

fn disk() -> Finding {
    let output = std::process::Command::new("df").args(["-Pk", "."]).output();
    let kib = output.ok().and_then(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    let Some(kib) = kib else { return fine("disk", "unknown on this system".to_owned()) };
    let gib = kib as f64 / (1 << 20) as f64;
    Finding {
        what: "disk",
        found: format!("{gib:.1} GiB free here"),
        remedy: (gib < 2.0).then(|| "below 2 GiB: runs and packs may not fit".to_owned()),
    }
}

fn cache() -> Result<Finding> {
    let folder = cache::folder()?;
    let count = std::fs::read_dir(&folder).map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("unet-"))
            .count()
    });
    Ok(fine("cache", format!("{}: {count} judge U-Net(s)", folder.display())))
}

fn weights() -> Result<Finding> {
    let mut here = Vec::new();
    let mut missing = Vec::new();
    for weights in &KNOWN {
        let list = if path_of(weights.name)?.is_file() { &mut here } else { &mut missing };
        list.push(weights.name);
    }
    let found = if here.is_empty() { "none here".to_owned() } else { here.join(", ") };
    let remedy = (!missing.is_empty()).then(|| {
        format!(
            "missing, needed only for metrics and losses that name them: {}; `vesalius weights fetch NAME`",
            missing.join(", ")
        )
    });
    Ok(Finding { what: "weights", found, remedy })
}
