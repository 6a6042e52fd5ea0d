//! In which arithmetic networks compute: f32, or bf16 with f32 masters.
//!
//! In bf16 the activations and the weights of a pass are bf16 (`layers/compute.rs` casts them); weights as they are
//! trained, moments, averages, batch statistics, losses, penalties' norms and the last layer of each network stay f32
//! (Micikevicius et al. 2018, arXiv:1710.03740; bf16 has f32's range, so that no loss is scaled: Kalamkar et al. 2019,
//! arXiv:1905.12322).

mod trial;

use tch::{Device, Kind, Tensor};
pub use trial::{Trial, WORTH, cpu_flags};
pub use vesalius_data::run::precision::Precision;

/// What a setting is on a device. [`Precision::Auto`] may time a few convolutions, once on a machine.
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
}
