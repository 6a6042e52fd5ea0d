//! Data sheets of whole packs, and the check of masks on phantoms and real scans.

mod packs;
mod real;

use anyhow::Result;
use vesalius_data::layouts::Source;
use vesalius_data::prepare::settings::{Crop, Preprocess, SliceChoice, Window};
use vesalius_data::volume::{Case, CaseFiles, Found, Labels, Reader};

/// Where a label comes from: of these files, shape, and place.
type From = dyn Fn(&CaseFiles, [usize; 3], [usize; 3]) -> [usize; 3] + Sync;

/// A dataset whose masks are laid on their images in another way, as if a header had been ignored.
struct Altered<'a> {
    source: &'a dyn Source,
    from: &'a From,
}

impl Source for Altered<'_> {
    fn dataset(&self) -> String {
        self.source.dataset()
    }

    fn classes(&self) -> Vec<String> {
        self.source.classes()
    }

    fn cases(&self) -> Result<Found> {
        self.source.cases()
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let mut case = self.source.load(files, reader)?;
        case.labels = moved(&case.labels, |shape, at| (self.from)(files, shape, at));
        Ok(case)
    }
}

/// Labels whose place (slice, row, column) comes from another one; the function hears the shape, too.
fn moved(labels: &Labels, from: impl Fn([usize; 3], [usize; 3]) -> [usize; 3]) -> Labels {
    let shape = [labels.slices, labels.height, labels.width];
    let [slices, height, width] = shape;
    let mut values = Vec::with_capacity(labels.values.len());
    for k in 0..slices {
        for y in 0..height {
            for x in 0..width {
                let [k, y, x] = from(shape, [k, y, x]);
                values.push(labels.values[(k * height + y) * width + x]);
            }
        }
    }
    Labels { values, ..*labels }
}

fn settings(size: [usize; 2], window: Window) -> Preprocess {
    Preprocess {
        orientation: None,
        size,
        spacing_mm: None,
        crop: Crop::None {},
        window,
        depth: vesalius_data::pack::manifest::PixelType::U8,
        channels: None,
        modalities: None,
        slices: SliceChoice::All,
        volume: None,
    }
}
