//! bf16 is the same training as f32: losses stay near, images of the same weights are the same.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::manifest::{PixelType, SliceShape};
use vesalius_torch::families::{Domain, Losses, StepContext, Trainer};
use vesalius_torch::optim::Optimiser;
use vesalius_torch::pairs::batch::Pair;
use vesalius_torch::precision::Arithmetic;
use vesalius_torch::rng::{Purpose, reseed_torch};
use vesalius_torch::spec::TrainSpec;

const CONVOLUTIONAL: [&str; 2] =
    ["networks.generator.filters=8", "networks.discriminator.filters=8"];
const STYLES: [&str; 6] = [
    "networks.mapping.latent=16",
    "networks.mapping.style=16",
    "networks.generator.channel_base=512",
    "networks.generator.channel_max=16",
    "networks.discriminator.channel_base=512",
    "networks.discriminator.channel_max=16",
];
const SPADE: [&str; 5] = [
    "networks.generator.filters=2",
    "networks.generator.hidden=8",
    "networks.generator.style=4",
    "networks.discriminator.filters=4",
    "regularise.vgg=0",
];
/// A setting of [`CONVOLUTIONAL`] that WGAN adds: it takes a hundred critic steps a step at the start.
const NO_BOOST: [&str; 3] = [CONVOLUTIONAL[0], CONVOLUTIONAL[1], "training.critic_boost=false"];

/// Every preset, with settings that make it small, and how far its losses may go from f32's in [`STEPS`] steps: the mean
/// over the steps, as a share of the greatest loss. Adam divides the first gradients by themselves, and a weight whose
/// gradient is next to nothing goes one way or the other by its last bit: whoever has many of those goes further.
const PRESETS: [(&str, &[&str], f64); 8] = [
    ("dcgan", &CONVOLUTIONAL, 0.05),
    ("lsgan", &CONVOLUTIONAL, 0.05),
    ("wgan", &NO_BOOST, 0.05),
    ("wgan-gp", &CONVOLUTIONAL, 0.05),
    ("hinge", &CONVOLUTIONAL, 0.1),
    ("spade", &SPADE, 0.1),
    ("stylegan", &STYLES, 0.2),
    ("stylegan2", &STYLES, 0.1),
];
/// Height and width: the least that SPADE makes.
const SIDE: i64 = 64;
const SHAPE: SliceShape = SliceShape {
    channels: 1,
    planes: 1,
    height: SIDE as usize,
    width: SIDE as usize,
    pixel_type: PixelType::U8,
};
const CLASSES: i64 = 3;
const BATCH: i64 = 4;
/// Steps whose losses are compared.
const STEPS: u64 = 50;

fn gan(preset: &str, settings: &[&str], arithmetic: Arithmetic) -> Box<dyn Trainer> {
    let mut settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    settings.push(format!("training.batch={BATCH}"));
    let spec = TrainSpec::resolve(preset, &settings).unwrap();
    let domain = Domain {
        spacing_mm: [1.0; 3],
        shape: SHAPE,
        sequences: false,
        classes: CLASSES as usize,
        device: Device::Cpu,
        arithmetic,
    };
    spec.trainer(domain).unwrap()
}

/// Discs of three sizes, in noise: something to learn.
fn pairs() -> Pair {
    reseed_torch(3, Purpose::Step, 0);
    let axis = Tensor::linspace(-1.0, 1.0, SIDE, (Kind::Float, Device::Cpu));
    let radius = axis.square().unsqueeze(0) + axis.square().unsqueeze(1);
    let sizes = Tensor::linspace(0.1, 0.6, BATCH, (Kind::Float, Device::Cpu)).reshape([-1, 1, 1]);
    let inside = |share: f64| radius.unsqueeze(0).lt_tensor(&(&sizes * share)).to_kind(Kind::Int64);
    let labels = inside(1.0) + inside(0.4);
    let image = labels.unsqueeze(1).to_kind(Kind::Float) - 1.0;
    Pair { image: (&image + image.randn_like() * 0.05).clamp(-1.0, 1.0), labels }
}

/// LibTorch has one generator of random numbers for all threads; and networks as small as these gain nothing by two.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    alone
}

/// Losses of a step, of the discriminator and of the generator.
fn step(gan: &mut dyn Trainer, pair: &Pair, step: u64) -> Vec<f64> {
    reseed_torch(1, Purpose::Step, step);
    let real: Vec<Pair> = gan.batches(step).iter().map(|_| pair.shallow()).collect();
    let at = StepContext { step, images: step * BATCH as u64, ema_decay: 0.5 };
    let Losses(losses) = gan.step(&real, at);
    losses.into_iter().map(|(_, loss)| loss.double_value(&[])).collect()
}

#[test]
fn losses_of_the_first_steps_stay_near_those_of_f32() {
    let _alone = alone();
    let pair = pairs();
    for (preset, settings, limit) in PRESETS {
        let [f32, bf16] = [Arithmetic::F32, Arithmetic::Bf16].map(|arithmetic| {
            let mut gan = gan(preset, settings, arithmetic);
            (0..STEPS).map(|at| step(gan.as_mut(), &pair, at)).collect::<Vec<_>>()
        });
        for of in 0..2 {
            let greatest = f32.iter().fold(0.0, |most: f64, losses| most.max(losses[of].abs()));
            let apart = f32.iter().zip(&bf16).map(|(a, b)| (a[of] - b[of]).abs() / greatest);
            let mean = apart.sum::<f64>() / STEPS as f64;
            eprintln!("{preset}, loss {of}: {mean:.4} apart");
            assert!(mean < limit, "{preset}, loss {of}: {mean} apart, expected below {limit}");
        }
    }
}

/// Learning rates at which nothing moves.
const STILL: [&str; 2] =
    ["optimiser.generator.learning_rate=1e-12", "optimiser.discriminator.learning_rate=1e-12"];

/// Gradients of the first step, of each network: Adam's first moments are a share of them; of RMSprop, which keeps none,
/// their sizes.
fn gradients(gan: &dyn Trainer) -> Vec<Vec<Tensor>> {
    let of = |optimiser: &Optimiser| {
        let state = optimiser.state();
        let named = |end: &str| -> Vec<Tensor> {
            let named = state.iter().filter(|(name, _)| name.ends_with(end));
            named.map(|(_, tensor)| tensor.copy()).collect()
        };
        let moments = named(".mean");
        if moments.is_empty() {
            named(".square").iter().map(Tensor::sqrt).collect()
        } else {
            moments
        }
    };
    gan.parts().optimisers.iter().map(|(_, optimiser)| of(optimiser)).collect()
}

/// The discriminator's gradient is the sum of two that point in opposite directions, so that what rounding leaves of it
/// is a larger share than of either; PyTorch's `autocast` leaves as much (`docs/decisions/precision.md`).
#[test]
fn losses_and_gradients_of_the_same_weights_are_those_of_f32() {
    let _alone = alone();
    let pair = pairs();
    for (preset, settings, _) in PRESETS {
        let settings: Vec<&str> = settings.iter().chain(&STILL).copied().collect();
        let [(f32, expected), (bf16, found)] =
            [Arithmetic::F32, Arithmetic::Bf16].map(|arithmetic| {
                let mut gan = gan(preset, &settings, arithmetic);
                let losses = step(gan.as_mut(), &pair, 0);
                (losses, gradients(gan.as_ref()))
            });
        for (a, b) in f32.iter().zip(&bf16) {
            assert!((a - b).abs() < 0.01 * a.abs().max(0.1), "{preset}: losses {f32:?}, {bf16:?}");
        }
        let length = |all: &[Tensor]| {
            all.iter().map(|t| t.square().sum(Kind::Double).double_value(&[])).sum::<f64>().sqrt()
        };
        for (network, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let apart: Vec<Tensor> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
            let share = length(&apart) / length(expected);
            eprintln!("{preset}: gradient {network} {share:.4} apart");
            assert!(share < 0.25, "{preset}: gradient of network {network} {share} apart");
        }
    }
}
