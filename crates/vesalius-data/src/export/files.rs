//! Which files a case becomes, by form.

use crate::pack::Pack;
use crate::pack::manifest::Split;

/// A form to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// `images/` and `masks/` with one PNG per slice; mask pixels are label values; below `train/` and `test/`.
    Png,
    /// `images/CASE.nii.gz` and `labels/CASE.nii.gz`; of colour images one file per channel, `CASE_0000.nii.gz`, ….
    Nifti,
    /// `CASE/images/NNNN.dcm` (Secondary Capture) and `CASE/masks.dcm` (SEG); of sequences `images-1/`, `images-2/`, ….
    Dicom,
    /// The same images with `CASE/masks.dcm` as a structure set (RTSTRUCT).
    Rtstruct,
    /// `images/CASE.nrrd` and `labels/CASE.seg.nrrd`, as 3D Slicer has them.
    Nrrd,
    /// nnU-Net raw: `dataset.json`, `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, test patients in `…Ts/`.
    Nnunet,
}

/// A case with slices, and where they lie in the pack.
pub(super) struct Work {
    pub(super) case: usize,
    pub(super) slices: Vec<usize>,
}

/// Folders of an export, relative to it.
pub(super) fn folders(kind: ExportKind, pack: &Pack) -> Vec<String> {
    let sides: Vec<Split> =
        Split::ALL.into_iter().filter(|side| !pack.indices(*side).is_empty()).collect();
    match kind {
        ExportKind::Dicom | ExportKind::Rtstruct => vec![],
        ExportKind::Nifti | ExportKind::Nrrd => ["images", "labels"].map(str::to_owned).to_vec(),
        ExportKind::Png => sides
            .iter()
            .flat_map(|side| ["images", "masks"].map(|role| format!("{}/{role}", side.word())))
            .collect(),
        ExportKind::Nnunet => {
            let mut suffixes: Vec<&str> = sides.iter().map(|side| suffix(*side)).collect();
            suffixes.dedup();
            suffixes
                .iter()
                .flat_map(|suffix| ["images", "labels"].map(|role| format!("{role}{suffix}")))
                .collect()
        }
    }
}

fn suffix(side: Split) -> &'static str {
    match side {
        // nnU-Net draws its own validation cases from those.
        Split::Train | Split::Validate => "Tr",
        Split::Test => "Ts",
    }
}

/// Pictures of a slice, and series of a DICOM case: one of grey or colour, else one for each channel.
pub(super) fn pictures(channels: usize) -> usize {
    if [1, 3].contains(&channels) { 1 } else { channels }
}

fn dicom_folder(id: &str, channels: usize, channel: usize) -> String {
    match pictures(channels) {
        1 => format!("{id}/images"),
        _ => format!("{id}/images-{}", channel + 1),
    }
}

/// Files of a case, relative to the export: its images, by slice or by channel, then its masks.
pub(super) fn case_files(pack: &Pack, kind: ExportKind, work: &Work) -> Vec<String> {
    let record = &pack.manifest().cases[work.case];
    let (id, side) = (&record.id, record.split);
    let channels = pack.slice_shape().channels;
    match kind {
        ExportKind::Png => {
            let name = |i: usize| match work.slices.len() {
                1 => format!("{id}.png"),
                _ => format!("{id}_{:04}.png", pack.manifest().slices[i].position),
            };
            let side = side.word();
            let images = work.slices.iter().flat_map(|&i| {
                let name = name(i);
                let several = pictures(channels) > 1;
                (0..pictures(channels)).map(move |c| {
                    let of_channel = if several { format!("_{c:04}") } else { String::new() };
                    format!("{side}/images/{}{of_channel}.png", name.trim_end_matches(".png"))
                })
            });
            let masks = work.slices.iter().map(|&i| format!("{side}/masks/{}", name(i)));
            images.chain(masks).collect()
        }
        ExportKind::Dicom | ExportKind::Rtstruct => (0..pictures(channels))
            .map(|c| dicom_folder(id, channels, c))
            .chain([format!("{id}/masks.dcm")])
            .collect(),
        ExportKind::Nrrd if channels == 1 => {
            vec![format!("images/{id}.nrrd"), format!("labels/{id}.seg.nrrd")]
        }
        ExportKind::Nrrd => (0..channels)
            .map(|c| format!("images/{id}_{c:04}.nrrd"))
            .chain([format!("labels/{id}.seg.nrrd")])
            .collect(),
        ExportKind::Nifti if channels == 1 => {
            ["images", "labels"].map(|role| format!("{role}/{id}.nii.gz")).to_vec()
        }
        ExportKind::Nifti => (0..channels)
            .map(|c| format!("images/{id}_{c:04}.nii.gz"))
            .chain([format!("labels/{id}.nii.gz")])
            .collect(),
        ExportKind::Nnunet => (0..channels)
            .map(|c| format!("images{}/{id}_{c:04}.nii.gz", suffix(side)))
            .chain([format!("labels{}/{id}.nii.gz", suffix(side))])
            .collect(),
    }
}
