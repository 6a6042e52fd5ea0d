//! Axes: from values to pixels, round numbers at the ticks.

use super::canvas::{Anchor, Canvas, FAINT, INK, SMALL};

/// From values to a range of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    values: [f64; 2],
    pixels: [f64; 2],
    log: bool,
}

impl Scale {
    /// Covers the values with a margin.
    pub fn covering(values: impl Iterator<Item = f64>, pixels: [f64; 2]) -> Self {
        let [low, high] = extent(values);
        let margin = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.1 };
        Self { values: [low - margin, high + margin], pixels, log: false }
    }

    /// The same; logarithmic where positive values span more than a factor of 20.
    pub fn spanning(values: impl Iterator<Item = f64>, pixels: [f64; 2]) -> Self {
        let values: Vec<f64> = values.collect();
        let [low, high] = extent(values.iter().copied());
        if low > 0.0 && high / low > 20.0 {
            return Self { values: [low / 1.3, high * 1.3], pixels, log: true };
        }
        Self::covering(values.into_iter(), pixels)
    }

    /// Exactly from one value to another.
    pub fn exact(values: [f64; 2], pixels: [f64; 2]) -> Self {
        Self { values, pixels, log: false }
    }

    /// Pixel of a value.
    pub fn at(&self, value: f64) -> f64 {
        let [low, high] = self.values;
        let share = if self.log {
            (value / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }

    /// Round values within, about `count` of them, as text beside the value.
    pub fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let [low, high] = self.values;
        if self.log {
            let mut found = vec![];
            for power in (low.log10().floor() as i32)..=(high.log10().ceil() as i32) {
                for step in [1.0, 2.0, 5.0] {
                    let value = step * 10_f64.powi(power);
                    if (low..=high).contains(&value) {
                        let digits = usize::try_from(-power).unwrap_or(0);
                        found.push((value, format!("{value:.digits$}")));
                    }
                }
            }
            let keep = found.len().div_ceil(count.max(1)).max(1);
            return found.into_iter().step_by(keep).collect();
        }
        let rough = (high - low) / count.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(power * 10.0);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        (first..=last)
            .map(|i| i as f64 * step)
            .map(|value| (value, super::super::document::fixed(value, digits)))
            .collect()
    }
}

fn extent(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return [0.0, 1.0];
    }
    [
        finite.iter().copied().fold(f64::INFINITY, f64::min),
        finite.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    ]
}

/// The area between the axes: left, top, right, bottom in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Area {
    /// Pixels from left to right.
    pub fn across(&self) -> [f64; 2] {
        [self.left, self.right]
    }

    /// Pixels from the lower to the upper edge.
    pub fn up(&self) -> [f64; 2] {
        [self.bottom, self.top]
    }

    /// Left and lower edge.
    pub fn frame(&self, canvas: &mut Canvas) {
        canvas.line([self.left, self.top], [self.left, self.bottom], INK, 1.0);
        canvas.line([self.left, self.bottom], [self.right, self.bottom], INK, 1.0);
    }

    /// Ticks with numbers and faint lines across, for the vertical axis.
    pub fn y_axis(&self, canvas: &mut Canvas, scale: &Scale, count: usize, name: &str) {
        for (value, text) in scale.ticks(count) {
            let y = scale.at(value);
            canvas.line([self.left, y], [self.right, y], FAINT, 1.0);
            canvas.text([self.left - 6.0, y + 4.0], SMALL, Anchor::End, &text);
        }
        if !name.is_empty() {
            let middle = f64::midpoint(self.top, self.bottom);
            canvas.upwards([self.left - 44.0, middle], SMALL, name);
        }
    }

    /// Ticks with numbers, for the horizontal axis.
    pub fn x_axis(&self, canvas: &mut Canvas, scale: &Scale, count: usize, name: &str) {
        for (value, text) in scale.ticks(count) {
            let x = scale.at(value);
            canvas.line([x, self.bottom], [x, self.bottom + 4.0], INK, 1.0);
            canvas.text([x, self.bottom + 17.0], SMALL, Anchor::Middle, &text);
        }
        if !name.is_empty() {
            let middle = f64::midpoint(self.left, self.right);
            canvas.text([middle, self.bottom + 34.0], SMALL, Anchor::Middle, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let texts = |scale: Scale, count| -> Vec<String> {
            scale.ticks(count).into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(
            texts(Scale::exact([0.0, 1.0], [0.0, 1.0]), 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(texts(Scale::exact([-30.0, 25.0], [0.0, 1.0]), 3), ["−20", "0", "20"]);
        let wide = Scale::spanning([0.5, 300.0].into_iter(), [0.0, 1.0]);
        assert_eq!(texts(wide, 9), ["0.5", "1", "2", "5", "10", "20", "50", "100", "200"]);
    }

    #[test]
    fn values_that_never_vary_have_an_axis_all_the_same() {
        let scale = Scale::covering([3.0, 3.0].into_iter(), [0.0, 100.0]);
        assert_eq!(scale.at(3.0), 50.0);
        assert!(!scale.ticks(4).is_empty());
    }
}
