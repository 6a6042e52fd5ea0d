//! Images that are judged, from a pack or from a folder of image files.

use super::Extractor;
use crate::pairs::batch;
use anyhow::{Context, Result, bail};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use tch::{Device, Kind, Tensor};
use vesalius_data::files::digest;
use vesalius_data::formats::raster;
use vesalius_data::pack::Pack;

/// Images in a fixed order.
pub trait ImageSet: Debug + Sync {
    /// How many.
    fn len(&self) -> usize;

    /// Planes of each; 1: they are no volumes.
    fn planes(&self) -> usize {
        1
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Images `indices` in that order, as batches `[n, C, (D,) H, W]` in [-1, 1] of those that follow one another and are
    /// alike in shape.
    ///
    /// # Errors
    /// When an image is damaged.
    fn batches(&self, indices: &[usize]) -> Result<Vec<Tensor>>;

    /// What an image is called in tables: a file name, or patient and slice.
    fn name(&self, i: usize) -> String;

    /// Group that an image belongs to for resampling: the patient, where one is known.
    fn group(&self, i: usize) -> String {
        self.name(i)
    }

    /// SHA-256 of the images and their order: keys the cache.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn digest(&self) -> Result<String>;
}

/// Slices or volumes of a pack.
#[derive(Debug)]
pub struct PackImages<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Its slices, in order.
    pub indices: Vec<usize>,
}

impl ImageSet for PackImages<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn planes(&self) -> usize {
        self.pack.slice_shape().planes
    }

    fn batches(&self, indices: &[usize]) -> Result<Vec<Tensor>> {
        let slices: Vec<usize> = indices.iter().map(|&i| self.indices[i]).collect();
        let pair = batch::load(self.pack, &slices, Device::Cpu)
            .with_context(|| format!("{}", self.pack.path().display()))?;
        Ok(vec![pair.image])
    }

    fn name(&self, i: usize) -> String {
        let slice = self.indices[i];
        let what = if self.planes() > 1 { "volume" } else { "slice" };
        format!("{} {what} {slice}", self.pack.manifest().case(slice).patient)
    }

    fn group(&self, i: usize) -> String {
        self.pack.manifest().case(self.indices[i]).patient.clone()
    }

    fn digest(&self) -> Result<String> {
        let bytes: Vec<u8> = self.indices.iter().flat_map(|i| i.to_le_bytes()).collect();
        let key = format!("{}/{}", self.pack.digest(), digest::of_bytes(&bytes));
        Ok(digest::of_bytes(key.as_bytes()))
    }
}

/// Image files of a folder, sorted by name.
#[derive(Debug, Clone)]
pub struct FolderImages {
    files: Vec<PathBuf>,
}

impl FolderImages {
    /// Lists the images of `folder`; its sub-folders are not entered.
    ///
    /// # Errors
    /// When it cannot be read or holds no image.
    pub fn open(folder: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("{}: cannot be read", folder.display()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            // A pipe of that name is refused where it is read, not left out without a word.
            if !path.is_dir() && raster::is_raster(&path) {
                files.push(path);
            }
        }
        if files.is_empty() {
            bail!(
                "{}: neither a pack nor a folder with images, expected manifest.json or PNG, JPEG, TIFF or BMP files",
                folder.display()
            );
        }
        files.sort();
        Ok(Self { files })
    }

    /// Whether both folders hold files of the same names: then images are pairs.
    pub fn pairs_with(&self, other: &Self) -> bool {
        let names = |set: &Self| -> Vec<_> {
            set.files.iter().map(|file| file.file_name().map(ToOwned::to_owned)).collect()
        };
        names(self) == names(other)
    }
}

impl ImageSet for FolderImages {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn batches(&self, indices: &[usize]) -> Result<Vec<Tensor>> {
        use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
        let images: Vec<Tensor> =
            indices.par_iter().map(|&i| read(&self.files[i])).collect::<Result<_>>()?;
        let mut runs: Vec<Vec<Tensor>> = Vec::new();
        for image in images {
            match runs.last_mut() {
                Some(run) if run[0].size() == image.size() => run.push(image),
                _ => runs.push(vec![image]),
            }
        }
        Ok(runs.iter().map(|run| Tensor::stack(run, 0)).collect())
    }

    fn name(&self, i: usize) -> String {
        self.files[i]
            .file_name()
            .map_or_else(|| format!("image {i}"), |name| name.to_string_lossy().into_owned())
    }

    fn digest(&self) -> Result<String> {
        let mut all = String::new();
        for file in &self.files {
            all += &digest::of_file(file)
                .with_context(|| format!("{}: cannot be read", file.display()))?;
        }
        Ok(digest::of_bytes(all.as_bytes()))
    }
}

/// One file as `[C, H, W]` in [-1, 1].
fn read(path: &Path) -> Result<Tensor> {
    let bytes = vesalius_data::files::read::bytes(path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let image = raster::image(&bytes).with_context(|| format!("{}", path.display()))?;
    let [low, high] = image.full_range.with_context(|| {
        format!(
            "{}: floats or numbers of 32 bits, which have no black and white; expected 8 or 16 bits",
            path.display()
        )
    })?;
    let shape = [image.channels, image.height, image.width].map(|n| n as i64);
    let values = Tensor::from_slice(&image.values).reshape(shape);
    Ok((values - f64::from(low)) * (2.0 / f64::from(high - low)) - 1.0)
}

/// Features of all images `[N, D]`, f32 on the CPU; `progress` hears how many are done.
///
/// # Errors
/// When an image is damaged or does not fit the extractor.
pub fn of_images(
    extractor: &dyn Extractor,
    images: &dyn ImageSet,
    progress: &mut dyn FnMut(usize),
) -> Result<Tensor> {
    Ok(of_images_by_each(&[extractor], images, progress)?.swap_remove(0))
}

/// The same of several extractors in one walk: each image is decoded once. The next images are decoded while the
/// networks
/// work on these.
///
/// # Errors
/// When an image is damaged or does not fit an extractor.
pub fn of_images_by_each(
    extractors: &[&dyn Extractor],
    images: &dyn ImageSet,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Tensor>> {
    const PLANES: usize = 64;
    const AHEAD: usize = 2;
    let size = (PLANES / images.planes()).max(1);
    let all: Vec<usize> = (0..images.len()).collect();
    let mut parts: Vec<Vec<Tensor>> = extractors.iter().map(|_| Vec::new()).collect();
    std::thread::scope(|scope| -> Result<()> {
        let (send, receive) = sync_channel(AHEAD);
        scope.spawn(move || {
            for chunk in all.chunks(size) {
                // Fails when the receiver gave up.
                if send.send(images.batches(chunk)).is_err() {
                    return;
                }
            }
        });
        let mut done = 0;
        for batches in receive {
            for batch in batches? {
                for (extractor, parts) in extractors.iter().zip(&mut parts) {
                    let features = extractor.features(&batch.to_device(extractor.device()))?;
                    parts.push(features.to_device(Device::Cpu).to_kind(Kind::Float));
                }
                done += batch.size()[0] as usize;
                progress(done);
            }
        }
        Ok(())
    })?;
    Ok(parts.iter().map(|parts| Tensor::cat(parts, 0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Images of one grey value each, that count how often they are asked for.
    #[derive(Debug)]
    struct Counted {
        asked: Mutex<Vec<usize>>,
    }

    impl ImageSet for Counted {
        fn len(&self) -> usize {
            self.asked.lock().unwrap().len()
        }

        fn batches(&self, indices: &[usize]) -> Result<Vec<Tensor>> {
            let mut asked = self.asked.lock().unwrap();
            for &i in indices {
                asked[i] += 1;
            }
            let values: Vec<f32> = indices.iter().map(|&i| i as f32).collect();
            Ok(vec![Tensor::from_slice(&values).reshape([-1, 1, 1, 1])])
        }

        fn name(&self, i: usize) -> String {
            i.to_string()
        }

        fn digest(&self) -> Result<String> {
            Ok(String::new())
        }
    }

    /// Sees each image as its value times a factor.
    struct Times(f64);

    impl Extractor for Times {
        fn name(&self) -> String {
            format!("times {}", self.0)
        }

        fn device(&self) -> Device {
            Device::Cpu
        }

        fn features(&self, image: &Tensor) -> Result<Tensor> {
            Ok(image.flatten(1, 3) * self.0)
        }
    }

    #[test]
    fn several_extractors_see_every_image_in_order_and_each_is_decoded_once() {
        let images = Counted { asked: Mutex::new(vec![0; 150]) };
        let mut heard = Vec::new();
        let extractors: [&dyn Extractor; 3] = [&Times(1.0), &Times(2.0), &Times(-1.0)];
        let found = of_images_by_each(&extractors, &images, &mut |done| heard.push(done)).unwrap();
        assert_eq!(*images.asked.lock().unwrap(), [1; 150]);
        assert_eq!(heard, [64, 128, 150]);
        let values = Tensor::arange(150, (Kind::Float, Device::Cpu)).reshape([-1, 1]);
        for (found, factor) in found.iter().zip([1.0, 2.0, -1.0]) {
            assert_eq!(*found, &values * factor);
        }
    }
}
