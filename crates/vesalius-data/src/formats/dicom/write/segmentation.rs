//! A binary Segmentation object (PS3.3 A.51): frames of each class in the slices that hold it.

use super::elements::{
    code, item, put, put_all, put_items, put_longs, put_numbers, put_pixels, put_tag, put_words,
    save,
};
use super::{Part, Slices};
use anyhow::{Result, bail};
use dicom_core::VR;
use dicom_object::InMemDicomObject;
use std::path::Path;

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.66.4";

/// Writes labels `[S, H, W]` of `classes` (the first is the background) as segments of the images' first series.
///
/// # Errors
/// When nothing is labelled, which the standard cannot say, or the file cannot be written.
pub fn write_segmentation(
    slices: &Slices,
    labels: &[u8],
    classes: &[String],
    path: &Path,
) -> Result<()> {
    let [columns, rows, _] = slices.geometry.size;
    let pixels = rows * columns;
    let holds = |slice: usize, label: usize| {
        labels[slice * pixels..(slice + 1) * pixels].iter().any(|l| usize::from(*l) == label)
    };
    // Segments count from 1 without gaps: classes that are nowhere in this image have none.
    let present: Vec<usize> = (1..classes.len())
        .filter(|label| (0..slices.positions.len()).any(|slice| holds(slice, *label)))
        .collect();
    if present.is_empty() {
        bail!("no labelled pixel, expected one: a segmentation has segments");
    }
    let frames: Vec<(usize, usize)> = present
        .iter()
        .enumerate()
        .flat_map(|(at, label)| {
            (0..slices.positions.len())
                .filter(|slice| holds(*slice, *label))
                .map(move |slice| (at, slice))
        })
        .collect();
    let instance = slices.uid(Part::Drawing("SEG"));
    let organisation = slices.uid(Part::Drawing("dimensions"));
    let mut object = slices.common("SEG", CLASS, &instance);
    put_all(&mut object, (0x0008, 0x0008), VR::CS, &["DERIVED", "PRIMARY"]);
    put(&mut object, (0x0008, 0x103e), VR::LO, slices.series_description("masks"));
    put_items(&mut object, (0x0008, 0x1115), vec![referenced_series(slices)]);
    put(&mut object, (0x0020, 0x000e), VR::UI, slices.uid(Part::Drawing("SEG series")));
    put(&mut object, (0x0020, 0x0011), VR::IS, "1000");
    put(&mut object, (0x0020, 0x0013), VR::IS, "1");
    let dimensions = item(|item| put(item, (0x0020, 0x9164), VR::UI, organisation.as_str()));
    put_items(&mut object, (0x0020, 0x9221), vec![dimensions]);
    let index = |pointer: (u16, u16), group: (u16, u16)| {
        item(|item| {
            put(item, (0x0020, 0x9164), VR::UI, organisation.as_str());
            put_tag(item, (0x0020, 0x9165), pointer);
            put_tag(item, (0x0020, 0x9167), group);
        })
    };
    let indices =
        vec![index((0x0062, 0x000b), (0x0062, 0x000a)), index((0x0020, 0x0032), (0x0020, 0x9113))];
    put_items(&mut object, (0x0020, 0x9222), indices);
    put_words(&mut object, (0x0028, 0x0002), &[1]);
    put(&mut object, (0x0028, 0x0004), VR::CS, "MONOCHROME2");
    put(&mut object, (0x0028, 0x0008), VR::IS, frames.len().to_string());
    put_words(&mut object, (0x0028, 0x0010), &[rows as u16]);
    put_words(&mut object, (0x0028, 0x0011), &[columns as u16]);
    put_words(&mut object, (0x0028, 0x0100), &[1]);
    put_words(&mut object, (0x0028, 0x0101), &[1]);
    put_words(&mut object, (0x0028, 0x0102), &[0]);
    put_words(&mut object, (0x0028, 0x0103), &[0]);
    put(&mut object, (0x0028, 0x2110), VR::CS, "00");
    put(&mut object, (0x0062, 0x0001), VR::CS, "BINARY");
    let described = present.iter().enumerate().map(|(at, label)| segment(at, &classes[*label]));
    put_items(&mut object, (0x0062, 0x0002), described.collect());
    put(&mut object, (0x0070, 0x0080), VR::CS, "SEGMENTATION");
    put(&mut object, (0x0070, 0x0081), VR::LO, slices.series_description("masks"));
    put(&mut object, (0x0070, 0x0084), VR::PN, "Vesalius");
    put_items(&mut object, (0x5200, 0x9229), vec![shared(slices)]);
    let groups = frames.iter().map(|(at, slice)| frame(slices, *at, *slice)).collect();
    put_items(&mut object, (0x5200, 0x9230), groups);
    let bits = frames.iter().flat_map(|(at, slice)| {
        labels[slice * pixels..(slice + 1) * pixels].iter().map(|l| usize::from(*l) == present[*at])
    });
    put_pixels(&mut object, packed(bits, frames.len() * pixels), VR::OB);
    save(object, CLASS, &instance, path)
}

/// The lowest bit first; frames follow each other within a byte.
fn packed(bits: impl Iterator<Item = bool>, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count.div_ceil(8)];
    for (i, _) in bits.enumerate().filter(|(_, bit)| *bit) {
        bytes[i / 8] |= 1 << (i % 8);
    }
    bytes
}

fn referenced_series(slices: &Slices) -> InMemDicomObject {
    item(|item| {
        put_items(item, (0x0008, 0x114a), slices.references());
        put(item, (0x0020, 0x000e), VR::UI, slices.uid(Part::Series(0)));
    })
}

fn segment(at: usize, name: &str) -> InMemDicomObject {
    item(|item| {
        // What it is, the user's name says; codes are those of any part of a body.
        put_items(item, (0x0062, 0x0003), vec![code("91723000", "Anatomical Structure")]);
        put_words(item, (0x0062, 0x0004), &[at as u16 + 1]);
        put(item, (0x0062, 0x0005), VR::LO, name);
        put(item, (0x0062, 0x0008), VR::CS, "AUTOMATIC");
        put(item, (0x0062, 0x0009), VR::LO, "Vesalius");
        put_items(item, (0x0062, 0x000f), vec![code("85756007", "Tissue")]);
    })
}

fn shared(slices: &Slices) -> InMemDicomObject {
    let [column_mm, row_mm, slice_mm] = slices.geometry.spacing_mm();
    item(|group| {
        let measures = item(|item| {
            put_numbers(item, (0x0018, 0x0050), &[slice_mm]);
            put_numbers(item, (0x0018, 0x0088), &[slice_mm]);
            put_numbers(item, (0x0028, 0x0030), &[row_mm, column_mm]);
        });
        let orientation = item(|item| put_numbers(item, (0x0020, 0x0037), &slices.orientation()));
        put_items(group, (0x0020, 0x9116), vec![orientation]);
        put_items(group, (0x0028, 0x9110), vec![measures]);
    })
}

fn frame(slices: &Slices, at: usize, slice: usize) -> InMemDicomObject {
    item(|group| {
        let source = item(|item| {
            put_items(item, (0x0008, 0x2112), vec![source_of(slices, slice)]);
            put_items(item, (0x0008, 0x9215), vec![derivation()]);
        });
        put_items(group, (0x0008, 0x9124), vec![source]);
        let content = item(|item| {
            put_longs(item, (0x0020, 0x9157), &[at as u32 + 1, slices.positions[slice] as u32 + 1]);
        });
        put_items(group, (0x0020, 0x9111), vec![content]);
        let position = item(|item| put_numbers(item, (0x0020, 0x0032), &slices.position_mm(slice)));
        put_items(group, (0x0020, 0x9113), vec![position]);
        let identification = item(|item| put_words(item, (0x0062, 0x000b), &[at as u16 + 1]));
        put_items(group, (0x0062, 0x000a), vec![identification]);
    })
}

fn source_of(slices: &Slices, slice: usize) -> InMemDicomObject {
    let mut found = slices.reference(slice);
    let purpose = item(|item| {
        put(item, (0x0008, 0x0100), VR::SH, "121322");
        put(item, (0x0008, 0x0102), VR::SH, "DCM");
        put(item, (0x0008, 0x0104), VR::LO, "Source image for image processing operation");
    });
    put_items(&mut found, (0x0040, 0xa170), vec![purpose]);
    found
}

fn derivation() -> InMemDicomObject {
    item(|item| {
        put(item, (0x0008, 0x0100), VR::SH, "113076");
        put(item, (0x0008, 0x0102), VR::SH, "DCM");
        put(item, (0x0008, 0x0104), VR::LO, "Segmentation");
    })
}
