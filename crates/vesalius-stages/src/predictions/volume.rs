//! One volume's label maps, and the numbers of each of its classes.

use std::collections::BTreeMap;
use vesalius_data::pack::Pack;
use vesalius_score::edges::EdgeDistances;
use vesalius_score::lesions::Lesions;
use vesalius_score::{Distances, Grid};

/// What the surface of a mask is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surface {
    /// Pieces between voxels, by their area: google-deepmind/surface-distance.
    #[default]
    Surfels,
    /// Voxels at the edge, each alike: MONAI.
    Voxels,
}

impl std::str::FromStr for Surface {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "surfels" => Ok(Self::Surfels),
            "voxels" => Ok(Self::Voxels),
            _ => Err(format!("{text}: expected surfels or voxels")),
        }
    }
}

impl std::fmt::Display for Surface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Surfels => "surfels",
            Self::Voxels => "voxels",
        })
    }
}

/// How surfaces are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// What a surface is.
    pub surface: Surface,
    /// Distances within which surfaces count as one, mm.
    pub tolerances_mm: Vec<f64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { surface: Surface::default(), tolerances_mm: vec![1.0, 2.0] }
    }
}

impl Rules {
    /// For protocols.
    pub(super) fn words(&self, volumes: &[Volume]) -> String {
        let plane = volumes.iter().filter(|volume| volume.between_mm.is_none()).count();
        let dimensions = match plane {
            0 => "in three dimensions",
            _ if plane == volumes.len() => "contours of all slices of a volume together",
            _ => "in three dimensions where the distance of slices is known, else contours",
        };
        match self.surface {
            Surface::Surfels => format!("surfels by their area, {dimensions}"),
            Surface::Voxels => format!("voxels at the edge, {dimensions}"),
        }
    }
}

/// Label maps of one volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// The patient.
    pub patient: String,
    /// Which of the patient's volumes.
    pub case: String,
    /// Slices, rows, columns.
    pub shape: [usize; 3],
    /// Of rows and columns, mm, where it is known.
    pub spacing_mm: Option<[f64; 2]>,
    /// From slice to slice, mm, where it is known.
    pub between_mm: Option<f64>,
    /// Labels of the reference, slice by slice, row by row.
    pub reference: Vec<u8>,
    /// Labels of the prediction.
    pub prediction: Vec<u8>,
}

/// First and last index of slices, rows and columns.
type Span = [[usize; 2]; 3];

/// One class in one volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Voxels of the reference and of the prediction.
    pub voxels: [usize; 2],
    /// 95th percentile of the Hausdorff distance; `None` where one of the two is empty, or nothing is known of millimetres.
    pub hausdorff95_mm: Option<f64>,
    /// Average symmetric surface distance; likewise.
    pub assd_mm: Option<f64>,
    /// Surface Dice for each tolerance; `None` where both are empty.
    pub surface_dice: Vec<Option<f64>>,
    /// Connected pieces.
    pub lesions: Lesions,
    /// Volume of the reference; `None` where nothing is known of millimetres.
    pub reference_ml: Option<f64>,
    /// Volume of the prediction.
    pub prediction_ml: Option<f64>,
}

impl Numbers {
    /// In the reference or in the prediction, not in both.
    pub fn is_one_sided(&self) -> bool {
        (self.voxels[0] == 0) != (self.voxels[1] == 0)
    }

    /// In the reference or in the prediction.
    pub fn is_there(&self) -> bool {
        self.voxels != [0, 0]
    }
}

impl Volume {
    /// Predictions of slices of a pack, gathered into its volumes. Slices that the pack does not have are empty on both
    /// sides.
    ///
    /// # Errors
    /// When a slice was damaged.
    pub fn of_pack(
        pack: &Pack,
        indices: &[usize],
        predicted: &[Vec<u8>],
    ) -> anyhow::Result<Vec<Self>> {
        let manifest = pack.manifest();
        let (height, width) = (pack.slice_shape().height, pack.slice_shape().width);
        let mut cases: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (at, &i) in indices.iter().enumerate() {
            let slice = &manifest.slices[i];
            cases.entry(slice.case).or_default().push((slice.position, at));
        }
        let volume = |(case, slices): (usize, Vec<(usize, usize)>)| {
            let record = &manifest.cases[case];
            let first = slices.iter().map(|&(position, _)| position).min().unwrap_or(0);
            let last = slices.iter().map(|&(position, _)| position).max().unwrap_or(0);
            let plane = height * width;
            let count = last - first + 1;
            let mut maps = [vec![0; count * plane], vec![0; count * plane]];
            for (position, at) in slices {
                let start = (position - first) * plane;
                maps[0][start..start + plane].copy_from_slice(pack.slice(indices[at])?.labels);
                maps[1][start..start + plane].copy_from_slice(&predicted[at]);
            }
            let [reference, prediction] = maps;
            Ok(Self {
                patient: record.patient.clone(),
                case: record.id.clone(),
                shape: [count, height, width],
                spacing_mm: record.spacing_mm,
                between_mm: record.between_mm,
                reference,
                prediction,
            })
        };
        cases.into_iter().map(volume).collect()
    }

    /// Of class 1, 2, …
    pub(super) fn numbers(&self, classes: usize, rules: &Rules) -> Vec<Numbers> {
        let boxes = self.boxes(classes);
        (1..classes).map(|class| self.of_class(class as u8, boxes[class], rules)).collect()
    }

    /// First and last slice, row and column of each class, in either map.
    fn boxes(&self, classes: usize) -> Vec<Option<Span>> {
        let [_, rows, columns] = self.shape;
        let mut boxes: Vec<Option<Span>> = vec![None; classes];
        for map in [&self.reference, &self.prediction] {
            for (at, row) in map.chunks_exact(columns).enumerate() {
                // Most rows, many values at a time.
                if row.iter().fold(0, |any, &label| any | label) == 0 {
                    continue;
                }
                let (slice, at) = (at / rows, at % rows);
                for (column, &label) in row.iter().enumerate().filter(|(_, label)| **label != 0) {
                    let here = [slice, at, column];
                    let span = boxes[usize::from(label)].get_or_insert(here.map(|at| [at; 2]));
                    for ([first, last], at) in span.iter_mut().zip(here) {
                        (*first, *last) = ((*first).min(at), (*last).max(at));
                    }
                }
            }
        }
        boxes
    }

    /// Where a class is within its box, in the reference and in the prediction.
    fn masks(&self, class: u8, [slices, rows, columns]: Span) -> [Vec<bool>; 2] {
        let [_, height, width] = self.shape;
        [&self.reference, &self.prediction].map(|map| {
            let mut mask = Vec::new();
            for slice in slices[0]..=slices[1] {
                for row in rows[0]..=rows[1] {
                    let start = (slice * height + row) * width;
                    let row = &map[start + columns[0]..=start + columns[1]];
                    mask.extend(row.iter().map(|&label| label == class));
                }
            }
            mask
        })
    }

    fn of_class(&self, class: u8, span: Option<Span>, rules: &Rules) -> Numbers {
        let shape = span.map_or([0; 3], |span| span.map(|[first, last]| last - first + 1));
        let masks = span.map_or_else(Default::default, |span| self.masks(class, span));
        let voxels = masks.each_ref().map(|mask| mask.iter().filter(|is| **is).count());
        let ml = |voxels: usize| {
            let ([row, column], between) = (self.spacing_mm?, self.between_mm?);
            Some(voxels as f64 * row * column * between / 1000.0)
        };
        let mut numbers = Numbers {
            voxels,
            hausdorff95_mm: None,
            assd_mm: None,
            surface_dice: vec![None; rules.tolerances_mm.len()],
            lesions: Lesions::between(&masks[0], &masks[1], shape),
            reference_ml: ml(voxels[0]),
            prediction_ml: ml(voxels[1]),
        };
        let (Some(spacing), Some(_)) = (self.spacing_mm, span) else { return numbers };
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        match rules.surface {
            Surface::Surfels => {
                let found =
                    Distances::together(self.pieces(&masks, shape, spacing, Distances::between));
                numbers.hausdorff95_mm = finite(Some(found.hausdorff(95.0)));
                numbers.assd_mm = finite(found.average_symmetric());
                let dice = rules.tolerances_mm.iter().map(|&mm| found.surface_dice(mm));
                numbers.surface_dice = dice.collect();
            }
            Surface::Voxels => {
                let found = EdgeDistances::together(self.pieces(
                    &masks,
                    shape,
                    spacing,
                    EdgeDistances::between,
                ));
                numbers.hausdorff95_mm = finite(found.hausdorff(95.0));
                numbers.assd_mm = finite(found.average_symmetric());
                let dice = rules.tolerances_mm.iter().map(|&mm| found.surface_dice(mm));
                numbers.surface_dice = dice.collect();
            }
        }
        numbers
    }

    /// The volume as a whole, or each of its slices where their distance is not known.
    fn pieces<T>(
        &self,
        [reference, prediction]: &[Vec<bool>; 2],
        shape: [usize; 3],
        spacing: [f64; 2],
        between: impl Fn(&[bool], &[bool], Grid) -> T,
    ) -> Vec<T> {
        let [_, rows, columns] = shape;
        if let Some(mm) = self.between_mm {
            let grid = Grid::volume(shape, [mm, spacing[0], spacing[1]]);
            return vec![between(reference, prediction, grid)];
        }
        let grid = Grid::picture([rows, columns], spacing);
        let slices = reference.chunks(rows * columns).zip(prediction.chunks(rows * columns));
        slices.map(|(a, b)| between(a, b, grid)).collect()
    }
}
