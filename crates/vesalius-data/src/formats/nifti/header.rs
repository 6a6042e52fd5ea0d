//! What a NIfTI header says, of version 1 (348 bytes) and 2 (540 bytes): the same fields, in other places and widths.

use crate::formats::voxels::{Element, volume_bytes};
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result, bail};

/// Bytes of the longer header.
pub(super) const LONGEST: usize = 540;

/// What is used of it.
pub(super) struct Header {
    /// Channels, slices, rows, columns.
    pub(super) shape: [usize; 4],
    pub(super) element: Element,
    pub(super) big_endian: bool,
    /// Of the first voxel in its file.
    pub(super) offset: usize,
    pub(super) slope: f32,
    pub(super) intercept: f32,
    /// Of rows and columns, mm.
    pub(super) spacing_mm: Option<[f64; 2]>,
    pub(super) geometry: Option<Geometry>,
    /// Whether the voxels are in a file of their own.
    pub(super) pair: bool,
}

/// Fields of either version, as numbers.
struct Fields {
    dim: [i64; 8],
    datatype: i64,
    pixdim: [f64; 8],
    offset: f64,
    scaling: [f64; 2],
    units: i64,
    qform: i64,
    sform: i64,
    quatern: [f64; 3],
    qoffset: [f64; 3],
    srow: [[f64; 4]; 3],
}

/// Looks into a header's bytes.
struct Bytes<'a> {
    head: &'a [u8],
    big_endian: bool,
}

impl Bytes<'_> {
    fn number(&self, at: usize, element: Element) -> f64 {
        // Voxels are decoded to f32, which is too little for positions and offsets of 64 bits.
        let bytes = &self.head[at..at + element.bytes()];
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            eight[..bytes.len()].reverse();
        }
        match element {
            Element::I16 => f64::from(i16::from_le_bytes([eight[0], eight[1]])),
            Element::I32 => f64::from(i32::from_le_bytes([eight[0], eight[1], eight[2], eight[3]])),
            Element::F32 => f64::from(f32::from_le_bytes([eight[0], eight[1], eight[2], eight[3]])),
            Element::F64 => f64::from_le_bytes(eight),
            Element::I64 => i64::from_le_bytes(eight) as f64,
            _ => f64::from(bytes[0]),
        }
    }

    fn numbers<const N: usize>(&self, at: usize, element: Element) -> [f64; N] {
        std::array::from_fn(|i| self.number(at + i * element.bytes(), element))
    }

    fn integers<const N: usize>(&self, at: usize, element: Element) -> [i64; N] {
        self.numbers(at, element).map(|value| value as i64)
    }

    fn version_1(&self) -> Fields {
        use Element::{F32, I16, U8};
        Fields {
            dim: self.integers(40, I16),
            datatype: self.number(70, I16) as i64,
            pixdim: self.numbers(76, F32),
            offset: self.number(108, F32),
            scaling: self.numbers(112, F32),
            units: self.number(123, U8) as i64,
            qform: self.number(252, I16) as i64,
            sform: self.number(254, I16) as i64,
            quatern: self.numbers(256, F32),
            qoffset: self.numbers(268, F32),
            srow: [280, 296, 312].map(|at| self.numbers(at, F32)),
        }
    }

    fn version_2(&self) -> Fields {
        use Element::{F64, I16, I32, I64};
        Fields {
            dim: self.integers(16, I64),
            datatype: self.number(12, I16) as i64,
            pixdim: self.numbers(104, F64),
            offset: self.number(168, I64),
            scaling: self.numbers(176, F64),
            units: self.number(500, I32) as i64,
            qform: self.number(344, I32) as i64,
            sform: self.number(348, I32) as i64,
            quatern: self.numbers(352, F64),
            qoffset: self.numbers(376, F64),
            srow: [400, 432, 464].map(|at| self.numbers(at, F64)),
        }
    }
}

impl Header {
    /// Of a file's first bytes.
    ///
    /// # Errors
    /// What is no such header, or asks for what cannot be read.
    pub(super) fn of(head: &[u8]) -> Result<Self> {
        let Some(size) = head.first_chunk::<4>() else {
            bail!("{} bytes, expected a NIfTI header of 348", head.len());
        };
        let sizes = [i32::from_le_bytes(*size), i32::from_be_bytes(*size)];
        let (length, big_endian) = match sizes {
            [348, _] => (348, false),
            [_, 348] => (348, true),
            [540, _] => (540, false),
            [_, 540] => (540, true),
            [found, _] => {
                bail!("a header of {found} bytes, expected 348 (NIfTI-1) or 540 (NIfTI-2)")
            }
        };
        if head.len() < length {
            bail!("{} bytes, expected a NIfTI header of {length}", head.len());
        }
        let bytes = Bytes { head, big_endian };
        let (fields, magic) = if length == 348 {
            (bytes.version_1(), &head[344..347])
        } else {
            (bytes.version_2(), &head[4..7])
        };
        let pair = match magic {
            b"n+1" | b"n+2" => false,
            b"ni1" | b"ni2" => true,
            // Analyze says neither in which direction its axes run nor on which side left is.
            other => bail!(
                "magic {:?}, expected n+1, ni1, n+2 or ni2: Analyze files do not say where left is; convert them with what \
                 wrote them",
                String::from_utf8_lossy(other)
            ),
        };
        fields.header(big_endian, pair, length)
    }

    /// Bytes of the file that holds the voxels, up to the last of them.
    pub(super) fn file_bytes(&self) -> Result<usize> {
        volume_bytes(&self.shape, self.element)?.checked_add(self.offset).context("size overflows")
    }
}

impl Fields {
    fn header(&self, big_endian: bool, pair: bool, length: usize) -> Result<Header> {
        let rank = self.dim[0];
        if !(2..=7).contains(&rank) {
            bail!("{rank} dimensions, expected 2 to 4");
        }
        let rank = rank as usize;
        if (5..=rank).any(|axis| self.dim[axis] > 1) {
            bail!("{rank} dimensions, expected 2 to 4");
        }
        let extent = |axis: usize| -> Result<usize> {
            if axis > rank {
                return Ok(1);
            }
            usize::try_from(self.dim[axis]).map_err(|_| {
                anyhow::anyhow!("size {} of axis {axis}, expected 1 or more", self.dim[axis])
            })
        };
        let least = if pair { 0.0 } else { length as f64 };
        if !(least..=1e9).contains(&self.offset) {
            bail!(
                "voxels at byte {}, expected {} or a little more",
                self.offset,
                if pair { 0 } else { length + 4 }
            );
        }
        // The lowest three bits of xyzt_units: 1 metre, 2 millimetre, 3 micrometre.
        let unit_mm = match self.units & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        };
        let spacing = [self.pixdim[2], self.pixdim[1]].map(|s| s.abs() * unit_mm);
        // A slope of 0 means "not scaled".
        let [slope, intercept] = self.scaling.map(|value| value as f32);
        let scaled = slope != 0.0 && slope.is_finite() && intercept.is_finite();
        let size = [extent(1)?, extent(2)?, extent(3)?];
        Ok(Header {
            shape: [extent(4)?, size[2], size[1], size[0]],
            element: element(self.datatype)?,
            big_endian,
            offset: self.offset as usize,
            slope: if scaled { slope } else { 1.0 },
            intercept: if scaled { intercept } else { 0.0 },
            spacing_mm: spacing.iter().all(|s| s.is_finite() && *s > 0.0).then_some(spacing),
            geometry: self.geometry(size, unit_mm),
            pair,
        })
    }

    /// The affine that SimpleITK takes: the sform of a scanner, else the qform, else the sform.
    fn geometry(&self, size: [usize; 3], unit_mm: f64) -> Option<Geometry> {
        const SCANNER: i64 = 1;
        let affine = if self.sform == SCANNER || (self.qform <= 0 && self.sform > 0) {
            self.srow
        } else if self.qform > 0 {
            self.qform_affine()
        } else {
            return None;
        };
        Geometry::from_ras(size, affine.map(|row| row.map(|value| value * unit_mm)))
    }

    /// Rotation by the quaternion, spacing, and the sign of the third axis in `pixdim[0]` (`nifti1_io.c`,
    /// `nifti_quatern_to_mat44`).
    fn qform_affine(&self) -> [[f64; 4]; 3] {
        let [b, c, d] = self.quatern;
        let rest = 1.0 - (b * b + c * c + d * d);
        // A half turn has no real part left; rounding must not make it imaginary.
        let (a, b, c, d) = if rest < 1e-7 {
            let scale = 1.0 / (b * b + c * c + d * d).sqrt();
            (0.0, b * scale, c * scale, d * scale)
        } else {
            (rest.sqrt(), b, c, d)
        };
        let length = |axis: usize| {
            let length = self.pixdim[axis].abs();
            if length > 0.0 { length } else { 1.0 }
        };
        let handed = if self.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
        let [x, y, z] = [length(1), length(2), length(3) * handed];
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ];
        std::array::from_fn(|i| {
            let [right, front, head] = rotation[i];
            [right * x, front * y, head * z, self.qoffset[i]]
        })
    }
}

/// Of NIfTI's `datatype`.
fn element(datatype: i64) -> Result<Element> {
    Ok(match datatype {
        2 => Element::U8,
        4 => Element::I16,
        8 => Element::I32,
        16 => Element::F32,
        64 => Element::F64,
        256 => Element::I8,
        512 => Element::U16,
        768 => Element::U32,
        1024 => Element::I64,
        1280 => Element::U64,
        other => {
            let name = match other {
                1 => " (bits)",
                32 | 1792 | 2048 => " (complex numbers)",
                128 => " (RGB)",
                2304 => " (RGBA)",
                1536 => " (floats of 128 bits)",
                _ => "",
            };
            bail!("data type {other}{name}, expected integers or floats of at most 64 bits")
        }
    })
}
