//! Outlines of a mask through the centres of its border pixels, as OpenCV's `findContours` gives them.
//!
//! Suzuki and Abe, Topological structural analysis of digitized binary images by border following (1985), algorithm 1:
//! the mask's pixels touch by corners, holes by sides. Filled by the even-odd rule with their edges
//! ([`super::contours`]), the outlines give back the mask.

/// Neighbours of a pixel, clockwise from its right as rows grow downwards: row and column.
const AROUND: [[isize; 2]; 8] =
    [[0, 1], [1, 1], [1, 0], [1, -1], [0, -1], [-1, -1], [-1, 0], [-1, 1]];

/// Closed outlines of `mask` `[height, width]`, as corners `[column, row]`: of each part and of each hole. Corners in one
/// line are left out.
pub fn outlines(mask: &[bool], [height, width]: [usize; 2]) -> Vec<Vec<[usize; 2]>> {
    // A frame of background around it.
    let stride = width as isize + 2;
    let mut labels = vec![0_i32; (height + 2) * (width + 2)];
    for (i, _) in mask.iter().enumerate().filter(|(_, inside)| **inside) {
        labels[(i / width + 1) * (width + 2) + i % width + 1] = 1;
    }
    let mut found = Vec::new();
    let mut border = 1;
    for row in 1..=height as isize {
        for column in 1..=width as isize {
            let at = row * stride + column;
            let value = labels[at as usize];
            let outer = value == 1 && labels[at as usize - 1] == 0;
            let hole = value >= 1 && labels[at as usize + 1] == 0;
            if !outer && !hole {
                continue;
            }
            border += 1;
            // Where the background is: to the left of an outer border, to the right of a hole's.
            let from = if outer { 4 } else { 0 };
            let pixels = follow(&mut labels, stride, at, from, border);
            let points = pixels
                .into_iter()
                .map(|at| [(at % stride - 1) as usize, (at / stride - 1) as usize])
                .collect();
            found.push(corners(points));
        }
    }
    found
}

/// Pixels of the border that begins at `start`, whose neighbour `from` is background; marks them.
fn follow(labels: &mut [i32], stride: isize, start: isize, from: usize, border: i32) -> Vec<isize> {
    let neighbour =
        |at: isize, direction: usize| at + AROUND[direction][0] * stride + AROUND[direction][1];
    // Clockwise for the first pixel of the border.
    let Some(first) =
        (0..8).map(|step| (from + step) % 8).find(|d| labels[neighbour(start, *d) as usize] != 0)
    else {
        labels[start as usize] = -border;
        return vec![start];
    };
    let end = neighbour(start, first);
    let (mut current, mut back) = (start, first);
    let mut pixels = Vec::new();
    loop {
        // Counterclockwise from the pixel that we came from.
        let mut right_is_background = false;
        let mut direction = back;
        let next = loop {
            direction = (direction + 7) % 8;
            let at = neighbour(current, direction);
            if labels[at as usize] != 0 {
                break at;
            }
            right_is_background |= direction == 0;
        };
        if right_is_background {
            labels[current as usize] = -border;
        } else if labels[current as usize] == 1 {
            labels[current as usize] = border;
        }
        pixels.push(current);
        if next == start && current == end {
            return pixels;
        }
        back = (direction + 4) % 8;
        current = next;
    }
}

/// Without what lies on the line between its neighbours.
fn corners(points: Vec<[usize; 2]>) -> Vec<[usize; 2]> {
    let count = points.len();
    if count < 3 {
        return points;
    }
    let step = |a: [usize; 2], b: [usize; 2]| {
        [b[0] as isize - a[0] as isize, b[1] as isize - a[1] as isize]
    };
    (0..count)
        .filter(|&i| {
            let (before, after) = (points[(i + count - 1) % count], points[(i + 1) % count]);
            step(before, points[i]) != step(points[i], after)
        })
        .map(|i| points[i])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::contours::{Contour, fill};
    use crate::volume::geometry::Geometry;
    use proptest::prelude::*;

    fn filled_again(mask: &[bool], [height, width]: [usize; 2]) -> Vec<bool> {
        let grid = Geometry {
            size: [width, height, 1],
            origin_mm: [-7.5, 3.25, 11.0],
            steps_mm: [[0.7, 0.0, 0.0], [0.0, 1.3, 0.0], [0.0, 0.0, 2.0]],
        };
        let place = |[x, y]: [usize; 2]| [-7.5 + 0.7 * x as f64, 3.25 + 1.3 * y as f64, 11.0];
        let contours: Vec<Contour> = outlines(mask, [height, width])
            .into_iter()
            .map(|outline| Contour { points_mm: outline.into_iter().map(place).collect() })
            .collect();
        fill(&contours, &grid).unwrap().0
    }

    #[test]
    fn a_ring_has_two_outlines_and_an_island_in_it_a_third() {
        let rows = ["......", ".####.", ".#..#.", ".#..##", ".####.", "......"];
        let mask: Vec<bool> = rows.concat().chars().map(|c| c == '#').collect();
        let found = outlines(&mask, [6, 6]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].first(), Some(&[1, 1]));
        assert_eq!(filled_again(&mask, [6, 6]), mask);
    }

    proptest! {
        #[test]
        fn filled_outlines_are_the_mask(bits: [u64; 2], height in 1..9_usize) {
            let width = 128 / 9;
            let mask: Vec<bool> = (0..height * width).map(|i| bits[i / 64] >> (i % 64) & 1 == 1).collect();
            prop_assert_eq!(filled_again(&mask, [height, width]), mask);
        }

        #[test]
        fn of_large_parts_with_holes_too(seed: u64) {
            // Discs and holes of some size.
            let (height, width) = (40, 36);
            let mut mask = vec![false; height * width];
            let mut state = seed | 1;
            let mut draw = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            for i in 0..9 {
                let (x, y, r) = (draw(36) as i64, draw(40) as i64, 2 + draw(9) as i64);
                for (at, inside) in mask.iter_mut().enumerate() {
                    let (dx, dy) = ((at % width) as i64 - x, (at / width) as i64 - y);
                    if dx * dx + dy * dy <= r * r {
                        *inside = i % 3 != 2;
                    }
                }
            }
            prop_assert_eq!(filled_again(&mask, [height, width]), mask);
        }
    }
}
