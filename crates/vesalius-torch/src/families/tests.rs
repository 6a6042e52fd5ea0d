use super::{Domain, Losses, Request, StepContext, Trainer};
use crate::layers::params::Params;
use crate::pairs::batch::Pair;
use crate::precision::Arithmetic;
use crate::rng::Purpose;
use crate::sample::{latents, pairs};
use crate::spec::TrainSpec;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::manifest::{PixelType, SliceShape};

const STYLES: [&str; 7] = [
    "networks.mapping.latent=8",
    "networks.mapping.style=8",
    "networks.mapping.layers=2",
    "networks.generator.channel_base=128",
    "networks.generator.channel_max=8",
    "networks.discriminator.channel_base=128",
    "networks.discriminator.channel_max=8",
];
const SPADE: [&str; 5] = [
    "networks.generator.filters=1",
    "networks.generator.hidden=4",
    "networks.generator.style=4",
    "networks.discriminator.filters=2",
    "regularise.vgg=0",
];

/// Copies of what a GAN trains: the weights of its generator and of its discriminator.
fn weights(gan: &dyn Trainer) -> Vec<Vec<Tensor>> {
    let copies = |(_, params): &(_, &Params)| {
        params.trained().into_iter().map(|(_, weight)| weight.detach().copy()).collect()
    };
    gan.parts().networks.iter().map(copies).collect()
}

/// Two steps of a small GAN on slices `[H, W]` or volumes `[D, H, W]` of this size (voxels of 10x2x2 mm), the second as at
/// the end of any growing: losses and weights stay
/// finite, both networks move, and the pairs it makes have the size.
fn trains(preset: &str, settings: &[&str], size: &[i64]) {
    let name = format!("{preset} {size:?}");
    let mut settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    settings.push("training.batch=4".to_owned());
    let spec = TrainSpec::resolve(preset, &settings).unwrap();
    let side = |from_last: usize| size[size.len() - from_last] as usize;
    let planes = if size.len() == 3 { side(3) } else { 1 };
    let (height, width) = (side(2), side(1));
    let shape = SliceShape { channels: 1, planes, height, width, pixel_type: PixelType::U8 };
    let domain = Domain {
        spacing_mm: [10.0, 2.0, 2.0],
        ..Domain::of_shape(shape, 3, Device::Cpu, Arithmetic::F32)
    };
    let mut gan = spec.trainer(domain).unwrap();
    let before = weights(gan.as_ref());
    let (image, labels) = ([&[4, 1], size].concat(), [&[4], size].concat());
    let real = Pair {
        image: Tensor::rand(&image, (Kind::Float, Device::Cpu)) * 2.0 - 1.0,
        labels: Tensor::randint(3, &labels, (Kind::Int64, Device::Cpu)),
    };
    for (step, images) in [(0, 4), (1, 100_000_000)] {
        assert_eq!(gan.batches(step), [4], "{name}");
        let at = StepContext { step, images, ema_decay: 0.5 };
        let Losses(losses) = gan.step(std::slice::from_ref(&real), at);
        assert_eq!(losses.len(), 2, "{name}");
        for (of, loss) in losses {
            assert!(loss.double_value(&[]).is_finite(), "{name}: {of} {loss:?}");
        }
    }
    let parts = gan.parts();
    let averaged = ("averaged", parts.averaged.1.params());
    for (network, params) in parts.networks.into_iter().chain([averaged]) {
        for (tensor, values) in params.all() {
            assert!(values.isfinite().all().int64_value(&[]) != 0, "{name}: {network} {tensor}");
        }
    }
    for (before, after) in before.iter().zip(weights(gan.as_ref())) {
        assert!(before.iter().zip(&after).any(|(a, b)| a != b), "{name}: nothing was learned");
    }
    let (_, generator) = gan.parts().averaged;
    let z = latents(1, Purpose::Latent, 0, 4, generator.latent());
    let masks = spec.needs_masks().then_some(&real.labels);
    let pair = pairs(generator, &Request { latents: &z, masks, truncation: 1.0 });
    assert_eq!((pair.image.size(), pair.labels.size()), (image, labels), "{name}");
}

/// As long as wide: a hippocampus at 1 mm; and one side that is no power of two.
#[test]
fn families_of_volumes_train_at_small_cubes_and_flat_ones() {
    let dcgan = ["networks.generator.filters=4", "networks.discriminator.filters=4"];
    let styles = [&STYLES[..], &["augment.ada.transforms=[]"]].concat();
    for size in [&[32, 32, 32], &[8, 48, 40]] {
        trains("dcgan", &dcgan, size);
        trains("stylegan2", &styles, size);
    }
    for size in [&[6, 64, 64], &[8, 96, 64]] {
        trains("spade", &SPADE, size);
    }
}

#[test]
fn every_family_trains_at_rectangles_that_are_no_powers_of_two() {
    let dcgan = ["networks.generator.filters=4", "networks.discriminator.filters=4"];
    // Bases of 5x6 and 6x5 pixels; SPADE's of 2x3 and 3x2.
    for size in [&[40, 48], &[48, 40]] {
        trains("dcgan", &dcgan, size);
        trains("stylegan", &STYLES, size);
        trains("stylegan2", &STYLES, size);
    }
    for size in [&[64, 96], &[96, 64]] {
        trains("spade", &SPADE, size);
    }
}
