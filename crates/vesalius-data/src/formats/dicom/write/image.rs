//! Secondary Capture images (PS3.3 A.8) with their place in space, a file for each slice.

use super::elements::{put, put_all, put_numbers, put_pixels, put_words, save};
use super::{Part, Slices};
use anyhow::Result;
use dicom_core::VR;
use std::path::Path;

/// Of Secondary Capture.
pub(super) const CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Pixels of one slice.
pub struct Picture {
    /// Row by row, red, green and blue of a pixel together; two bytes little end first where `bits` is 16.
    pub bytes: Vec<u8>,
    /// 1 of grey, 3 of colour.
    pub samples: u16,
    /// 8 or 16.
    pub bits: u16,
}

/// Writes slice after slice of one series as `NNNN.dcm`; `picture` gives their pixels. `series` counts the channels.
///
/// # Errors
/// When a slice cannot be read or a file not be written.
pub fn write_images(
    slices: &Slices,
    series: usize,
    channel: &str,
    folder: &Path,
    picture: &dyn Fn(usize) -> Result<Picture>,
) -> Result<()> {
    let [columns, rows, _] = slices.geometry.size;
    let [column_mm, row_mm, slice_mm] = slices.geometry.spacing_mm();
    for at in 0..slices.positions.len() {
        let Picture { bytes, samples, bits } = picture(at)?;
        let instance = slices.uid(Part::Instance(series, at));
        let mut object = slices.common("OT", CLASS, &instance);
        put_all(&mut object, (0x0008, 0x0008), VR::CS, &["DERIVED", "SECONDARY"]);
        put(
            &mut object,
            (0x0008, 0x0064),
            VR::CS,
            if slices.identity.synthetic { "SYN" } else { "WSD" },
        );
        put(&mut object, (0x0008, 0x103e), VR::LO, slices.series_description(channel));
        let how = if slices.identity.synthetic {
            "made by a generative adversarial network: of no patient, for no diagnosis"
        } else {
            "cropped, resampled and windowed: for no diagnosis"
        };
        put(&mut object, (0x0008, 0x2111), VR::ST, how);
        put_numbers(&mut object, (0x0018, 0x0050), &[slice_mm]);
        put(&mut object, (0x0020, 0x000e), VR::UI, slices.uid(Part::Series(series)));
        put(&mut object, (0x0020, 0x0011), VR::IS, (series + 1).to_string());
        put(&mut object, (0x0020, 0x0013), VR::IS, (at + 1).to_string());
        put(&mut object, (0x0020, 0x0020), VR::CS, "");
        put(&mut object, (0x0020, 0x0060), VR::CS, "");
        put_numbers(&mut object, (0x0020, 0x0032), &slices.position_mm(at));
        put_numbers(&mut object, (0x0020, 0x0037), &slices.orientation());
        put_words(&mut object, (0x0028, 0x0002), &[samples]);
        let colours = if samples == 3 { "RGB" } else { "MONOCHROME2" };
        put(&mut object, (0x0028, 0x0004), VR::CS, colours);
        if samples == 3 {
            put_words(&mut object, (0x0028, 0x0006), &[0]);
        }
        put_words(&mut object, (0x0028, 0x0010), &[rows as u16]);
        put_words(&mut object, (0x0028, 0x0011), &[columns as u16]);
        put_numbers(&mut object, (0x0028, 0x0030), &[row_mm, column_mm]);
        put_words(&mut object, (0x0028, 0x0100), &[bits]);
        put_words(&mut object, (0x0028, 0x0101), &[bits]);
        put_words(&mut object, (0x0028, 0x0102), &[bits - 1]);
        put_words(&mut object, (0x0028, 0x0103), &[0]);
        put(&mut object, (0x0028, 0x0301), VR::CS, "NO");
        put_pixels(&mut object, bytes, if bits == 16 { VR::OW } else { VR::OB });
        save(object, CLASS, &instance, &folder.join(format!("{:04}.dcm", at + 1)))?;
    }
    Ok(())
}
