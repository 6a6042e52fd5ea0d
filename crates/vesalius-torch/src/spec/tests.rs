use super::*;
use crate::families::dcgan::spec::DcganSpec;

/// SPADE's perceptual loss needs weights that the user brings.
fn without_weights(preset: &str) -> Vec<String> {
    if preset == "spade" { vec!["regularise.vgg=0".to_owned()] } else { vec![] }
}

#[test]
fn every_preset_resolves_and_survives_toml_and_json() {
    for name in preset_names() {
        let spec = TrainSpec::resolve(&name, &without_weights(&name))
            .unwrap_or_else(|e| panic!("{name}: {e:#}"));
        let text = spec.to_toml().unwrap();
        assert_eq!(TrainSpec::from_toml(&text).unwrap().to_toml().unwrap(), text);
        let value = serde_json::to_value(&spec).unwrap();
        assert_eq!(serde_json::from_value::<TrainSpec>(value).unwrap(), spec);
    }
}

#[test]
fn settings_reach_the_spec_and_misspelt_ones_are_named() {
    let set = |text: &str| TrainSpec::resolve("wgan-gp", &[text.to_owned()]);
    let spec = set("networks.discriminator.filters=32").unwrap();
    assert_eq!(spec.of::<DcganSpec>().unwrap().networks.discriminator.filters, 32);
    assert_eq!(set("training.kimg=3").unwrap().training.kimg, 3.0);
    assert_eq!(set("training.kimg = 0.5").unwrap().training.kimg, 0.5);
    for (text, part) in [
        ("networks.discriminator.filter=32", "filter"),
        ("training.kimg=-1", "training.kimg = -1: expected a number above 0"),
        ("training.batch=many", "batch"),
        ("network.latent=3", "no settings under `network`"),
        ("kimg", "expected path.to.setting=value"),
        ("regularise.vgg=1", "regularise.vgg_weights"),
        ("loss.kind=hing", "hing"),
        ("networks.family=dcgam", "dcgan, spade, stylegan, stylegan2"),
        ("preset=3", "preset"),
        ("training=3", "training"),
    ] {
        let error = format!("{:#}", set(text).unwrap_err());
        assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
    }
    let error = TrainSpec::resolve("wgan-gb", &[]).unwrap_err().to_string();
    assert!(error.contains("dcgan") && error.contains("wgan-gp"), "{error}");
}

/// Also where it would be off: a family knows its own fields only.
#[test]
fn a_setting_that_a_family_lacks_is_an_unknown_field_with_those_that_it_has() {
    for (preset, setting, parts) in [
        ("dcgan", "regularise.kl=0", ["regularise.kl:", "gradient_penalty"]),
        ("lsgan", "augment.ada={}", ["augment.ada:", "diff_augment"]),
        ("wgan", "networks.growth={}", ["networks.growth:", "latent"]),
        ("hinge", "optimiser.encoder={}", ["optimiser.encoder:", "`generator` or `discriminator`"]),
        ("stylegan", "regularise.gradient_penalty=1", ["regularise.gradient_penalty:", "`style`"]),
        ("stylegan", "networks.latent=4", ["networks.latent:", "`growth`"]),
        ("stylegan2", "training.critic_boost=true", ["training.critic_boost:", "critic_steps"]),
        ("stylegan2", "networks.growth={}", ["networks.growth:", "`mapping`"]),
        ("spade", "training.critic_steps=1", ["training.critic_steps:", "`critic_steps` = 1"]),
        ("spade", "augment.mask_noise=0.1", ["augment.mask_noise:", "`classical`"]),
        ("spade", "networks.latent=4", ["networks.latent:", "`generator`"]),
        ("spade", "sampling={}", ["sampling:", "`regularise`"]),
    ] {
        let mut settings = without_weights(preset);
        settings.push(setting.to_owned());
        let error = format!("{:#}", TrainSpec::resolve(preset, &settings).unwrap_err());
        assert!(!error.contains('\n'), "{error}");
        for part in parts.into_iter().chain(["setting ", "unknown field", "expected"]) {
            assert!(error.contains(part), "{setting}: {error}, expected {part}");
        }
    }
}
