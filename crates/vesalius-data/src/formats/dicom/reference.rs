//! What a segmentation or structure set was drawn on.

use super::object::{items, text};
use dicom_object::{InMemDicomObject, Tag};

/// Masks as DICOM writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Segmentation object.
    Segmentation,
    /// Structure set.
    Structures,
}

/// Identifiers of images, as an object that was drawn on them names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) frames_of_reference: Vec<String>,
    /// SeriesInstanceUIDs; empty where the object does not say.
    pub(crate) series: Vec<String>,
}

const SERIES_UID: Tag = Tag(0x0020, 0x000e);

impl Drawing {
    /// Of an object's class; `None` where it is neither.
    pub(crate) fn of(object: &InMemDicomObject) -> Option<Self> {
        match text(object, Tag(0x0008, 0x0016))?.as_str() {
            // Of voxels; 66.7 has labels; 66.5 has surfaces, which are no masks.
            "1.2.840.10008.5.1.4.1.1.66.4" | "1.2.840.10008.5.1.4.1.1.66.7" => {
                Some(Self::Segmentation)
            }
            "1.2.840.10008.5.1.4.1.1.481.3" => Some(Self::Structures),
            _ => None,
        }
    }
}

impl Reference {
    pub(crate) fn of(object: &InMemDicomObject, drawing: Drawing) -> Self {
        let uids = |objects: Vec<&InMemDicomObject>, tag: Tag| -> Vec<String> {
            let mut found: Vec<String> =
                objects.into_iter().filter_map(|item| text(item, tag)).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        match drawing {
            Drawing::Segmentation => Self {
                frames_of_reference: text(object, Tag(0x0020, 0x0052)).into_iter().collect(),
                series: uids(items(object, Tag(0x0008, 0x1115)).iter().collect(), SERIES_UID),
            },
            Drawing::Structures => {
                let frames = items(object, Tag(0x3006, 0x0010));
                let below =
                    |objects: Vec<&'_ InMemDicomObject>, tag: Tag| -> Vec<InMemDicomObject> {
                        objects.into_iter().flat_map(|item| items(item, tag)).cloned().collect()
                    };
                let studies = below(frames.iter().collect(), Tag(0x3006, 0x0012));
                let series = below(studies.iter().collect(), Tag(0x3006, 0x0014));
                Self {
                    frames_of_reference: uids(frames.iter().collect(), Tag(0x0020, 0x0052)),
                    series: uids(series.iter().collect(), SERIES_UID),
                }
            }
        }
    }
}
