//! Geometry of the regions in a label map: connected components, holes, area, perimeter.
//!
//! Conventions (scikit-image's, `golden/plausibility.py`): a region's pixels are connected through corners
//! (8-connectivity), and so a hole's are connected through sides only (4-connectivity); what lies beyond the image is
//! outside, so an opening at the image's edge is no hole. Area is a count of pixels. The perimeter is the estimate of
//! Benkrid and Crookes (2000): border pixels (those with one of their four neighbours outside) weighted by how their
//! own neighbours on the border lie.

/// A label map `[H, W]`, row by row.
#[derive(Debug, Clone, Copy)]
pub struct LabelMap<'a> {
    labels: &'a [u8],
    height: usize,
    width: usize,
}

impl<'a> LabelMap<'a> {
    /// Borrows it.
    ///
    /// # Panics
    /// When there are not `height` x `width` labels.
    pub fn new(labels: &'a [u8], height: usize, width: usize) -> Self {
        assert_eq!(labels.len(), height * width, "labels of a {height}x{width} map");
        Self { labels, height, width }
    }

    /// The label at row `y` and column `x`; `None` beyond the image.
    pub fn at(&self, y: isize, x: isize) -> Option<u8> {
        let inside = |at: isize, side: usize| usize::try_from(at).ok().filter(|&at| at < side);
        Some(self.labels[inside(y, self.height)? * self.width + inside(x, self.width)?])
    }

    /// All labels, row by row.
    pub fn labels(&self) -> &'a [u8] {
        self.labels
    }

    /// `[H, W]` in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }
}

/// A connected region of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Its label.
    pub class: u8,
    /// Pixels.
    pub area_px: usize,
    /// First and last row.
    rows: [isize; 2],
    /// First and last column.
    columns: [isize; 2],
}

/// The connected regions of all classes but the background.
#[derive(Debug, Clone)]
pub struct Regions {
    /// In the order of their first pixels.
    pub all: Vec<Region>,
    /// Per pixel: number of its region from 1, 0 in the background.
    numbers: Vec<u32>,
    size: [usize; 2],
}

/// The eight neighbours, sides first.
const NEIGHBOURS: [(isize, isize); 8] =
    [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)];

impl Regions {
    /// Finds them.
    pub fn of(map: LabelMap) -> Self {
        let [_, width] = map.size();
        let mut numbers = vec![0_u32; map.labels().len()];
        let mut all = Vec::new();
        let mut open: Vec<(isize, isize)> = Vec::new();
        for start in 0..numbers.len() {
            let class = map.labels()[start];
            if class == 0 || numbers[start] != 0 {
                continue;
            }
            let (y, x) = ((start / width) as isize, (start % width) as isize);
            let mut region = Region { class, area_px: 0, rows: [y, y], columns: [x, x] };
            let number = all.len() as u32 + 1;
            numbers[start] = number;
            open.push((y, x));
            while let Some((y, x)) = open.pop() {
                region.area_px += 1;
                region.rows = [region.rows[0].min(y), region.rows[1].max(y)];
                region.columns = [region.columns[0].min(x), region.columns[1].max(x)];
                for (down, right) in NEIGHBOURS {
                    let (y, x) = (y + down, x + right);
                    if map.at(y, x) == Some(class) {
                        let number_there = &mut numbers[y as usize * width + x as usize];
                        if *number_there == 0 {
                            *number_there = number;
                            open.push((y, x));
                        }
                    }
                }
            }
            all.push(region);
        }
        Self { all, numbers, size: map.size() }
    }

    /// Whether a pixel lies in region `index` of [`Regions::all`].
    fn inside(&self, index: usize, y: isize, x: isize) -> bool {
        let [height, width] = self.size;
        y >= 0
            && x >= 0
            && (y as usize) < height
            && (x as usize) < width
            && self.numbers[y as usize * width + x as usize] == index as u32 + 1
    }

    /// Holes of region `index`: 1 − its Euler number, which Gray (1971) counts from the patterns of 2x2 pixels.
    pub fn holes(&self, index: usize) -> usize {
        let region = &self.all[index];
        let mut quads = 0_i64; // 4 x the Euler number
        for y in region.rows[0] - 1..=region.rows[1] {
            for x in region.columns[0] - 1..=region.columns[1] {
                let [a, b, c, d] = [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)]
                    .map(|(y, x)| self.inside(index, y, x));
                quads += match i64::from(a) + i64::from(b) + i64::from(c) + i64::from(d) {
                    1 => 1,
                    3 => -1,
                    2 if a == d => -2,
                    _ => 0,
                };
            }
        }
        usize::try_from(1 - quads / 4).expect("a connected region has at most Euler number 1")
    }

    /// Perimeter of region `index`, holes' borders included, in pixels. Regions of fewer than three border pixels have
    /// 0: the estimate knows no line.
    pub fn perimeter_px(&self, index: usize) -> f64 {
        let region = &self.all[index];
        let border = |y: isize, x: isize| {
            self.inside(index, y, x)
                && NEIGHBOURS[..4]
                    .iter()
                    .any(|(down, right)| !self.inside(index, y + down, x + right))
        };
        let diagonal = std::f64::consts::SQRT_2;
        let mut sum = 0.0;
        for y in region.rows[0]..=region.rows[1] {
            for x in region.columns[0]..=region.columns[1] {
                if !border(y, x) {
                    continue;
                }
                let count = |neighbours: &[(isize, isize)]| {
                    neighbours.iter().filter(|(down, right)| border(y + down, x + right)).count()
                };
                sum += match (count(&NEIGHBOURS[..4]), count(&NEIGHBOURS[4..])) {
                    (2 | 3, 0..=2) => 1.0,
                    (0, 2) | (1, 3) => diagonal,
                    (1, 1 | 2) => f64::midpoint(1.0, diagonal),
                    _ => 0.0,
                };
            }
        }
        sum
    }
}

/// 4πA/P²: 1 for a large disc, less the longer the border; more than 1 for the smallest discs of pixels.
pub fn circularity(area_px: usize, perimeter_px: f64) -> f64 {
    4.0 * std::f64::consts::PI * area_px as f64 / (perimeter_px * perimeter_px)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of digits, `.` for 0.
    fn drawn(rows: &[&str]) -> (Vec<u8>, usize, usize) {
        let labels =
            rows.iter().flat_map(|row| row.bytes().map(|b| b.saturating_sub(b'0'))).collect();
        (labels, rows.len(), rows[0].len())
    }

    fn regions(rows: &[&str]) -> Regions {
        let (labels, height, width) = drawn(rows);
        Regions::of(LabelMap::new(&labels, height, width))
    }

    #[test]
    fn corners_connect_regions_and_not_holes() {
        let found = regions(&["1....", ".1...", "...1.", "....."]);
        let areas: Vec<usize> = found.all.iter().map(|region| region.area_px).collect();
        assert_eq!(areas, [2, 1]);
        // A diamond: its hole is shut although only corners shut it.
        let found = regions(&["..1..", ".1.1.", "..1..", "....."]);
        assert_eq!((found.all.len(), found.holes(0)), (1, 1));
    }

    #[test]
    fn an_opening_at_the_edge_is_no_hole_and_another_class_is() {
        let found = regions(&["1.1", "1.1", "111"]);
        assert_eq!((found.all.len(), found.holes(0)), (1, 0));
        let found = regions(&["11111", "12121", "11111", "1.1.1", "11111"]);
        assert_eq!(found.holes(0), 4);
        assert_eq!(found.all.iter().filter(|region| region.class == 2).count(), 2);
    }

    #[test]
    fn regions_of_two_classes_do_not_join() {
        let found = regions(&["12", "21"]);
        assert_eq!(found.all.len(), 2);
        assert!(found.all.iter().all(|region| region.area_px == 2));
    }

    #[test]
    fn a_square_has_the_perimeter_of_its_border_pixels_centres() {
        let found = regions(&["11111"; 5]);
        assert!((found.perimeter_px(0) - 16.0).abs() < 1e-12);
        assert_eq!(regions(&["...", ".1.", "..."]).perimeter_px(0), 0.0);
    }
}
