//! Features of images, computed once: those of real ones are kept in the cache.

use super::network::Judge;
use crate::context::Context;
use anyhow::Result;
use vesalius_data::files::cache;
use vesalius_data::files::digest;
use vesalius_torch::Tensor;
use vesalius_torch::features::images::{ImageSet, of_images_by_each};
use vesalius_torch::features::{Extractor, file};

/// How cached files end.
const EXTENSION: &str = "safetensors";

/// Features of `images`, which are of `role` (for progress); with `keep`, those of real ones are kept in the cache under the digests of network and images.
///
/// # Errors
/// When an image does not fit, or the cache cannot be written.
pub fn features(
    judge: &Judge,
    (role, images): (&str, &dyn ImageSet),
    keep: bool,
    context: &Context,
) -> Result<Tensor> {
    Ok(features_by_each(&[judge], (role, images), keep, context)?.swap_remove(0))
}

/// The same by several judges; what is not in the cache is computed in one walk over the images.
///
/// # Errors
/// As above.
pub fn features_by_each(
    judges: &[&Judge],
    (role, images): (&str, &dyn ImageSet),
    keep: bool,
    context: &Context,
) -> Result<Vec<Tensor>> {
    let folder = keep.then(cache::folder).transpose()?.unwrap_or_default();
    let mut stems: Vec<Option<String>> = vec![None; judges.len()];
    if keep {
        let shown = images.digest()?;
        for (stem, judge) in stems.iter_mut().zip(judges) {
            let key = format!("features/1/{}/{}/{shown}", judge.extractor.name(), judge.treatment);
            let key = digest::of_bytes(key.as_bytes());
            *stem = Some(format!("features-{}", &key[..16]));
        }
    }
    let mut found = Vec::new();
    for stem in &stems {
        let path = match stem {
            Some(stem) => cache::find(&folder, stem, EXTENSION)?,
            None => None,
        };
        found.push(path.as_deref().map(file::read).transpose()?);
    }
    let missing: Vec<usize> = (0..judges.len()).filter(|&i| found[i].is_none()).collect();
    if !missing.is_empty() {
        let extractors: Vec<&dyn Extractor> =
            missing.iter().map(|&i| judges[i].extractor.as_ref()).collect();
        let what = format!("features of {role} images");
        let mut bar = (context.progress)(&what, images.len() as u64, "images");
        let computed =
            of_images_by_each(&extractors, images, &mut |done| bar.set(done as u64, ""))?;
        bar.finish();
        for (i, features) in missing.into_iter().zip(computed) {
            if let Some(stem) = &stems[i] {
                cache::keep(&folder, stem, EXTENSION, |path| file::write(&features, path))?;
            }
            found[i] = Some(features);
        }
    }
    Ok(found.into_iter().flatten().collect())
}
