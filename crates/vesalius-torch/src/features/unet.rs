//! The default extractor, which needs no download: the bottleneck of a U-Net trained on the real training set; of volumes
//! that of nnU-Net's network in three dimensions.
//!
//! Its weights are a function of (pack, settings) and are kept in the user's cache under a key of both, so that every
//! run on a pack judges with the same network.

use super::Extractor;
use crate::segment::spec::{NetworkSpec, Preset};
use crate::segment::{self, Report, SegmentSpec, Segmenter};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use tch::{Device, Tensor};
use vesalius_data::files::cache;
use vesalius_data::files::digest;
use vesalius_data::files::lock::Lock;
use vesalius_data::files::publish::create_folders;
use vesalius_data::pack::Pack;
use vesalius_data::say;

/// The extractor.
#[derive(Debug)]
pub struct UnetExtractor {
    segmenter: Segmenter,
    device: Device,
    name: String,
}

/// How the extractor is trained: as the real baseline, for a shorter time.
pub fn default_spec() -> SegmentSpec {
    SegmentSpec { steps: 1000, ..SegmentSpec::default() }
}

/// The same for a pack: of volumes `strong`, with half of its filters and for 500 steps of two volumes.
pub fn spec_of(pack: &Pack) -> SegmentSpec {
    if !pack.slice_shape().is_volume() {
        return default_spec();
    }
    let network = NetworkSpec::Nnunet { filters: 16 };
    SegmentSpec { network, steps: 500, batch: 2, ..SegmentSpec::of(Preset::Strong) }
}

impl UnetExtractor {
    /// Takes the network of this pack from the cache, or trains it on the pack's training slices and puts it there.
    ///
    /// # Errors
    /// When training fails, or the cache cannot be written.
    pub fn of_pack(
        pack: &Pack,
        spec: &SegmentSpec,
        device: Device,
        stop: &dyn Fn() -> bool,
        report: Report,
    ) -> Result<Self> {
        let key = digest::of_bytes(
            format!("unet/1/{}/{}", pack.digest(), serde_json::to_string(spec)?).as_bytes(),
        );
        let folder = cache::folder()?;
        let stem = format!("unet-{}", &key[..16]);
        let path = if let Some(path) = cache::find(&folder, &stem, "safetensors")? {
            path
        } else {
            // Before minutes of training, not after.
            create_folders(&folder).context("the cache")?;
            train(spec, pack, device, &folder, &stem, stop, report)?
        };
        let segmenter = segment::load(spec, pack, pack.classes(), &path, device)?;
        let weights = digest::of_file(&path)?;
        Ok(Self { segmenter, device, name: format!("unet@{}", &weights[..12]) })
    }

    /// The whole network, which outlines what the real training set outlines.
    pub fn segmenter(&self) -> &Segmenter {
        &self.segmenter
    }
}

/// Trains the network and puts it into the cache; takes it where another process has done so by now. A state of the
/// training is kept beside it, so that one that is stopped costs nothing twice.
fn train(
    spec: &SegmentSpec,
    pack: &Pack,
    device: Device,
    folder: &Path,
    stem: &str,
    stop: &dyn Fn() -> bool,
    report: Report,
) -> Result<PathBuf> {
    // It stays: whoever came while it was removed would find no folder to lock.
    let lock = folder.join("training").join(stem);
    let what = "the judge U-Net, which another process trains";
    let Some(_lock) = Lock::wait_for(what, &lock, stop)? else {
        bail!("judge U-Net: stopped while another process trained it");
    };
    if let Some(path) = cache::find(folder, stem, "safetensors")? {
        return Ok(path);
    }
    say!(
        "the judge U-Net of {} is trained once: {} steps of {} {}, then kept in {}; what is done by Ctrl-C is kept, too \
         (shorter: more --threads, --device cuda)",
        pack.path().display(),
        spec.steps,
        spec.batch,
        if pack.slice_shape().is_volume() { "volumes" } else { "slices" },
        folder.display()
    );
    let kept = lock.join("state.safetensors");
    let trained = segment::train(spec, &[pack], device, stop, report, Some(&kept))?;
    cache::keep(folder, stem, "safetensors", |path| segment::write(&trained.segmenter, path))
}

impl Extractor for UnetExtractor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        Ok(self.segmenter.features(image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::unet::UnetSpec;
    use std::sync::atomic::{AtomicU64, Ordering};
    use vesalius_data::pack::PackWriter;
    use vesalius_data::pack::manifest::{
        CaseRecord, Manifest, PixelType, Provenance, SliceRecord, SliceShape, Split,
    };

    fn pack(path: &Path) -> Pack {
        let shape =
            SliceShape { channels: 1, planes: 1, height: 4, width: 4, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(path, shape).unwrap();
        writer.push(&[7; 16], &[1; 16], SliceRecord { case: 0, position: 0 }).unwrap();
        let manifest = Manifest {
            cases: vec![CaseRecord::new("a", "a", Split::Train)],
            ..Manifest::new(
                "test",
                ["background", "all"].map(str::to_owned).to_vec(),
                shape,
                Provenance::real("folder", "seed 1"),
            )
        };
        writer.finish(manifest).unwrap();
        Pack::open(path).unwrap()
    }

    #[test]
    fn those_who_want_it_at_the_same_time_train_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        create_folders(&cache).unwrap();
        let pack = pack(&folder.path().join("pack"));
        let network = NetworkSpec::Unet(UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() });
        let spec = SegmentSpec { network, steps: 30, batch: 1, ..SegmentSpec::default() };
        let finished = AtomicU64::new(0);
        let wanted = |stop: &dyn Fn() -> bool| {
            train(&spec, &pack, Device::Cpu, &cache, "unet-1", stop, &mut |step, _| {
                finished.fetch_add(u64::from(step == spec.steps), Ordering::Relaxed);
            })
        };
        // One that was stopped leaves what the next goes on from, and no network.
        assert!(wanted(&|| true).unwrap_err().to_string().contains("stopped"));
        assert_eq!(cache::find(&cache, "unet-1", "safetensors").unwrap(), None);
        assert!(cache.join("training/unet-1/state.safetensors").exists());
        let paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let start = || scope.spawn(|| wanted(&|| false).unwrap());
            let all = [start(), start(), start()];
            all.map(|one| one.join().unwrap()).to_vec()
        });
        assert_eq!(finished.into_inner(), 1);
        assert!(paths.iter().all(|path| *path == paths[0]));
        assert!(!cache.join("training/unet-1/state.safetensors").exists());
    }
}
