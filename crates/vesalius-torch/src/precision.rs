//! In which arithmetic networks compute: f32, or bf16 with f32 masters.
//!
//! In bf16 the activations and the weights of a pass are bf16 (`layers/compute.rs` casts them); weights as they are
//! trained, moments, averages, batch statistics, losses, penalties' norms and the last layer of each network stay f32
//! (Micikevicius et al. 2018, arXiv:1710.03740; bf16 has f32's range, so that no loss is scaled: Kalamkar et al. 2019,
//! arXiv:1905.12322).

use crate::layers::compute::Convolution;
use crate::layers::conv::channels_last;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};
pub use vesalius_data::run::precision::Precision;

/// What a setting is on a device. [`Precision::Auto`] may time a few convolutions, once in a process.
pub fn resolve(precision: Precision, device: Device) -> Arithmetic {
    let bf16 = match precision {
        Precision::F32 => false,
        Precision::Bf16 => true,
        Precision::Auto => Trial::of(device).bf16(),
    };
    if bf16 { Arithmetic::Bf16 } else { Arithmetic::F32 }
}

/// The same as a setting without a choice: what is written where it was made.
pub fn resolved(precision: Precision, device: Device) -> Precision {
    match resolve(precision, device) {
        Arithmetic::F32 => Precision::F32,
        Arithmetic::Bf16 => Precision::Bf16,
    }
}

/// What a network computes its activations in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, of which 8 are the exponent, as in f32.
    Bf16,
}

impl Arithmetic {
    /// Activations of a network that computes so, from what it is given: in bf16 cast, else as they are (f64 in tests).
    pub fn enter(self, x: &Tensor) -> Tensor {
        match self {
            Self::F32 => x.shallow_clone(),
            Self::Bf16 => x.to_kind(Kind::BFloat16),
        }
    }

    /// The kind of its tensors.
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

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
    /// Looks, and measures where it is supported; once in a process for the CPU and once for a GPU.
    pub fn of(device: Device) -> Self {
        static CPU: OnceLock<Trial> = OnceLock::new();
        static CUDA: OnceLock<Trial> = OnceLock::new();
        let known = if device == Device::Cpu { &CPU } else { &CUDA };
        *known.get_or_init(|| {
            let supported = device != Device::Cpu || cpu_computes_bf16();
            Self { supported, speedup: supported.then(|| speedup(device)) }
        })
    }

    /// Whether [`Precision::Auto`] takes it.
    pub fn bf16(self) -> bool {
        self.speedup.is_some_and(|speedup| speedup >= WORTH)
    }
}

/// What the CPU can do, in Linux' words; nothing elsewhere.
pub fn cpu_flags() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
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
    fn what_is_not_said_is_f32_and_only_auto_is_resolved() {
        assert_eq!(Precision::default(), Precision::F32);
        for precision in [Precision::F32, Precision::Bf16] {
            assert_eq!(resolved(precision, Device::Cpu), precision);
        }
        let taken = if Trial::of(Device::Cpu).bf16() { Precision::Bf16 } else { Precision::F32 };
        assert_eq!(resolved(Precision::Auto, Device::Cpu), taken);
        assert_eq!(resolved(Precision::Auto, Device::Cpu), taken, "it does not change its mind");
    }

    #[test]
    fn auto_takes_bf16_where_it_is_faster_by_far() {
        let trial = |supported, speedup| Trial { supported, speedup };
        assert!(trial(true, Some(1.9)).bf16());
        assert!(!trial(true, Some(1.1)).bf16());
        assert!(!trial(false, None).bf16());
    }
}
