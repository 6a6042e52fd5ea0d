//! StyleGAN, StyleGAN2 and SPADE as their users run them.

use super::Bench;
use super::resume::{checkpoints, newest, wait_for};
use vesalius_data::pack::Pack;

pub const STYLES: [&str; 6] = [
    "networks.mapping.latent=16",
    "networks.mapping.style=16",
    "networks.generator.channel_base=256",
    "networks.generator.channel_max=16",
    "networks.discriminator.channel_base=256",
    "networks.discriminator.channel_max=16",
];
pub const SPADE: [&str; 6] = [
    "networks.generator.filters=1",
    "networks.generator.hidden=4",
    "networks.generator.style=4",
    "networks.discriminator.filters=2",
    "regularise.vgg=0",
    "augment.diff_augment=[\"color\",\"translation\"]",
];

pub fn train<'a>(
    run: &'a str,
    preset: &'a str,
    kimg: &'a str,
    settings: &[&'a str],
) -> Vec<&'a str> {
    let mut arguments =
        vec!["train", "real", "--preset", preset, "--out", run, "--kimg", kimg, "--threads", "1"];
    let common = [
        "training.batch=4",
        "training.checkpoint_every_kimg=0.1",
        "training.distance_every_kimg=0",
    ];
    for setting in common.iter().chain(settings) {
        arguments.extend(["--set", *setting]);
    }
    arguments
}

/// Trains straight, and again with a kill after the second checkpoint: every tensor has to be the same.
fn assert_resumes(preset: &str, settings: &[&str]) {
    let bench = Bench::new();
    bench.phantom_pack_of("real", "64x64");
    bench.ok(&train("straight", preset, "0.8", settings));
    let killed = bench.path("killed");
    let mut child = bench.command(&train("killed", preset, "0.8", settings)).spawn().unwrap();
    wait_for("two checkpoints", || checkpoints(&killed) >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("result.json").exists(), "killed too late to prove anything");
    bench.ok(&["train", "real", "--out", "killed", "--resume", "--threads", "1"]);
    let straight = newest(&bench.path("straight"), 800);
    assert_eq!(straight.contains_key("controls.safetensors"), preset != "spade");
    assert_eq!(straight, newest(&killed, 800));
}

#[test]
fn stylegan2_resumes_with_its_path_lengths_and_adaptive_augmentation() {
    let mut settings = STYLES.to_vec();
    // Fast enough that p moves.
    settings.extend(["augment.ada.kimg=1", "augment.ada.target=-0.9"]);
    assert_resumes("stylegan2", &settings);
}

#[test]
fn stylegan_resumes_while_it_grows() {
    let mut settings = STYLES.to_vec();
    settings.extend(["networks.growth.training_kimg=0.1", "networks.growth.transition_kimg=0.15"]);
    assert_resumes("stylegan", &settings);
}

#[test]
fn spade_resumes_with_its_encoder() {
    assert_resumes("spade", &SPADE);
}

#[test]
fn styles_are_sampled_alike_in_any_batch_and_truncation_narrows_them() {
    let bench = Bench::new();
    bench.phantom_pack_of("real", "64x64");
    bench.ok(&train("run", "stylegan2", "0.1", &STYLES));
    let sample = |out: &str, more: &[&str]| {
        let mut arguments = vec!["sample", "run", "--count", "6", "--out", out, "--threads", "1"];
        arguments.extend(more);
        bench.ok(&arguments);
        std::fs::read(bench.path(out).join("slices.bin")).unwrap()
    };
    // Matrix products of another size round otherwise: a pixel here and there may fall on the other side.
    let (one, six) = (sample("one", &["--batch", "1"]), sample("six", &["--batch", "6"]));
    let differing = one.iter().zip(&six).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    assert!(differing * 1000 < one.len(), "{differing} of {} bytes", one.len());
    assert!(sample("half", &["--truncation", "0.5"]) != sample("whole", &[]));
    let inspect = bench.ok(&["inspect", "half", "--json"]);
    assert!(inspect.contains("truncation 0.5; masks: generated"), "{inspect}");
    bench.refused(
        &["sample", "run", "--out", "fake", "--truncation", "1.5"],
        &["--truncation 1.5", "expected 0 to 1"],
    );
    bench.refused(
        &["sample", "run", "--out", "fake", "--masks", "real"],
        &["--masks", "stylegan2 makes its own masks"],
    );
}

#[test]
fn spade_paints_training_masks_warped_ones_and_those_of_another_gan() {
    let bench = Bench::new();
    bench.phantom_pack_of("real", "64x64");
    bench.ok(&train("run", "spade", "0.1", &SPADE));
    bench.refused(&["sample", "run", "--out", "fake"], &["expected --masks"]);
    let sample = |out: &str, more: &[&str]| {
        let mut arguments = vec!["sample", "run", "--count", "5", "--out", out, "--threads", "1"];
        arguments.extend(more);
        bench.ok(&arguments);
        let inspect = bench.ok(&["inspect", out, "--json"]);
        let bytes = std::fs::read(bench.path(out).join("slices.bin")).unwrap();
        (inspect, bytes)
    };
    let (told, plain) = sample("plain", &["--masks", "real"]);
    assert!(told.contains("training masks; a fresh style each"), "{told}");
    let (told, warped) = sample("warped", &["--masks", "real", "--warp"]);
    assert!(told.contains("training masks, warped; a fresh style each"), "{told}");
    assert!(plain != warped);
    let guided = ["--masks", "real", "--styles", "real"];
    let (told, lent) = sample("guided", &guided);
    assert!(told.contains("training masks; the style of a training image each"), "{told}");
    assert!(lent != plain, "the same masks and noise in other styles");
    let (_, one) = sample("one-by-one", &[&guided[..], &["--batch", "1"]].concat());
    assert!(one.len() == lent.len() && one.iter().zip(&lent).all(|(a, b)| a.abs_diff(*b) < 2));
    // Nobody else's styles: those of this pack's training images, in which it was trained.
    let stranger = ["sample", "run", "--out", "fake", "--masks", "real", "--styles", "warped"];
    bench
        .refused(&stranger, &["--styles: warped", "expected the pack that the run was trained on"]);
    bench.ok(&train("joint", "stylegan2", "0.1", &STYLES));
    bench.ok(&["sample", "joint", "--count", "3", "--out", "masks", "--threads", "1"]);
    let (told, _) = sample("joint-masks", &["--masks", "masks"]);
    assert!(told.contains("masks generated by stylegan2"), "{told}");

    // A report says by whose masks its numbers came about.
    let pack = Pack::open(&bench.path("warped")).unwrap();
    let masks = pack.manifest().provenance.painted_masks().unwrap();
    let mut segment = vec!["segment", "--train", "warped", "--test", "real", "--out", "unet"];
    segment.extend(["--steps", "2", "--batch", "4", "--threads", "1"]);
    bench.ok(&segment);
    bench.ok(&["report", "unet", "--out", "report"]);
    for page in ["report.html", "report.md"] {
        let text = std::fs::read_to_string(bench.path("report").join(page)).unwrap();
        assert!(text.contains(&format!("; painted {masks}; ")), "{page}: {text}");
    }

    bench.phantom_pack("small");
    bench.refused(
        &["sample", "run", "--out", "fake", "--masks", "small"],
        &["small", "masks of 32x32 pixels, expected those of the training, 64x64"],
    );
    bench.ok(&["phantom", "idrid", "eyes", "--patients", "3"]);
    bench.ok(&["prepare", "idrid", "eyes", "--out", "eye-pack", "--size", "64x64"]);
    bench.refused(
        &["sample", "run", "--out", "fake", "--masks", "eye-pack"],
        &["eye-pack", "masks of the classes", "expected those of the training"],
    );
    assert!(!bench.path("fake").exists());
}

#[test]
fn what_a_family_cannot_train_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    bench.phantom_pack("real"); // 32x32
    let refuse = |preset: &str, settings: &[&str], parts: &[&str]| {
        bench.refused(&train("run", preset, "0.1", settings), parts);
        assert!(!bench.path("run").exists(), "{preset}: a run was left behind");
    };
    refuse("spade", &SPADE, &["real", "32x32", "SPADE expected 64 to 512"]);
    refuse("spade", &[], &["regularise.vgg_weights", "regularise.vgg = 0"]);
    refuse(
        "spade",
        &["regularise.vgg=0", "regularise.vgg_weights=x", "networks.generator.style=0"],
        &["regularise.kl"],
    );
    refuse(
        "stylegan2",
        &["training.batch=6"],
        &["training.batch = 6", "multiple of networks.minibatch_group = 4"],
    );
    refuse(
        "stylegan2",
        &["regularise.gradient_penalty=1"],
        &["setting regularise.gradient_penalty: unknown field", "`style`"],
    );
    refuse(
        "dcgan",
        &["regularise.kl=1"],
        &["setting regularise.kl: unknown field", "gradient_penalty"],
    );
    refuse(
        "spade",
        &["regularise.vgg=0", "training.critic_steps=2"],
        &["setting training.critic_steps: unknown field", "= 2", "batch"],
    );
    refuse(
        "stylegan",
        &["networks.growth.start=12"],
        &["networks.growth.start = 12", "power of two"],
    );
    refuse("stylegan2", &["augment.ada.target=3"], &["augment.ada.target = 3", "-1 to 1"]);

    bench.ok(&["phantom", "acdc", "wide-data", "--patients", "3"]);
    let prepare = |size: &str, out: &str| {
        bench.ok(&["prepare", "acdc", "wide-data", "--out", out, "--size", size]);
    };
    prepare("80x96", "wide");
    let mut arguments = train("run", "spade", "0.1", &SPADE);
    arguments[1] = "wide";
    bench.refused(&arguments, &["wide", "80x96", "halves it 5 times", "divisible by 32"]);
    // Not square, not a power of two: a rectangular base.
    prepare("48x64", "rectangle");
    let mut arguments = train("rectangular", "stylegan2", "0.1", &STYLES);
    arguments[1] = "rectangle";
    bench.ok(&arguments);
    assert!(bench.path("rectangular/samples.png").exists());
}

#[test]
fn a_checkpoint_of_another_family_is_not_resumed() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let small = ["networks.generator.filters=8", "networks.discriminator.filters=8"];
    bench.ok(&train("run", "dcgan", "0.1", &small));
    bench.ok(&train("other", "stylegan2", "0.1", &STYLES));
    std::fs::remove_file(bench.path("run/result.json")).unwrap();
    std::fs::remove_dir_all(bench.path("run/checkpoints")).unwrap();
    std::fs::rename(bench.path("other/checkpoints"), bench.path("run/checkpoints")).unwrap();
    bench.refused(
        &["train", "real", "--out", "run", "--resume", "--kimg", "1"],
        &[
            "run/checkpoints/kimg_",
            "networks.family = \"dcgan\", trained with \"stylegan2\"",
            "generator.safetensors",
            "blocks.0.conv.weight is missing",
            "mapping.fc0.weight is not part of this network",
        ],
    );
}

#[test]
fn weights_to_start_from_have_to_be_there_and_converted() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let refuse = |file: &str, parts: &[&str]| {
        let mut arguments = train("run", "stylegan2", "0.1", &STYLES);
        arguments.extend(["--init-from", file]);
        bench.refused(&arguments, parts);
        assert!(!bench.path("run").exists());
    };
    refuse("missing.safetensors", &["--init-from missing.safetensors", "cannot be read"]);
    std::fs::write(bench.path("text.safetensors"), "this is no such file").unwrap();
    refuse("text.safetensors", &["text.safetensors", "not a safetensors file"]);
    let mut bare = 2_u64.to_le_bytes().to_vec();
    bare.extend(b"{}");
    std::fs::write(bench.path("bare.safetensors"), bare).unwrap();
    refuse("bare.safetensors", &["bare.safetensors", "vesalius_init", "convert_reference.py"]);
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/stylegan2-tiny.safetensors");
    refuse(tiny, &["stylegan2-tiny", "mapping.fc0.weight is [8, 8], expected [16, 16]"]);
    let mut arguments = train("dcgan", "dcgan", "0.1", &[]);
    arguments.extend(["--init-from", tiny]);
    bench.refused(&arguments, &["weights of stylegan2, expected dcgan"]);
}
