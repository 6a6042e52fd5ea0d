use super::*;
use crate::precision::Arithmetic;
use crate::rng::Purpose;
use crate::sample::latents;
use crate::spec::TrainSpec;
use vesalius_data::pack::manifest::{PixelType, SliceShape};

/// One update of a small DCGAN with these settings: losses and weights stay finite, and both networks move.
fn update(settings: &[&str]) {
    update_of(settings, 1);
}

/// The same of slices, or of volumes of so many planes.
fn update_of(settings: &[&str], planes: usize) {
    let small = ["networks.generator.filters=4", "networks.discriminator.filters=4"];
    let settings: Vec<String> =
        small.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
    let spec = TrainSpec::resolve("dcgan", &settings).unwrap();
    let shape =
        SliceShape { channels: 1, planes, height: 32, width: 32, pixel_type: PixelType::U8 };
    let own = spec.of::<DcganSpec>().unwrap().clone();
    let flat = Domain::of_shape(shape, 3, Device::Cpu, Arithmetic::F32);
    let domain = Domain { spacing_mm: [3.0, 1.0, 1.0], ..flat };
    let mut gan = DcganTrainer::new(own, &spec.training, domain).unwrap();
    let mut shape = vec![4, gan.core.generator.joint.total(), planes as i64, 32, 32];
    if planes == 1 {
        shape.remove(2);
    }
    let values = latents(1, Purpose::Latent, 0, 1, shape.iter().product());
    let real = values.reshape(&shape[..]).tanh();
    let before = [last(&gan.core.generator.params), last(&gan.core.discriminator_params)];
    let losses = gan.update(&[real], &mut TorchNoise(Device::Cpu), 0.5);
    for (of, loss) in &losses.0 {
        assert!(loss.double_value(&[]).is_finite(), "{settings:?}: {of} {loss:?}");
    }
    let averaged = ("averaged", &gan.core.averaged.params);
    for (_, params) in gan.core.parts().networks.into_iter().chain([averaged]) {
        for (name, tensor) in params.all() {
            let finite = tensor.isfinite().all().int64_value(&[]) != 0;
            assert!(finite, "{settings:?}: {name}");
        }
    }
    let after = [last(&gan.core.generator.params), last(&gan.core.discriminator_params)];
    assert!(before[0] != after[0], "{settings:?}: the generator stays as it was");
    assert!(before[1] != after[1], "{settings:?}: the discriminator stays as it was");
}

/// A copy of the last layer's weight.
fn last(params: &Params) -> Tensor {
    let is_last = |name: &str| name == "last.weight" || name == "head.weight";
    let (_, weight) = params.all().into_iter().find(|(name, _)| is_last(name)).unwrap();
    weight.detach().copy()
}

#[test]
fn every_setting_of_table_1_makes_a_finite_update() {
    for network in ["generator", "discriminator"] {
        for setting in [
            "activation=relu",
            "activation=leaky_relu",
            "activation=elu",
            "activation=selu",
            "norm=batch",
            "norm=instance",
            "norm=layer",
            "norm=none",
            "spectral_norm=true",
        ] {
            update(&[&format!("networks.{network}.{setting}")]);
        }
        let rmsprop = "{ kind = \"rmsprop\", learning_rate = 5e-5 }";
        update(&[&format!("optimiser.{network}={rmsprop}")]);
    }
    for setting in [
        "networks.generator.upsample=resize",
        "networks.mask=scores",
        "networks.mask=signed_distance",
        "networks.mask=label_map",
        "regularise.gradient_penalty=10",
        "regularise.weight_clip=0.01",
        "regularise.feature_matching=10",
        "loss.real_target=0.9",
        "augment.diff_augment=[]",
        "augment.mask_noise=0.1",
    ] {
        update(&[setting]);
    }
    for kind in ["xavier_normal", "xavier_uniform", "kaiming"] {
        update(&[&format!("networks.init.kind={kind}"), "networks.init.gain=1"]);
    }
}

#[test]
fn a_gradient_penalty_goes_with_every_activation_and_norm_of_the_critic() {
    for setting in
        ["activation=elu", "activation=selu", "norm=instance", "norm=none", "spectral_norm=true"]
    {
        let setting = format!("networks.discriminator.{setting}");
        update(&[&setting, "regularise.gradient_penalty=10"]);
    }
}

#[test]
fn volumes_are_made_and_judged_with_what_has_a_form_in_three_dimensions() {
    for setting in [
        "networks.generator.upsample=resize",
        "networks.generator.upsample=transposed",
        "networks.discriminator.spectral_norm=true",
        "networks.generator.norm=instance",
        "networks.discriminator.norm=layer",
        "networks.mask=label_map",
        "regularise.gradient_penalty=10",
        "regularise.feature_matching=10",
        "augment.diff_augment=[\"color\",\"translation\",\"cutout\"]",
        "augment.mask_noise=0.1",
    ] {
        update_of(&[setting], 8);
    }
    let refused = |preset: &str, setting: &str| {
        let spec = TrainSpec::resolve(preset, &[setting.to_owned()]).unwrap();
        let shape =
            SliceShape { channels: 1, planes: 8, height: 32, width: 32, pixel_type: PixelType::U8 };
        let domain = Domain::of_shape(shape, 3, Device::Cpu, Arithmetic::F32);
        spec.trainer(domain).unwrap_err().to_string()
    };
    let found = refused("dcgan", "networks.mask=signed_distance");
    assert!(
        found.starts_with("networks.mask = signed_distance: volumes are trained on"),
        "{found}"
    );
    assert!(refused("lsgan", "augment.classical=true").contains("augment.classical"));
    let found = refused("stylegan", "training.batch=4");
    assert!(found.contains("volumes of 8x32x32") && found.contains("PACK/slices"), "{found}");
    let found = refused("stylegan2", "training.batch=4");
    assert!(found.starts_with("augment.ada.transforms: volumes are trained on"), "{found}");
}
