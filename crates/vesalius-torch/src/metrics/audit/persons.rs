//! Patients who are one person: some of their images are equal, pixel by pixel, under several names (ACDC has such). To
//! leave one of them out and find the other would set the alarm at a distance of nothing.

use crate::features::images::{ImageSet as _, PackImages};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use vesalius_data::files::digest;

/// Who is who among the patients of a set.
#[derive(Debug, Default)]
pub struct Persons {
    /// The first name of each patient who has several.
    first: BTreeMap<String, String>,
}

impl Persons {
    /// By equal images; one grey level all over is nobody's.
    ///
    /// # Errors
    /// When an image was damaged.
    pub fn of(set: &PackImages) -> Result<Self> {
        let mut persons = Self::default();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let wide = set.pack.slice_shape().pixel_type.bytes();
        for (i, &slice) in set.indices.iter().enumerate() {
            let pixels = set
                .pack
                .slice(slice)
                .with_context(|| set.pack.path().display().to_string())?
                .pixels;
            if pixels.chunks_exact(wide).all(|pixel| pixel == &pixels[..wide]) {
                continue;
            }
            let patient = set.group(i);
            let first = seen.entry(digest::of_bytes(pixels)).or_insert_with(|| patient.clone());
            persons.join(first, &patient);
        }
        Ok(persons)
    }

    fn join(&mut self, a: &str, b: &str) {
        let [a, b] = [self.name(a), self.name(b)];
        if a == b {
            return;
        }
        let (first, other) = if a < b { (a, b) } else { (b, a) };
        for name in self.first.values_mut().filter(|name| **name == other) {
            name.clone_from(&first);
        }
        self.first.insert(other, first.clone());
        self.first.insert(first.clone(), first);
    }

    /// The name by which a patient is left out.
    pub fn name(&self, patient: &str) -> String {
        self.first.get(patient).cloned().unwrap_or_else(|| patient.to_owned())
    }

    /// Patients of each person with several names.
    pub fn shared(&self) -> Vec<Vec<&str>> {
        let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (patient, first) in &self.first {
            of.entry(first).or_default().push(patient);
        }
        of.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_data::pack::manifest::{
        CaseRecord, Manifest, PixelType, Provenance, SliceRecord, SliceShape, Split,
    };
    use vesalius_data::pack::{Pack, PackWriter};

    #[test]
    fn patients_with_an_equal_image_are_one_and_black_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let shape =
            SliceShape { channels: 1, planes: 1, height: 1, width: 3, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(&path, shape).unwrap();
        // a = c and c = d by another image; b has a black one like e.
        let images = [("a", [1, 2, 3]), ("b", [0; 3]), ("c", [1, 2, 3]), ("c", [4, 5, 6])];
        let more = [("d", [4, 5, 6]), ("e", [0; 3]), ("e", [7, 8, 9])];
        let names = ["a", "b", "c", "d", "e"];
        for (name, pixels) in images.into_iter().chain(more) {
            let case = names.iter().position(|other| *other == name).unwrap();
            writer.push(&pixels, &[0; 3], SliceRecord { case, position: 0 }).unwrap();
        }
        let classes = vec!["background".to_owned()];
        let manifest = Manifest::new("test", classes, shape, Provenance::real("folder", "seed 1"));
        let cases = names.map(|name| CaseRecord::new(name, name, Split::Train)).to_vec();
        writer.finish(Manifest { cases, ..manifest }).unwrap();
        let pack = Pack::open(&path).unwrap();
        let set = PackImages { pack: &pack, indices: (0..7).collect() };
        let persons = Persons::of(&set).unwrap();
        assert_eq!(names.map(|name| persons.name(name)), ["a", "b", "a", "a", "e"]);
        assert_eq!(persons.shared(), [["a", "c", "d"]]);
    }
}
