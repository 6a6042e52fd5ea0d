//! What a preparation is told: size, spacing, crop, window, pixel type.

use crate::pack::manifest::PixelType;
use serde::{Deserialize, Serialize};

/// Every setting of the preparation; recorded in the pack's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Height and width of a slice in the pack, pixels.
    pub size: [usize; 2],
    /// Where columns, rows and slices of every volume lead (`LPS`); `None`: as each is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<String>,
    /// In-plane spacing that crops are counted in, mm; `None`: the source's own pixels.
    pub spacing_mm: Option<f64>,
    /// Which part of the image is kept.
    pub crop: Crop,
    /// Which intensities become black and white.
    pub window: Window,
    /// Pixel type.
    pub depth: PixelType,
    /// Channels that are kept, by the dataset's names, in this order; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modalities: Option<Vec<String>>,
    /// 1: colour becomes luma (ITU-R BT.601); 3: grey is repeated; `None`: as the source has it.
    pub channels: Option<usize>,
    /// Which slices are kept.
    pub slices: SliceChoice,
    /// Volumes instead of slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Deep>,
}

/// The third axis of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deep {
    /// Planes of a volume in the pack.
    pub planes: usize,
    /// Distance of planes, mm; `None`: planes are the source's slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between_mm: Option<f64>,
}

/// Which part of the image is kept. What lies outside the image is black background.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Crop {
    /// All of it, padded to the slice's aspect ratio; with a spacing: the slice's own size at that spacing.
    None {},
    /// A rectangle about the image's centre, in pixels (of `spacing_mm`, where given).
    Centre {
        /// Height and width.
        size: [usize; 2],
    },
    /// The bounding box, over the whole volume, of what is brighter than a twentieth of the window (MONAI's
    /// `CropForeground` with a threshold), padded to the slice's aspect ratio.
    Foreground {
        /// Pixels of the source added on each side.
        margin: usize,
    },
    /// A rectangle about the centre of all labelled pixels of the volume. Uses the masks, of test patients too: only
    /// for questions that start from a known region.
    Labels {
        /// Height and width.
        size: [usize; 2],
    },
}

/// Which intensities become black and white; what lies beyond is clipped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Window {
    /// Percentiles of the volume.
    Percentile {
        /// Black, percent.
        low: f64,
        /// White, percent.
        high: f64,
    },
    /// Fixed values in the source's units: Hounsfield units for CT.
    Range {
        /// Black.
        low: f64,
        /// White.
        high: f64,
    },
    /// The whole range of the stored type: 0…255 for an 8-bit image.
    Full {},
}

/// Which slices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceChoice {
    /// All.
    All,
    /// Those with at least one labelled pixel after cropping.
    Labelled,
}
