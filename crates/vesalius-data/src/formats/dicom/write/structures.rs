//! A structure set (RTSTRUCT, PS3.3 A.19): outlines of each class through the centres of its border pixels, so that they
//! give back the mask where they are filled with their edges.

use super::elements::{item, put, put_items, put_numbers, save};
use super::{Part, Slices};
use crate::volume::outline::outlines;
use anyhow::{Result, bail};
use dicom_core::VR;
use dicom_object::InMemDicomObject;
use std::path::Path;

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.481.3";

/// Colours of regions in viewers, in turn.
const COLOURS: [&str; 6] =
    ["255\\80\\80", "80\\200\\80", "80\\120\\255", "240\\200\\60", "200\\90\\220", "80\\210\\210"];

/// Writes labels `[S, H, W]` of `classes` (the first is the background) as regions of the images' first series.
///
/// # Errors
/// When nothing is labelled, or the file cannot be written.
pub fn write_structures(
    slices: &Slices,
    labels: &[u8],
    classes: &[String],
    path: &Path,
) -> Result<()> {
    if labels.iter().all(|label| *label == 0) {
        bail!("no labelled pixel, expected one: a structure set has contours");
    }
    let instance = slices.uid(Part::Drawing("RTSTRUCT"));
    let mut object = slices.common("RTSTRUCT", CLASS, &instance);
    put(&mut object, (0x0008, 0x1070), VR::PN, "");
    put(&mut object, (0x0008, 0x103e), VR::LO, slices.series_description("masks"));
    put(&mut object, (0x0020, 0x000e), VR::UI, slices.uid(Part::Drawing("RTSTRUCT series")));
    put(&mut object, (0x0020, 0x0011), VR::IS, "1001");
    put(&mut object, (0x0020, 0x0013), VR::IS, "1");
    put(&mut object, (0x3006, 0x0002), VR::SH, "masks");
    put(&mut object, (0x3006, 0x0008), VR::DA, "");
    put(&mut object, (0x3006, 0x0009), VR::TM, "");
    put_items(&mut object, (0x3006, 0x0010), vec![frame_of_reference(slices)]);
    let names = || classes.iter().enumerate().skip(1);
    let regions = names().map(|(number, name)| {
        item(|item| {
            put(item, (0x3006, 0x0022), VR::IS, number.to_string());
            put(item, (0x3006, 0x0024), VR::UI, slices.uid(Part::FrameOfReference));
            put(item, (0x3006, 0x0026), VR::LO, name.as_str());
            put(item, (0x3006, 0x0036), VR::CS, "AUTOMATIC");
        })
    });
    put_items(&mut object, (0x3006, 0x0020), regions.collect());
    let contours = names().map(|(number, _)| region(slices, labels, number));
    put_items(&mut object, (0x3006, 0x0039), contours.collect());
    let observations = names().map(|(number, _)| {
        item(|item| {
            put(item, (0x3006, 0x0082), VR::IS, number.to_string());
            put(item, (0x3006, 0x0084), VR::IS, number.to_string());
            put(item, (0x3006, 0x00a4), VR::CS, "");
            put(item, (0x3006, 0x00a6), VR::PN, "");
        })
    });
    put_items(&mut object, (0x3006, 0x0080), observations.collect());
    put(&mut object, (0x300e, 0x0002), VR::CS, "UNAPPROVED");
    save(object, CLASS, &instance, path)
}

fn frame_of_reference(slices: &Slices) -> InMemDicomObject {
    let series = item(|item| {
        put(item, (0x0020, 0x000e), VR::UI, slices.uid(Part::Series(0)));
        put_items(item, (0x3006, 0x0016), slices.references());
    });
    let study = item(|item| {
        put(item, (0x0008, 0x1150), VR::UI, "1.2.840.10008.3.1.2.3.1");
        put(item, (0x0008, 0x1155), VR::UI, slices.uid(Part::Study));
        put_items(item, (0x3006, 0x0014), vec![series]);
    });
    item(|item| {
        put(item, (0x0020, 0x0052), VR::UI, slices.uid(Part::FrameOfReference));
        put_items(item, (0x3006, 0x0012), vec![study]);
    })
}

fn region(slices: &Slices, labels: &[u8], number: usize) -> InMemDicomObject {
    let [columns, rows, _] = slices.geometry.size;
    let pixels = rows * columns;
    let mut contours = Vec::new();
    for slice in 0..slices.positions.len() {
        let mask: Vec<bool> = labels[slice * pixels..(slice + 1) * pixels]
            .iter()
            .map(|label| usize::from(*label) == number)
            .collect();
        for outline in outlines(&mask, [rows, columns]) {
            contours.push(contour(slices, slice, &outline));
        }
    }
    item(|item| {
        put(item, (0x3006, 0x002a), VR::IS, COLOURS[(number - 1) % COLOURS.len()]);
        put_items(item, (0x3006, 0x0040), contours);
        put(item, (0x3006, 0x0084), VR::IS, number.to_string());
    })
}

fn contour(slices: &Slices, slice: usize, outline: &[[usize; 2]]) -> InMemDicomObject {
    let first = slices.position_mm(slice);
    let steps = slices.geometry.steps_mm;
    let numbers: Vec<f64> = outline
        .iter()
        .flat_map(|[column, row]| {
            (0..3).map(move |i| first[i] + *column as f64 * steps[0][i] + *row as f64 * steps[1][i])
        })
        .collect();
    item(|item| {
        put_items(item, (0x3006, 0x0016), vec![slices.reference(slice)]);
        put(item, (0x3006, 0x0042), VR::CS, "CLOSED_PLANAR");
        put(item, (0x3006, 0x0046), VR::IS, outline.len().to_string());
        put_numbers(item, (0x3006, 0x0050), &numbers);
    })
}
