//! What a slice's header says: which examination, where in the patient, of what kind.

use super::object::{element, exactly, integer, text};
use super::person::Person;
use crate::volume::geometry::{cross, norm};
use anyhow::Result;
use dicom_object::{InMemDicomObject, Tag};

/// Facts of one file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// What it is where it is not an image: `DICOMDIR`, `RTSTRUCT`.
    pub(crate) other: Option<String>,
    pub(crate) person: Person,
    pub(crate) series_uid: Option<String>,
    pub(crate) instance_uid: Option<String>,
    pub(crate) frame_of_reference: Option<String>,
    pub(crate) modality: Option<String>,
    pub(crate) photometric: Option<String>,
    pub(crate) rescale_type: Option<String>,
    /// Whether a scout image, by `ImageType`.
    pub(crate) localizer: bool,
    pub(crate) instance_number: Option<i64>,
    /// Rows and columns.
    pub(crate) size: [i64; 2],
    /// Of rows and columns, mm.
    pub(crate) spacing_mm: Option<[f64; 2]>,
    /// Of the first pixel's centre, mm, LPS.
    pub(crate) position_mm: Option<[f64; 3]>,
    /// Unit vectors along a row and along a column.
    pub(crate) orientation: Option<[f64; 6]>,
    /// Of the slice, mm.
    pub(crate) thickness_mm: Option<f64>,
    /// What may tell apart two slices at one place: name and value.
    pub(crate) moments: Vec<(&'static str, String)>,
}

/// What may differ between slices of one place.
const MOMENTS: [(&str, Tag); 11] = [
    ("EchoTime", Tag(0x0018, 0x0081)),
    ("EffectiveEchoTime", Tag(0x0018, 0x9082)),
    ("TemporalPositionIndex", Tag(0x0020, 0x9128)),
    ("NominalPercentageOfCardiacPhase", Tag(0x0020, 0x9241)),
    ("EchoNumbers", Tag(0x0018, 0x0086)),
    ("TemporalPositionIdentifier", Tag(0x0020, 0x0100)),
    ("TriggerTime", Tag(0x0018, 0x1060)),
    ("AcquisitionNumber", Tag(0x0020, 0x0012)),
    ("AcquisitionTime", Tag(0x0008, 0x0032)),
    ("ContentTime", Tag(0x0008, 0x0033)),
    ("ImageType", Tag(0x0008, 0x0008)),
];

/// Objects that have rows and columns and are no pictures of a patient, by the beginning of their class.
const NO_IMAGES: [(&str, &str); 5] = [
    ("1.2.840.10008.1.3.10", "DICOMDIR"),
    ("1.2.840.10008.5.1.4.1.1.66.", "segmentation (SEG)"),
    ("1.2.840.10008.5.1.4.1.1.30", "parametric map"),
    ("1.2.840.10008.5.1.4.1.1.481.2", "dose (RTDOSE)"),
    ("1.2.840.10008.5.1.4.1.1.11.", "presentation state (PR)"),
];

impl Facts {
    /// Of a file's header.
    ///
    /// # Errors
    /// Names the element that holds something else than it may.
    pub(crate) fn of(object: &InMemDicomObject) -> Result<Self> {
        let spacing_mm = exactly(object, Tag(0x0028, 0x0030), "PixelSpacing")?
            .filter(|spacing: &[f64; 2]| spacing.iter().all(|v| *v > 0.0));
        let size = [("Rows", 0x0010), ("Columns", 0x0011)]
            .map(|(name, number)| integer(object, Tag(0x0028, number), name));
        let [rows, columns] = size;
        let (rows, columns) = (rows?, columns?);
        let modality = text(object, Tag(0x0008, 0x0060));
        let image_type = text(object, Tag(0x0008, 0x0008)).unwrap_or_default();
        let class = text(object, Tag(0x0008, 0x0016)).unwrap_or_default();
        let known = NO_IMAGES.iter().find(|(uid, _)| class.starts_with(uid));
        let other = match known {
            Some((_, name)) => Some((*name).to_owned()),
            None if rows.is_none() || columns.is_none() => {
                let directory = element(object, Tag(0x0004, 0x1220)).is_some();
                let kind = modality.clone().unwrap_or_else(|| "no Rows and Columns".to_owned());
                Some(if directory { "DICOMDIR".to_owned() } else { kind })
            }
            None => None,
        };
        let moments = MOMENTS.iter().filter_map(|(name, tag)| Some((*name, text(object, *tag)?)));
        Ok(Self {
            other,
            person: Person::of(object),
            series_uid: text(object, Tag(0x0020, 0x000e)),
            instance_uid: text(object, Tag(0x0008, 0x0018)),
            frame_of_reference: text(object, Tag(0x0020, 0x0052)),
            photometric: text(object, Tag(0x0028, 0x0004)),
            rescale_type: text(object, Tag(0x0028, 0x1054)),
            localizer: image_type
                .to_uppercase()
                .split('\\')
                .any(|part| ["LOCALIZER", "SCOUT", "TOPOGRAM"].contains(&part.trim())),
            instance_number: integer(object, Tag(0x0020, 0x0013), "InstanceNumber")?,
            size: [rows.unwrap_or(0), columns.unwrap_or(0)],
            spacing_mm,
            position_mm: exactly(object, Tag(0x0020, 0x0032), "ImagePositionPatient")?,
            orientation: exactly(object, Tag(0x0020, 0x0037), "ImageOrientationPatient")?,
            thickness_mm: exactly(object, Tag(0x0018, 0x0050), "SliceThickness")?
                .map(|[thickness]| thickness)
                .filter(|thickness| *thickness > 0.0),
            moments: moments.collect(),
            modality,
        })
    }

    /// Of the plane, pointing where slices follow each other; `None` without an orientation.
    ///
    /// # Errors
    /// When the orientation is not two vectors at an angle.
    pub(crate) fn normal(&self) -> Result<Option<[f64; 3]>> {
        let Some(o) = self.orientation else { return Ok(None) };
        let cross = cross([o[0], o[1], o[2]], [o[3], o[4], o[5]]);
        let length = norm(cross);
        if !(0.9..1.1).contains(&length) {
            anyhow::bail!(
                "ImageOrientationPatient {o:?}, expected two unit vectors at a right angle"
            );
        }
        Ok(Some(cross.map(|v| v / length)))
    }
}
