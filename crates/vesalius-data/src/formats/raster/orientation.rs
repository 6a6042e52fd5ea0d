//! How a photograph was held: EXIF's orientation tag and where files keep it; as PIL's `exif_transpose` applies it.

use super::picture::Picture;

/// TIFF's and EXIF's tag of the orientation.
const TAG: u16 = 274;

/// The tag of an EXIF block, which is a small TIFF file; `None` where it has none from 1 to 8.
pub(super) fn of_exif(block: &[u8]) -> Option<u8> {
    // PNGs made from JPEGs keep the JPEG's heading.
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let little = match block.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let number = |at: usize, bytes: usize| -> Option<u32> {
        let bytes = block.get(at..at.checked_add(bytes)?)?;
        let add = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let directory = number(4, 4)? as usize;
    let count = number(directory, 2)? as usize;
    let entry = (0..count)
        .map_while(|i| directory.checked_add(2 + 12 * i))
        .find(|&entry| number(entry, 2) == Some(u32::from(TAG)))?;
    let value = match number(entry + 2, 2)? {
        1 => number(entry + 8, 1)?,
        3 => number(entry + 8, 2)?,
        4 => number(entry + 8, 4)?,
        _ => return None,
    };
    valid(value)
}

/// The same in Adobe's XMP, which is XML; read where there is no EXIF tag.
pub(super) fn of_xmp(text: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = text.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let rest = &text[at..text.len().min(at + 8)];
    let digit = rest.iter().position(u8::is_ascii_digit)?;
    // `="6"` or `>6<`.
    rest[..digit]
        .iter()
        .all(|c| b"=\"'> ".contains(c))
        .then(|| valid(u32::from(rest[digit] - b'0')))?
}

/// The tag where it means something.
pub(super) fn valid(value: u32) -> Option<u8> {
    u8::try_from(value).ok().filter(|value| (1..=8).contains(value))
}

impl Picture {
    /// As it is to be seen; the tag stays for who asks whether it was turned.
    pub fn upright(mut self) -> Self {
        let [height, width] = self.size;
        let swapped = self.orientation >= 5;
        let [rows, columns] = if swapped { [width, height] } else { [height, width] };
        // Row and column in the stored picture.
        let stored = |y: usize, x: usize| match self.orientation {
            2 => (y, width - 1 - x),
            3 => (height - 1 - y, width - 1 - x),
            4 => (height - 1 - y, x),
            5 => (x, y),
            6 => (height - 1 - x, y),
            7 => (height - 1 - x, width - 1 - y),
            8 => (x, width - 1 - y),
            _ => (y, x),
        };
        if self.orientation > 1 {
            let mut values = Vec::with_capacity(self.values.len());
            for plane in self.values.chunks_exact(height * width) {
                for y in 0..rows {
                    values.extend((0..columns).map(|x| {
                        let (row, column) = stored(y, x);
                        plane[row * width + column]
                    }));
                }
            }
            self.values = values;
            self.size = [rows, columns];
        }
        self
    }
}
