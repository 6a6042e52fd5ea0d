//! Structure sets (RTSTRUCT, PS3.3 A.19): contours of named regions of interest, in mm.

use super::object::{integer, items, numbers, text};
use crate::volume::contours::Contour;
use crate::volume::segments::{Extent, Segment, Segments};
use anyhow::{Context as _, Result, bail};
use dicom_object::{InMemDicomObject, Tag};

/// Regions of an object, in its order.
///
/// # Errors
/// A region without name or number, contours that are not closed or not made of points.
pub(crate) fn segments(object: &InMemDicomObject) -> Result<Segments> {
    let mut found = Segments::default();
    let drawn = items(object, Tag(0x3006, 0x0039));
    for roi in items(object, Tag(0x3006, 0x0020)) {
        let number = integer(roi, Tag(0x3006, 0x0022), "ROINumber")?
            .context("a region without ROINumber")?;
        let name = text(roi, Tag(0x3006, 0x0026)).unwrap_or_else(|| format!("ROI {number}"));
        let mut contours = Vec::new();
        let mut points = 0;
        for item in drawn {
            if integer(item, Tag(0x3006, 0x0084), "ReferencedROINumber")? != Some(number) {
                continue;
            }
            for contour in items(item, Tag(0x3006, 0x0040)) {
                let read = contour_of(contour).with_context(|| format!("region `{name}`"))?;
                points += usize::from(read.is_none());
                contours.extend(read);
            }
        }
        if points > 0 {
            found.notes.push(format!("region `{name}`: {points} marks of a point left out"));
        }
        if contours.is_empty() {
            found.notes.push(format!("region `{name}` has no contours"));
        }
        found.all.push(Segment { name, extent: Extent::Contours(contours) });
    }
    if found.all.is_empty() {
        bail!("no regions, expected some in the StructureSetROISequence");
    }
    Ok(found)
}

/// A closed contour; `None` of a point.
fn contour_of(item: &InMemDicomObject) -> Result<Option<Contour>> {
    match text(item, Tag(0x3006, 0x0042)).as_deref() {
        Some("CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") => {}
        Some("POINT") => return Ok(None),
        other => {
            bail!("ContourGeometricType {}, expected CLOSED_PLANAR", other.unwrap_or("is missing"))
        }
    }
    let data = numbers(item, Tag(0x3006, 0x0050), "ContourData")?.context("no ContourData")?;
    let (points, rest) = data.as_chunks::<3>();
    if !rest.is_empty() {
        bail!("ContourData has {} numbers, expected three for each point", data.len());
    }
    if let Some(count) = integer(item, Tag(0x3006, 0x0046), "NumberOfContourPoints")?
        && count != points.len() as i64
    {
        bail!("{} points, expected {count} as NumberOfContourPoints says: cut short", points.len());
    }
    Ok(Some(Contour { points_mm: points.to_vec() }))
}
