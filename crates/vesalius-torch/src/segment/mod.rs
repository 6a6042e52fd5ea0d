//! Usefulness: a segmenter trained on one set of pairs and judged by Dice on real test patients.
//!
//! Loss: cross-entropy + soft Dice (nnU-Net, Isensee et al. 2021, arXiv:1809.10486, batch Dice over the foreground
//! classes). The number of steps is the same whatever the set: more data must not mean more training.

mod curve;
pub mod deep;
pub mod dice;
mod file;
pub mod input;
mod judge;
mod kept;
pub mod length;
mod loss;
mod network;
pub mod spec;
mod train;

pub use file::{load, save, write};
pub use judge::{check_test, evaluate, evaluate_slices, predict};
pub use loss::loss;
pub use network::{Given, Segmenter};
pub use spec::{Preset, SegmentSpec};
pub use train::{Report, Trained, train};

use anyhow::{Context, Result, bail};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};

/// What would go wrong after the training, before it: packs of other sizes, channels, pixel types or classes, by name
/// and
/// order; a network that does not fit them.
///
/// # Errors
/// Names the pack, and what it has instead of the first one's.
pub fn check(spec: &SegmentSpec, packs: &[&Pack], test: &Pack) -> Result<()> {
    check_training(spec, packs)?;
    test.same_pairs(packs[0])
}

fn check_training(spec: &SegmentSpec, packs: &[&Pack]) -> Result<()> {
    let first = packs.first().context("no pack to train on, expected at least one")?;
    for pack in packs {
        pack.same_pairs(first)?;
        if pack.indices(Split::Train).is_empty() {
            bail!("{}: no training slice, expected some", pack.path().display());
        }
    }
    spec.check()?;
    if spec.classical && first.slice_shape().is_volume() {
        bail!(
            "{}: the study's classical augmentation turns slices, expected none for volumes (preset strong has nnU-Net's)",
            first.path().display()
        );
    }
    if spec.batch < packs.len() {
        bail!(
            "batch {}: expected at least one slice for each of {} packs",
            spec.batch,
            packs.len()
        );
    }
    let synthetic = packs.iter().filter(|pack| is_synthetic(pack)).count();
    if let Some(share) = spec.share
        && (synthetic == 0 || synthetic == packs.len())
    {
        bail!("share {share} of synthetic slices: expected real and synthetic packs to train on");
    }
    Ok(())
}

/// Whether a generator made a pack.
fn is_synthetic(pack: &Pack) -> bool {
    matches!(pack.manifest().provenance, Provenance::Synthetic { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::unet::UnetSpec;
    use spec::NetworkSpec;
    use std::path::Path;
    use tch::{Device, Tensor};
    use vesalius_data::pack::PackWriter;
    use vesalius_data::pack::manifest::{
        CaseRecord, Manifest, PixelType, Provenance, SliceRecord, SliceShape,
    };
    use vesalius_data::run::segmented::Point;

    const LAYOUT: SliceShape =
        SliceShape { channels: 1, planes: 1, height: 4, width: 4, pixel_type: PixelType::U8 };

    /// A training patient with all three classes, and a test patient with a slice for each of `masks`, which hold these
    /// two labels.
    fn pack(path: &Path, masks: &[[u8; 2]]) -> Pack {
        let mut writer = PackWriter::create(path, LAYOUT).unwrap();
        let slices = [(0, [1, 2])].into_iter().chain(masks.iter().map(|&mask| (1, mask)));
        for (position, (case, [first, last])) in slices.enumerate() {
            let mut labels = [0; 16];
            (labels[5], labels[6]) = (first, last);
            writer.push(&[7; 16], &labels, SliceRecord { case, position }).unwrap();
        }
        let case = |name: &str, split| CaseRecord::new(name, name, split);
        let manifest = Manifest {
            cases: vec![case("a", Split::Train), case("b", Split::Test)],
            ..Manifest::new(
                "test",
                ["background", "myocardium", "LV cavity"].map(str::to_owned).to_vec(),
                LAYOUT,
                Provenance::real("folder", "seed 1"),
            )
        };
        writer.finish(manifest).unwrap();
        Pack::open(path).unwrap()
    }

    #[test]
    fn a_class_may_be_absent_from_test_slices_but_not_from_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let unet = UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() };
        let network = NetworkSpec::Unet(unet);
        let spec = SegmentSpec { network, ..SegmentSpec::default() };
        let segmenter = Segmenter::new(&spec, LAYOUT, 3, Device::Cpu).unwrap();
        let judged = |name: &str, masks: &[[u8; 2]]| {
            evaluate(&segmenter, &pack(&folder.path().join(name), masks), Device::Cpu)
        };
        assert_eq!(judged("whole", &[[1, 1], [2, 0]]).unwrap().slice_count(), 2);
        for (name, masks, absent) in [
            ("lacking", &[[1, 1], [0, 1]][..], "`LV cavity` is in no mask"),
            ("empty", &[[0, 0]][..], "`myocardium` is in no mask"),
            ("nobody", &[][..], "no test patient"),
        ] {
            let error = judged(name, masks).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(absent), "{error}");
        }
    }

    #[test]
    fn a_training_that_was_stopped_goes_on_bit_for_bit_and_another_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let pack = pack(&folder.path().join("pack"), &[[1, 2]]);
        let kept = folder.path().join("kept.safetensors");
        for rule in [spec::Rule::Adam, spec::Rule::Sgd] {
            let network =
                NetworkSpec::Unet(UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() });
            let spec = SegmentSpec { network, rule, steps: 7, batch: 2, ..SegmentSpec::default() };
            let weights = |Trained { segmenter, curve }: Trained| -> (Vec<Tensor>, Vec<Point>) {
                (segmenter.params.all().into_iter().map(|(_, tensor)| tensor).collect(), curve)
            };
            let run = |spec: &SegmentSpec, steps: u64, kept: Option<&Path>| {
                let done = std::cell::Cell::new(0);
                let stop = || {
                    done.set(done.get() + 1);
                    done.get() == steps
                };
                train(spec, &[&pack], Device::Cpu, &stop, &mut |_, _| {}, kept).map(weights)
            };
            let whole = run(&spec, 0, None).unwrap();
            assert!(run(&spec, 3, Some(&kept)).unwrap_err().to_string().contains("stopped"));
            assert!(kept.exists());
            // Of other settings: begun anew.
            let other = SegmentSpec { seed: 2, ..spec.clone() };
            let anew = run(&other, 0, None).unwrap();
            let bytes = std::fs::read(&kept).unwrap();
            assert_eq!(run(&other, 0, Some(&kept)).unwrap(), anew);
            std::fs::write(&kept, bytes).unwrap();
            assert!(run(&spec, 2, Some(&kept)).is_err());
            assert_eq!(run(&spec, 0, Some(&kept)).unwrap(), whole);
            assert!(!kept.exists(), "nothing is left to go on from");
        }
    }

    #[test]
    fn a_slice_that_the_reading_thread_finds_damaged_ends_the_training() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let pack = pack(&path, &[[1, 2]]);
        let file = path.join("slices.bin");
        let mut bytes = std::fs::read(&file).unwrap();
        let pixel = bytes.iter().position(|&byte| byte == 7).unwrap();
        bytes[pixel] = 8;
        std::fs::write(&file, bytes).unwrap();
        let unet = UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() };
        let network = NetworkSpec::Unet(unet);
        let spec = SegmentSpec { network, steps: 3, batch: 2, ..SegmentSpec::default() };
        let found = train(&spec, &[&pack], Device::Cpu, &|| false, &mut |_, _| {}, None);
        let error = found.unwrap_err().to_string();
        assert!(error.contains("slice 0: checksum does not match"), "{error}");
    }
}
