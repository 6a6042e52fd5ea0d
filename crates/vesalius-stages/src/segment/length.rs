//! `--steps auto`: how long segmenters train is found once for a real pack and settings, and kept, so that every training
//! set that is compared has the same.

use crate::context::Context;
use anyhow::{Context as _, Result, bail};
use vesalius_data::files::cache;
use vesalius_data::files::digest;
use vesalius_data::files::lock::Lock;
use vesalius_data::files::publish::create_folders;
use vesalius_data::files::read;
use vesalius_data::pack::Pack;
use vesalius_data::run::segmented::Length;
use vesalius_data::say;
use vesalius_data::text::strings;
use vesalius_torch::segment::SegmentSpec;
use vesalius_torch::segment::length;

/// Steps at most, times those of the preset.
const MOST: u64 = 10;

/// The length for segmenters of `spec`, whose steps and seed do not count, that the test patients of `real` judge: found
/// on its training patients, whatever trains. Taken from the cache where it was found before.
///
/// # Errors
/// Fewer than three training patients, a cache that cannot be written, or the context said to stop.
pub(super) fn settled(spec: &SegmentSpec, real: &Pack, context: &Context) -> Result<Length> {
    let most = SegmentSpec::of(spec.preset).steps * MOST;
    let spec = SegmentSpec { steps: most, seed: 1, share: None, ..spec.clone() };
    let text = format!("length/1/{}/{}", real.digest(), serde_json::to_string(&spec)?);
    let stem = format!("length-{}", &digest::of_bytes(text.as_bytes())[..16]);
    let folder = cache::folder()?;
    if let Some(found) = kept(&folder, &stem)? {
        return Ok(found);
    }
    create_folders(&folder).context("the cache")?;
    let lock = folder.join("training").join(&stem);
    let what = "the length of the training, which another process finds";
    let Some(_lock) = Lock::wait_for(what, &lock, &context.stop)? else {
        bail!("--steps auto: stopped while another process found the length");
    };
    if let Some(found) = kept(&folder, &stem)? {
        return Ok(found);
    }
    say!(
        "--steps auto: a training on a part of the training patients of {} is watched on the others until their loss falls \
         no longer, {most} steps at most; the length found is kept in {}",
        real.path().display(),
        folder.display()
    );
    let mut bar = (context.progress)("watching a training", most, "steps");
    let found =
        length::find(&spec, real, most, context.device, &context.stop, &mut |step, loss| {
            bar.set(step, &format!("loss {loss:.3}"));
        })?;
    bar.finish();
    let bytes = serde_json::to_vec_pretty(&found)?;
    cache::keep(&folder, &stem, "json", |path| {
        std::fs::write(path, &bytes).with_context(|| format!("{}", path.display()))
    })?;
    Ok(found)
}

fn kept(folder: &std::path::Path, stem: &str) -> Result<Option<Length>> {
    let Some(path) = cache::find(folder, stem, "json")? else { return Ok(None) };
    let bytes = read::state(&path).with_context(|| format!("{}", path.display()))?;
    let found = strings::from_json(&bytes).with_context(|| format!("{}", path.display()))?;
    Ok(Some(found))
}
