//! How a segmenter did slice by slice, and a picture of its best, median and worst slice.

use anyhow::Result;
use std::path::Path;
use vesalius_data::files::publish::write_file;
use vesalius_data::pack::Pack;
use vesalius_data::pictures::montage::{Panel, panels};
use vesalius_data::run::segmented::{SHOWN, SLICES, SliceDice, Slices};
use vesalius_torch::segment::dice::count;

/// Writes `slices.json` and, where a slice has a Dice, `shown.png` into a run. `predicted`: labels of slices `indices`.
pub(super) fn write(
    pack: &Pack,
    indices: &[usize],
    predicted: &[Vec<u8>],
    run: &Path,
) -> Result<()> {
    let manifest = pack.manifest();
    let of = |(&i, predicted): (&usize, &Vec<u8>)| {
        let overlaps = count(predicted, pack.slice(i)?.labels, pack.classes());
        let classes: Vec<Option<f64>> =
            overlaps[1..].iter().map(|overlap| overlap.dice()).collect();
        let there: Vec<f64> = classes.iter().copied().flatten().collect();
        let mean = there.iter().sum::<f64>() / there.len() as f64;
        Ok(SliceDice {
            case: manifest.case(i).id.clone(),
            position: manifest.slices[i].position,
            dice: (!there.is_empty()).then_some(mean),
            classes,
        })
    };
    let slices = indices.iter().zip(predicted).map(of).collect::<Result<_>>()?;
    let slices = Slices::new(manifest.classes[1..].to_vec(), slices);
    write_file(&run.join(SLICES), &serde_json::to_vec_pretty(&slices)?)?;
    if slices.shown.is_empty() {
        return Ok(());
    }
    let rows = slices.shown.iter().map(|&at| {
        let slice = pack.slice(indices[at])?;
        let panel = |labels| Panel { pixels: slice.pixels, labels };
        Ok(vec![panel(None), panel(Some(slice.labels)), panel(Some(predicted[at].as_slice()))])
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    write_file(&run.join(SHOWN), &panels(&rows, pack.slice_shape(), 1, None)?)
}
