//! Whether bf16 is faster here: what [`super::Precision::Auto`] goes by.

use super::Arithmetic;
use crate::layers::compute::Convolution;
use crate::layers::conv::channels_last;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};
use vesalius_data::files::publish::create_folders;
use vesalius_data::files::{cache, digest, read};

/// How much faster bf16 has to be for [`Precision::Auto`] to take it: far enough from 1 that other work on the machine
/// does not decide.
pub const WORTH: f64 = 1.2;

/// What is known of bf16 on a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Whether the device has instructions for it.
    pub supported: bool,
    /// Time of a convolution's forward and backward pass in f32 over that in bf16; where it is supported.
    pub speedup: Option<f64>,
}

impl Trial {
    /// Looks, and measures where it is supported: on a GPU once in a process, on a CPU once, and keeps it in the cache,
    /// so that all commands on a machine take the same arithmetic, whatever else runs beside one of them.
    pub fn of(device: Device) -> Self {
        static CPU: OnceLock<Trial> = OnceLock::new();
        static CUDA: OnceLock<Trial> = OnceLock::new();
        if device != Device::Cpu {
            return *CUDA.get_or_init(|| Self { supported: true, speedup: Some(speedup(device)) });
        }
        *CPU.get_or_init(|| {
            let supported = cpu_computes_bf16();
            Self { supported, speedup: supported.then(|| kept(cache::folder().ok().as_deref())) }
        })
    }

    /// Whether [`Precision::Auto`] takes it.
    pub fn bf16(self) -> bool {
        self.speedup.is_some_and(|speedup| speedup >= WORTH)
    }
}

/// What was measured on such a CPU with so many threads: kept, or measured now and kept. Without a cache that can be
/// written each process measures for itself.
fn kept(cache: Option<&Path>) -> f64 {
    let Some(folder) = cache else { return speedup(Device::Cpu) };
    let key = format!("trial/1/{}/{}/{}", tch::get_num_threads(), crate::LIBTORCH_VERSION, cpu());
    let stem = format!("precision-{}", &digest::of_bytes(key.as_bytes())[..16]);
    let read = |path: &Path| serde_json::from_slice(&read::bytes(path).ok()?).ok();
    let find = || read(&cache::find(folder, &stem, "json").ok()??);
    find().unwrap_or_else(|| {
        let measured = speedup(Device::Cpu);
        let write = |path: &Path| Ok(std::fs::write(path, serde_json::to_vec(&measured)?)?);
        // Whoever was faster has decided.
        let kept = create_folders(folder).and_then(|()| cache::keep(folder, &stem, "json", write));
        kept.ok().and_then(|path| read(&path)).unwrap_or(measured)
    })
}

fn cpuinfo() -> String {
    std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

/// Which CPU this is.
fn cpu() -> String {
    const NAMES: [&str; 8] = [
        "vendor_id",
        "cpu family",
        "model",
        "stepping",
        "flags",
        "Features",
        "CPU implementer",
        "CPU part",
    ];
    let text = cpuinfo();
    let first = text.split("\n\n").next().unwrap_or_default();
    let lines = first.lines().filter(|line| NAMES.iter().any(|name| line.starts_with(name)));
    lines.collect::<Vec<_>>().join("\n")
}

/// What the CPU can do, in Linux' words; nothing elsewhere.
pub fn cpu_flags() -> Vec<String> {
    let text = cpuinfo();
    let flags = text.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    flags.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Whether the CPU multiplies bf16: AVX512_BF16 or AMX on x86, BF16 on Arm.
fn cpu_computes_bf16() -> bool {
    cpu_flags().iter().any(|flag| ["avx512_bf16", "amx_bf16", "bf16"].contains(&flag.as_str()))
}

/// Rounds of a trial, after one that is not timed; the fastest of each arithmetic counts.
const ROUNDS: usize = 4;

fn speedup(device: Device) -> f64 {
    let options = (Kind::Float, device);
    let x = channels_last(&Tensor::ones([8, 64, 32, 32], options), device);
    let weight = channels_last(&Tensor::ones([64, 64, 3, 3], options), device);
    let mut fastest = [Duration::MAX; 2];
    for round in 0..=ROUNDS {
        for (arithmetic, fastest) in [Arithmetic::F32, Arithmetic::Bf16].iter().zip(&mut fastest) {
            let [x, weight] = [&x, &weight]
                .map(|t| t.to_kind(arithmetic.kind()).detach().set_requires_grad(true));
            let started = Instant::now();
            tch::with_grad(|| {
                let y = Convolution::plain(1, 1).run(&x, &weight, None);
                let _ = Tensor::run_backward(&[y.sum(Kind::Float)], &[&x, &weight], false, false);
            });
            if device != Device::Cpu {
                tch::Cuda::synchronize(0);
            }
            if round > 0 {
                *fastest = (*fastest).min(started.elapsed());
            }
        }
    }
    fastest[0].as_secs_f64() / fastest[1].as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_bf16_where_it_is_faster_by_far() {
        let trial = |supported, speedup| Trial { supported, speedup };
        assert!(trial(true, Some(1.9)).bf16());
        assert!(!trial(true, Some(1.1)).bf16());
        assert!(!trial(false, None).bf16());
    }

    #[test]
    fn what_was_measured_once_is_taken_by_all_commands() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let first = kept(Some(&cache));
        assert!(first > 0.0 && first.is_finite(), "{first}");
        let files = || std::fs::read_dir(&cache).unwrap().flatten().map(|entry| entry.path());
        assert_eq!(files().count(), 1);
        assert_eq!(kept(Some(&cache)), first, "two measurements would differ");
        // Damaged, it is measured again; where nothing can be kept, each time.
        std::fs::write(files().next().unwrap(), "9").unwrap();
        assert!(kept(Some(&cache)) < 9.0);
        assert!(kept(Some(Path::new("/proc/nowhere"))) > 0.0);
        assert!(kept(None) > 0.0);
    }
}
