//! When features are FID's own: the file of the weights says from which published file they came.

use serde_json::{Value, json};
use tch::{Device, Tensor};
use vesalius_data::files::digest;
use vesalius_torch::features::Extractor as _;
use vesalius_torch::features::inception::{Dialect, InceptionExtractor};
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::frozen::inception::FidInception;

/// A safetensors file with words about its source, as `scripts/weights_to_safetensors.py` leaves them.
fn with_source(file: &[u8], source: &str) -> Vec<u8> {
    let (length, rest) = file.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let (header, data) = rest.split_at(length);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    header["__metadata__"] = json!({ "name": "inception", "source_sha256": source });
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header[..], data].concat()
}

#[test]
fn features_are_fids_only_with_the_weights_that_fid_publishes() {
    let mut params = Params::new(Device::Cpu);
    let _ = FidInception::new(&mut params);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inception.safetensors");
    // The right tensors from nowhere: what anybody may have trained.
    Tensor::write_safetensors(&params.all(), &path).unwrap();
    let load = || InceptionExtractor::load(&path, Dialect::CleanFid, Device::Cpu).unwrap();
    assert!(!load().is_fids(), "no word about their source");
    let plain = std::fs::read(&path).unwrap();
    let published = format!("6726825d{}", "0".repeat(56));
    for (source, expected) in [(published, true), ("1".repeat(64), false)] {
        std::fs::write(&path, with_source(&plain, &source)).unwrap();
        let extractor = load();
        assert_eq!(extractor.is_fids(), expected, "{source}");
        let digest = digest::of_file(&path).unwrap();
        assert_eq!(extractor.name(), format!("inception@{}", &digest[..12]));
    }
}
