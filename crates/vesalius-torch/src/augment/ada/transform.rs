//! What each of ADA's transformations does with what is drawn for it.

use super::colour::ColourMatrix;
use super::geometry::Affine;
use serde::{Deserialize, Serialize};

/// One transformation; the reference's names and ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Mirrored left to right, half of the time.
    Xflip,
    /// Turned by 0, 90, 180 or 270°.
    Rotate90,
    /// Shifted by whole pixels, up to 12.5 % of each side.
    Xint,
    /// Scaled by 2^N(0, 0.2²).
    Scale,
    /// Rotated by any angle, before and after `aniso`.
    Rotate,
    /// Stretched by 2^N(0, 0.2²) in one axis and shrunk in the other.
    Aniso,
    /// Shifted by N(0, 0.125²) of each side.
    Xfrac,
    /// Brightness + N(0, 0.2²).
    Brightness,
    /// Contrast × 2^N(0, 0.5²).
    Contrast,
    /// Brightness mirrored about grey, half of the time.
    Lumaflip,
    /// Hue rotated by any angle (colour images only).
    Hue,
    /// Saturation × 2^N(0, 1) (colour images only).
    Saturation,
}

const XINT_MAX: f64 = 0.125;
const SCALE_STD: f64 = 0.2;
const ANISO_STD: f64 = 0.2;
const XFRAC_STD: f64 = 0.125;
const BRIGHTNESS_STD: f64 = 0.2;
const CONTRAST_STD: f64 = 0.5;
const SATURATION_STD: f64 = 1.0;

/// Random numbers of one transformation of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// In [0, 1): whether it happens.
    pub chance: f64,
    /// In [0, 1).
    pub uniform: [f64; 2],
    /// N(0, 1).
    pub normal: [f64; 2],
}

/// What one transformation does to one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// To image and mask.
    Geometry(Affine),
    /// To the image.
    Colour(ColourMatrix),
}

impl Transform {
    /// What it does, where it happens with probability `p`, to a sample of `size` (height, width) pixels and `channels`
    /// image channels; `None`: nothing.
    pub fn effect(self, p: f64, draw: Draw, size: [i64; 2], channels: i64) -> Option<Effect> {
        use std::f64::consts::{FRAC_PI_2, PI};
        let Draw { chance, uniform: [a, b], normal } = draw;
        let [h, w] = size.map(|side| side as f64);
        // One of two rotations, so that either happens with probability p.
        let p = if self == Self::Rotate { 1.0 - (1.0 - p).max(0.0).sqrt() } else { p };
        if chance >= p {
            return None;
        }
        let geometry = |map: Affine| Some(Effect::Geometry(map));
        let colour = |matrix: ColourMatrix| Some(Effect::Colour(matrix));
        match self {
            // Half of the mirrors and a quarter of the turns are none, as there.
            Self::Xflip if a < 0.5 => geometry(Affine::scale(-1.0, 1.0)),
            Self::Rotate90 => geometry(Affine::rotation((a * 4.0).floor() * FRAC_PI_2)),
            Self::Xint => {
                let shift =
                    |u: f64, side: f64| ((u * 2.0 - 1.0) * XINT_MAX * side).round_ties_even();
                geometry(Affine::shift(-shift(a, w), -shift(b, h)))
            }
            Self::Scale => {
                let s = (normal[0] * SCALE_STD).exp2();
                geometry(Affine::scale(1.0 / s, 1.0 / s))
            }
            Self::Rotate => geometry(Affine::rotation((a * 2.0 - 1.0) * PI)),
            Self::Aniso => {
                let s = (normal[0] * ANISO_STD).exp2();
                geometry(Affine::scale(1.0 / s, s))
            }
            Self::Xfrac => {
                geometry(Affine::shift(-normal[0] * XFRAC_STD * w, -normal[1] * XFRAC_STD * h))
            }
            Self::Brightness => colour(ColourMatrix::brightness(normal[0] * BRIGHTNESS_STD)),
            Self::Contrast => colour(ColourMatrix::contrast((normal[0] * CONTRAST_STD).exp2())),
            Self::Lumaflip if a < 0.5 => colour(ColourMatrix::luma_flip()),
            Self::Hue if channels > 1 => colour(ColourMatrix::hue((a * 2.0 - 1.0) * PI)),
            Self::Saturation if channels > 1 => {
                colour(ColourMatrix::saturation((normal[0] * SATURATION_STD).exp2()))
            }
            _ => None,
        }
    }
}
