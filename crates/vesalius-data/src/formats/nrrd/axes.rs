//! What a file's axes are: columns, rows and slices of a place in the patient, and at most one of channels.

use super::fields::Fields;
use crate::volume::geometry::{Geometry, cross, norm};
use anyhow::{Context as _, Result, bail};

/// The axes of a file, fastest first.
#[derive(Debug)]
pub(super) struct Axes {
    sizes: Vec<usize>,
    /// Which are columns, rows and slices; two where there is one slice.
    spatial: Vec<usize>,
    /// Which is channels.
    channels: Option<usize>,
    /// Distance of voxels along the spatial axes, where the header says.
    spacings: Vec<Option<f64>>,
    /// Where the voxels lie, where the header says.
    pub(super) geometry: Option<Geometry>,
}

impl Axes {
    /// Of a header.
    ///
    /// # Errors
    /// Other numbers of axes, fields that contradict each other.
    pub(super) fn of(fields: &Fields) -> Result<Self> {
        let count = fields.number("dimension")?.context("no `dimension`, expected one")?;
        if !(2..=4).contains(&count) {
            bail!("dimension: {count}, expected 2 to 4");
        }
        let sizes = fields.words("sizes", count)?.context("no `sizes`, expected them")?;
        let sizes: Vec<usize> = sizes
            .iter()
            .map(|word| {
                word.parse()
                    .map_err(|_| anyhow::anyhow!("sizes: `{word}`, expected a whole number"))
            })
            .collect::<Result<_>>()?;
        let directions = directions(fields, count)?;
        let spatial = spatial(fields, count, directions.as_deref())?;
        let others: Vec<usize> = (0..count).filter(|axis| !spatial.contains(axis)).collect();
        if !(2..=3).contains(&spatial.len()) || others.len() > 1 {
            bail!(
                "{} axes of space and {} others, expected 2 or 3 of space and at most one of channels",
                spatial.len(),
                others.len()
            );
        }
        let mut axes = Self {
            sizes,
            spatial,
            channels: others.first().copied(),
            spacings: vec![],
            geometry: None,
        };
        match directions {
            Some(directions) => axes.in_space(fields, &directions)?,
            None => axes.by_axis(fields, count)?,
        }
        Ok(axes)
    }

    /// Slices, channels, rows, columns.
    pub(super) fn shape(&self) -> [usize; 4] {
        let size = |axis: Option<&usize>| axis.map_or(1, |axis| self.sizes[*axis]);
        [
            size(self.spatial.get(2)),
            size(self.channels.as_ref()),
            self.sizes[self.spatial[1]],
            self.sizes[self.spatial[0]],
        ]
    }

    /// Where each value of `[S, C, H, W]` is in the file.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let stride =
            |axis: Option<&usize>| axis.map_or(0, |axis| self.sizes[..*axis].iter().product());
        let strides: [usize; 4] = [
            stride(self.spatial.get(2)),
            stride(self.channels.as_ref()),
            stride(self.spatial.get(1)),
            stride(self.spatial.first()),
        ];
        let [slices, channels, rows, columns] = self.shape();
        (0..slices * channels * rows * columns).map(move |i| {
            let index = [
                i / (columns * rows * channels),
                i / (columns * rows) % channels,
                i / columns % rows,
                i % columns,
            ];
            index.iter().zip(strides).map(|(at, stride)| at * stride).sum()
        })
    }

    /// Of rows and columns, mm.
    pub(super) fn spacing_mm(&self) -> Option<[f64; 2]> {
        let good = |at: usize| {
            self.spacings.get(at).copied().flatten().filter(|s| s.is_finite() && *s > 0.0)
        };
        Some([good(1)?, good(0)?])
    }

    fn size(&self) -> [usize; 3] {
        let [slices, _, rows, columns] = self.shape();
        [columns, rows, slices]
    }

    /// By directions in a space.
    fn in_space(&mut self, fields: &Fields, directions: &[Option<Vec<f64>>]) -> Result<()> {
        let signs = signs(fields)?;
        let turned = |vector: &[f64]| -> [f64; 3] {
            std::array::from_fn(|i| vector.get(i).copied().unwrap_or(0.0) * signs[i])
        };
        let origin = match fields.get("space origin") {
            None => [0.0; 3],
            Some(text) => turned(&vector("space origin", text)?),
        };
        let mut steps: Vec<[f64; 3]> = self
            .spatial
            .iter()
            .map(|axis| turned(directions[*axis].as_deref().unwrap_or(&[])))
            .collect();
        self.spacings = steps.iter().map(|step| Some(norm(*step))).collect();
        if steps.len() == 2 {
            steps.push(normal(steps[0], steps[1]));
        }
        let steps_mm = [steps[0], steps[1], steps[2]];
        self.geometry = Geometry { size: self.size(), origin_mm: origin, steps_mm }.checked();
        Ok(())
    }

    /// By a spacing and a least position of each axis, as files had them before spaces.
    fn by_axis(&mut self, fields: &Fields, count: usize) -> Result<()> {
        let numbers = |name: &str| -> Result<Option<Vec<Option<f64>>>> {
            let Some(words) = fields.words(name, count)? else { return Ok(None) };
            let number = |word: &&str| {
                let value: f64 = word
                    .parse()
                    .map_err(|_| anyhow::anyhow!("{name}: `{word}`, expected a number"))?;
                Ok(Some(value).filter(|value| value.is_finite()))
            };
            words.iter().map(number).collect::<Result<_>>().map(Some)
        };
        let (spacings, mins) = (numbers("spacings")?, numbers("axis mins")?);
        let centred: Vec<bool> = match fields.words("centerings", count)? {
            Some(words) => words.iter().map(|word| *word == "node").collect(),
            None => vec![false; count],
        };
        let of = |values: &Option<Vec<Option<f64>>>, axis: usize| {
            values.as_ref().and_then(|values| values[axis])
        };
        self.spacings = self.spatial.iter().map(|axis| of(&spacings, *axis)).collect();
        if self.spacings.iter().any(Option::is_none) {
            return Ok(());
        }
        let spacing = |i: usize| self.spacings.get(i).copied().flatten().unwrap_or(1.0);
        // A least position is that of the first voxel's edge, unless the axis is centred on nodes.
        let origin = |i: usize| {
            let min =
                self.spatial.get(i).and_then(|axis| Some((of(&mins, *axis)?, centred[*axis])));
            min.map_or(0.0, |(min, node)| if node { min } else { min + 0.5 * spacing(i) })
        };
        let origin_mm = std::array::from_fn(origin);
        let steps_mm = std::array::from_fn(|axis| {
            std::array::from_fn(|i| if i == axis { spacing(axis) } else { 0.0 })
        });
        self.geometry = Geometry { size: self.size(), origin_mm, steps_mm }.checked();
        Ok(())
    }
}

/// A direction for each axis; `None` for those that have none. `None` at all where the header gives no directions.
fn directions(fields: &Fields, count: usize) -> Result<Option<Vec<Option<Vec<f64>>>>> {
    let Some(text) = fields.get("space directions") else { return Ok(None) };
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("none") {
            found.push(None);
            rest = after.trim_start();
        } else {
            let end = rest
                .find(')')
                .with_context(|| format!("space directions: {text}, expected vectors (x,y,z)"))?;
            let one = vector("space directions", &rest[..=end])?;
            // What older writers give to an axis of channels.
            found.push(Some(one).filter(|one| one.iter().all(|v| v.is_finite())));
            rest = rest[end + 1..].trim_start();
        }
    }
    if found.len() != count {
        bail!("space directions: {text}, expected {count} of them, one for each axis");
    }
    Ok(Some(found))
}

/// `(x,y,z)`.
fn vector(name: &str, text: &str) -> Result<Vec<f64>> {
    let inner = text.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let numbers =
        inner.map(|inner| inner.split(',').map(|word| word.trim().parse::<f64>()).collect());
    match numbers {
        Some(Ok(numbers)) => Ok(numbers),
        _ => bail!("{name}: {text}, expected a vector as (1,0,0)"),
    }
}

/// Which axes are of space: those with a direction, else those whose kind is one, else all of two or three.
fn spatial(
    fields: &Fields,
    count: usize,
    directions: Option<&[Option<Vec<f64>>]>,
) -> Result<Vec<usize>> {
    if let Some(directions) = directions {
        return Ok((0..count).filter(|axis| directions[*axis].is_some()).collect());
    }
    match fields.words("kinds", count)? {
        Some(kinds) => {
            let of_space = |axis: &usize| {
                ["domain", "space", "???"].contains(&kinds[*axis].to_ascii_lowercase().as_str())
            };
            Ok((0..count).filter(of_space).collect())
        }
        None if count <= 3 => Ok((0..count).collect()),
        None => bail!(
            "{count} axes without `kinds` or `space directions`, expected one of them to tell channels from space"
        ),
    }
}

/// What turns a space's axes to the patient's left, back and head.
fn signs(fields: &Fields) -> Result<[f64; 3]> {
    let Some(space) = fields.get("space") else { return Ok([1.0; 3]) };
    let bare = space.to_ascii_lowercase();
    let bare = bare.trim_end_matches("-time");
    Ok(match bare {
        "right-anterior-superior" | "ras" | "rast" => [-1.0, -1.0, 1.0],
        "left-anterior-superior" | "las" | "last" => [1.0, -1.0, 1.0],
        "left-posterior-superior" | "lps" | "lpst" => [1.0, 1.0, 1.0],
        // Of no patient: as they are, as ITK takes them.
        "scanner-xyz" | "3d-right-handed" | "3d-left-handed" => [1.0; 3],
        _ => bail!(
            "space: {space}, expected left-posterior-superior, RAS or another of the format's spaces"
        ),
    })
}

fn normal(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    let cross = cross(a, b);
    cross.map(|v| v / norm(cross))
}
