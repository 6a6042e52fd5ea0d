//! `vesalius train --init-from`: weights of the authors' code go in, and weights that it could load come out.

use super::Bench;
use super::families::train;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A tensor: shape, values.
type Array = (Vec<usize>, Vec<f32>);

/// Tensors of a safetensors file by name.
fn tensors(path: &Path) -> BTreeMap<String, Array> {
    let bytes = std::fs::read(path).unwrap();
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap());
    let (header, data) = rest.split_at(length as usize);
    let header: serde_json::Map<String, Value> = serde_json::from_slice(header).unwrap();
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors
        .map(|(name, tensor)| {
            assert_eq!(tensor["dtype"], "F32", "{name}");
            let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
            let [from, to]: [usize; 2] =
                serde_json::from_value(tensor["data_offsets"].clone()).unwrap();
            let values = data[from..to].chunks_exact(4);
            let values = values.map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
            (name, (shape, values))
        })
        .collect()
}

/// Those of a network in a file of several: `generator.…` without the word.
fn part(all: &BTreeMap<String, Array>, network: &str) -> BTreeMap<String, Array> {
    let prefix = format!("{network}.");
    let named = |(name, array): (&String, &Array)| {
        Some((name.strip_prefix(&prefix)?.to_owned(), array.clone()))
    };
    all.iter().filter_map(named).collect()
}

fn shapes(network: &BTreeMap<String, Array>) -> Vec<(&str, &[usize])> {
    network.iter().map(|(name, (shape, _))| (name.as_str(), shape.as_slice())).collect()
}

/// Mean distance of two tensors' numbers, as a share of what the first one's are on average (zeros: of a thousandth).
fn distance((_, a): &Array, (_, b): &Array) -> f32 {
    let mean = |values: Vec<f32>| values.iter().sum::<f32>() / values.len() as f32;
    let apart = mean(a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect());
    apart / (mean(a.iter().map(|a| a.abs()).collect()) + 1e-3)
}

/// A checkpoint of NVlabs/stylegan2-ada-pytorch that scripts/convert_reference.py converted, and the settings it
/// printed.
fn converted() -> (PathBuf, Vec<String>) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden");
    let text = std::fs::read(golden.join("convert.json")).unwrap();
    let json: Value = serde_json::from_slice(&text).unwrap();
    let settings = serde_json::from_value(json["stylegan2"]["settings"].clone()).unwrap();
    (golden.join("stylegan2-tiny.safetensors"), settings)
}

#[test]
fn weights_of_the_authors_go_in_and_come_out_under_their_names_and_shapes() {
    let bench = Bench::new();
    // Grey images with masks of two classes: three channels, as those weights have.
    bench.phantom_pack_of_classes("real", "32x32", &["background", "heart"]);
    let (file, settings) = converted();
    let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    // One step that moves next to nothing.
    settings.push("optimiser.generator.learning_rate=1e-9");
    settings.push("optimiser.discriminator.learning_rate=1e-9");
    let fresh = train("fresh", "stylegan2", "0.004", &settings);
    let mut started = train("started", "stylegan2", "0.004", &settings);
    started.extend(["--init-from", file.to_str().unwrap()]);
    bench.ok(&fresh);
    bench.ok(&started);
    let task = std::fs::read_to_string(bench.path("started/task.toml")).unwrap();
    assert!(task.contains("[init]") && task.contains("stylegan2-tiny.safetensors"), "{task}");

    let source = tensors(&file);
    let saved = |run: &str, network: &str| {
        let checkpoint = bench.path(run).join("checkpoints/kimg_000000.004");
        tensors(&checkpoint.join(format!("{network}.safetensors")))
    };
    for (network, of) in
        [("averaged", "generator"), ("generator", "generator"), ("discriminator", "discriminator")]
    {
        let theirs = part(&source, of);
        let (ours, others) = (saved("started", network), saved("fresh", network));
        // What scripts/check_reference.py loads into the authors' code, strictly.
        assert_eq!(shapes(&ours), shapes(&theirs), "{network}");
        assert_eq!(shapes(&others), shapes(&theirs), "{network}");
        for (name, array) in &theirs {
            // A running mean of whatever was drawn.
            if name == "mapping.w_avg" {
                continue;
            }
            let moved = distance(array, &ours[name]);
            assert!(moved < 1e-4, "{network}: {name} is {moved} from the file's");
            if name.ends_with(".weight") {
                let apart = distance(array, &others[name]);
                assert!(apart > 0.1, "{network}: {name} without the file is {apart} from it");
            }
        }
    }
}
