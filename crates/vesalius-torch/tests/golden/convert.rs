//! Weights that scripts/convert_reference.py converted give the authors' pictures (golden/convert.py).

use super::pseudo::tensor;
use super::{assert_close, golden, numbers, spade, values};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::manifest::{PixelType, SliceShape};
use vesalius_torch::checkpoint::init;
use vesalius_torch::families::Domain;
use vesalius_torch::families::Trainer;
use vesalius_torch::families::spade::SpadeTrainer;
use vesalius_torch::families::spade::spec::SpadeSpec;
use vesalius_torch::families::style::StyleTrainer;
use vesalius_torch::families::style::spec::{StyleSpec, WholeNetworks};
use vesalius_torch::layers::modulated::Noise;
use vesalius_torch::nets::style::mapping::mix;
use vesalius_torch::precision::Arithmetic;
use vesalius_torch::spec::TrainSpec;

fn slice_shape(channels: usize, size: usize) -> SliceShape {
    SliceShape { channels, planes: 1, height: size, width: size, pixel_type: PixelType::U8 }
}

fn spec(preset: &str, golden: &Value, more: &[&str], file: &Path) -> TrainSpec {
    let mut settings: Vec<String> =
        golden["settings"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().into()).collect();
    settings.extend(more.iter().map(|s| (*s).to_owned()));
    let spec = TrainSpec::resolve(preset, &settings).unwrap();
    TrainSpec { init: Some(init::source(file).unwrap()), ..spec }
}

fn load(training: &dyn Trainer, spec: &TrainSpec, slice_shape: SliceShape) -> anyhow::Result<()> {
    init::load(training, spec.init.as_ref().unwrap(), spec, slice_shape)
}

fn style_trainer(
    spec: &TrainSpec,
    slice_shape: SliceShape,
    classes: usize,
) -> StyleTrainer<WholeNetworks> {
    let own = spec.of::<StyleSpec<WholeNetworks>>().unwrap().clone();
    let domain = Domain {
        spacing_mm: [1.0; 3],
        shape: slice_shape,
        sequences: false,
        classes,
        device: Device::Cpu,
        arithmetic: Arithmetic::F32,
    };
    StyleTrainer::new(own, &spec.training, domain).unwrap()
}

fn spade_trainer(spec: &TrainSpec) -> SpadeTrainer {
    let own = spec.of::<SpadeSpec>().unwrap().clone();
    let domain = Domain {
        spacing_mm: [1.0; 3],
        shape: slice_shape(3, 64),
        sequences: false,
        classes: 4,
        device: Device::Cpu,
        arithmetic: Arithmetic::F32,
    };
    SpadeTrainer::new(own, &spec.training, domain).unwrap()
}

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/stylegan2-tiny.safetensors")
}

#[test]
fn a_converted_stylegan2_gives_the_authors_picture_and_logits() {
    let golden = &golden("convert")["stylegan2"];
    // Three sample channels: two of the image's, one label map.
    let spec = spec(
        "stylegan2",
        golden,
        &["networks.mask=label_map", "augment.ada.transforms=[]"],
        &tiny(),
    );
    let shape = slice_shape(2, 32);
    let gan = style_trainer(&spec, shape, 2);
    load(&gan, &spec, shape).unwrap();
    let network = &gan.core.generator.network;
    let styles = network.mapping.forward(&tensor("convert.z", &[2, 8], 1.7));
    let picture = network.synthesise(
        &mix(&styles, None, network.style_layers()),
        Noise::Constant,
        Arithmetic::F32,
    );
    let found = values(&picture.detach().slice(2, None, None, 3).slice(3, None, None, 3));
    assert_close("picture", &found, &numbers(&golden["picture"]), 1e-3, 0.0);
    let logits = gan.core.discriminator.forward(&tensor("convert.real", &[4, 3, 32, 32], 1.0));
    assert_close("logits", &values(&logits.detach()), &numbers(&golden["logits"]), 1e-3, 0.0);
}

#[test]
fn a_stylegan2_of_colour_images_starts_one_of_grey_images_with_masks() {
    let golden = &golden("convert")["stylegan2"];
    let spec = spec("stylegan2", golden, &[], &tiny());
    let shape = slice_shape(1, 32);
    let gan = style_trainer(&spec, shape, 4);
    load(&gan, &spec, shape).unwrap();
    let network = &gan.core.generator.network;
    let styles = network.mapping.forward(&tensor("convert.z", &[2, 8], 1.7));
    let sample = network.synthesise(
        &mix(&styles, None, network.style_layers()),
        Noise::Constant,
        Arithmetic::F32,
    );
    let found =
        values(&sample.detach().narrow(1, 0, 1).slice(2, None, None, 3).slice(3, None, None, 3));
    let colour = Tensor::from_slice(&numbers(&golden["picture"])).reshape([2, 3, 11, 11]);
    let grey = colour.mean_dim(&[1_i64][..], true, Kind::Double);
    assert_close("grey", &found, &values(&grey), 1e-3, 0.0);
}

#[test]
fn what_does_not_fit_is_named() {
    let golden = &golden("convert")["stylegan2"];
    let refuse = |preset: &str, more: &[&str], size: usize| {
        let settings = if preset == "stylegan2" {
            golden.clone()
        } else {
            serde_json::json!({"settings": []})
        };
        let mut more = more.to_vec();
        if preset == "stylegan2" {
            more.push("augment.ada.transforms=[]");
        }
        let spec = spec(preset, &settings, &more, &tiny());
        let shape = slice_shape(2, size);
        let gan = spec
            .trainer(Domain {
                spacing_mm: [1.0; 3],
                shape,
                sequences: false,
                classes: 2,
                device: Device::Cpu,
                arithmetic: Arithmetic::F32,
            })
            .unwrap();
        let error = format!("{:#}", load(gan.as_ref(), &spec, shape).unwrap_err());
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let label = "networks.mask=label_map";
    assert!(refuse("stylegan2", &[label], 64).contains("32x32 pixels, expected 64x64"));
    let error = refuse("dcgan", &[], 64);
    assert!(error.contains("weights of stylegan2, expected dcgan"), "{error}");
    let error = refuse("stylegan2", &[label, "networks.mapping.layers=3"], 32);
    assert!(error.contains("mapping.fc2.weight is missing"), "{error}");
    let error = refuse("stylegan2", &[label, "networks.mapping.layers=1"], 32);
    assert!(error.contains("mapping.fc1.weight is not part of this network"), "{error}");
    let error = refuse("stylegan2", &[label, "networks.generator.channel_max=4"], 32);
    assert!(
        error.contains("synthesis.b4.conv1.weight is [8, 8, 3, 3], expected [4, 4, 3, 3]"),
        "{error}"
    );
}

/// SPADE as its checkpoint was converted, with seeded and settled weights; its settings, and its tensors under the
/// names
/// that a file has.
fn seeded_spade() -> (TrainSpec, HashMap<String, Tensor>) {
    let settings: Vec<String> = golden("convert")["spade"]["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_str().unwrap().to_owned())
        .chain(["regularise.vgg=0".to_owned(), "regularise.kl=0".to_owned()])
        .collect();
    let spec = TrainSpec::resolve("spade", &settings).unwrap();
    let seeded = spade_trainer(&spec);
    spade::seed(&seeded.core.generator.params, "g");
    let (slice_shape, none) =
        (spade::slice_shape(), Tensor::zeros([2, 0], (Kind::Float, Device::Cpu)));
    tch::no_grad(|| {
        for _ in 0..spade::SETTLE {
            let _ = seeded.core.generator.repaint(&slice_shape, &none, &none);
        }
    });
    let mut tensors = HashMap::new();
    for (prefix, params) in [
        ("generator", &seeded.core.generator.params),
        ("discriminator", &seeded.core.discriminator_params),
    ] {
        for (name, value) in params.all() {
            tensors.insert(format!("{prefix}.{name}"), value.detach().contiguous());
        }
    }
    (spec, tensors)
}

/// A GAN of these settings that started from a file of these tensors.
fn start(spec: &TrainSpec, tensors: &HashMap<String, Tensor>) -> anyhow::Result<SpadeTrainer> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("spade.safetensors");
    write(&path, tensors);
    let spec = TrainSpec { init: Some(init::source(&path)?), ..spec.clone() };
    let gan = spade_trainer(&spec);
    load(&gan, &spec, slice_shape(3, 64))?;
    Ok(gan)
}

#[test]
fn a_converted_spade_gives_the_authors_picture() {
    let (spec, tensors) = seeded_spade();
    // The names are those that the script gave the authors' checkpoint.
    let mut names: Vec<&String> = tensors.keys().collect();
    names.sort();
    let golden = golden("convert");
    let expected: Vec<&str> =
        golden["spade"]["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(names, expected);
    let gan = start(&spec, &tensors).unwrap();
    let empty = Tensor::zeros([2, 0], (Kind::Float, Device::Cpu));
    let labels = spade::labels();
    let request = vesalius_torch::families::Request {
        latents: &empty,
        masks: Some(&labels),
        truncation: 1.0,
    };
    let image = tch::no_grad(|| gan.parts().averaged.1.pairs(&request)).image;
    let found = values(&image.slice(2, None, None, 13).slice(3, None, None, 13));
    assert_close("picture", &found, &spade::expected_pixels("generator.plain"), 1e-3, 0.0);
}

#[test]
fn every_tensor_that_is_missing_extra_or_misshaped_is_named_in_one_line() {
    let (spec, mut tensors) = seeded_spade();
    let one = || Tensor::ones([1], (Kind::Float, Device::Cpu));
    for (network, layer) in
        [("generator", "up_0.conv_0"), ("discriminator", "discriminator_1.model1.0.0")]
    {
        assert!(tensors.remove(&format!("{network}.{layer}.weight_u")).is_some());
        tensors.insert(format!("{network}.{layer}.weight_v"), one());
        tensors.insert(format!("{network}.surplus"), one());
    }
    // Of no network at all, and of one under a name that it does not have here.
    tensors.insert("optimiser.step".to_owned(), one());
    tensors.insert("netG.fc.weight".to_owned(), one());
    let error = format!("{:#}", start(&spec, &tensors).unwrap_err());
    for part in [
        "up_0.conv_0.weight_u is missing",
        "up_0.conv_0.weight_v is [1], expected [",
        "surplus is not part of this network",
        "discriminator_1.model1.0.0.weight_u is missing",
        "discriminator_1.model1.0.0.weight_v is [1], expected [",
        "netG.fc.weight is not part of these networks",
        "optimiser.step is not part of these networks",
    ] {
        assert!(error.contains(part), "`{error}` lacks `{part}`");
    }
    assert_eq!(error.matches("surplus").count(), 2, "{error}");
    assert_eq!(error.matches("not part of").count(), 4, "{error}");
    assert!(!error.contains('\n'), "{error}");
}

/// As the script writes: tensors with metadata.
fn write(path: &Path, tensors: &HashMap<String, Tensor>) {
    let bytes: HashMap<&String, (Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let shape = tensor.size().iter().map(|&n| n as usize).collect();
            let floats: Vec<f32> = Vec::try_from(tensor.reshape([-1])).unwrap();
            (name, (shape, floats.iter().flat_map(|v| v.to_le_bytes()).collect()))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (*name, view.unwrap())
    });
    let metadata = [
        ("vesalius_init", "1"),
        ("family", "spade"),
        ("height", "64"),
        ("width", "64"),
        ("channels", "3"),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    safetensors::serialize_to_file(views, Some(metadata.into()), path).unwrap();
}
