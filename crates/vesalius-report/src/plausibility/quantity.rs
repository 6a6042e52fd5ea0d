//! The quantities that rules are about, by name.

use super::anatomy::Anatomy;

/// One number of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Connected components.
    Components {
        /// Label value from 1.
        class: usize,
    },
    /// Holes.
    Holes {
        /// Label value from 1.
        class: usize,
    },
    /// Area, pixels.
    Area {
        /// Label value from 1.
        class: usize,
    },
    /// Circularity of the largest component.
    Circularity {
        /// Label value from 1.
        class: usize,
    },
    /// Share of the border that touches another label, where both are present.
    Border {
        /// Label value from 1.
        class: usize,
        /// The other label, 0 being the background; the number of classes: the image's edge.
        neighbour: usize,
    },
}

/// How far apart two values of a quantity are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Whole numbers: a value is allowed or it is not.
    Count,
    /// Differences.
    Linear,
    /// Ratios.
    Logarithmic,
}

impl Quantity {
    /// Every quantity of `classes` classes (the background among them), class by class.
    pub fn all(classes: usize) -> Vec<Self> {
        (1..classes)
            .flat_map(|class| {
                let shape = [
                    Self::Components { class },
                    Self::Holes { class },
                    Self::Area { class },
                    Self::Circularity { class },
                ];
                let borders = (0..=classes)
                    .filter(move |&neighbour| neighbour != class)
                    .map(move |neighbour| Self::Border { class, neighbour });
                shape.into_iter().chain(borders)
            })
            .collect()
    }

    /// Its value in a mask; `None` where the mask does not have it.
    pub fn value(self, anatomy: &Anatomy) -> Option<f64> {
        Some(match self {
            Self::Components { class } => anatomy.shape(class)?.components as f64,
            Self::Holes { class } => anatomy.shape(class)?.holes as f64,
            Self::Area { class } => anatomy.shape(class)?.area_px as f64,
            Self::Circularity { class } => anatomy.shape(class)?.circularity?,
            Self::Border { class, neighbour } => anatomy.border_share(class, neighbour)?,
        })
    }

    /// How its values are compared.
    pub fn scale(self) -> Scale {
        match self {
            Self::Components { .. } | Self::Holes { .. } => Scale::Count,
            Self::Area { .. } => Scale::Logarithmic,
            Self::Circularity { .. } | Self::Border { .. } => Scale::Linear,
        }
    }

    /// Least and greatest value that there can be.
    pub fn bounds(self) -> [f64; 2] {
        match self {
            Self::Components { .. } | Self::Area { .. } => [1.0, f64::MAX],
            Self::Holes { .. } | Self::Circularity { .. } => [0.0, f64::MAX],
            Self::Border { .. } => [0.0, 1.0],
        }
    }

    /// `border of LV cavity with LV myocardium`: what reports print.
    pub fn name(self, classes: &[String]) -> String {
        match self {
            Self::Components { class } => format!("components of {}", classes[class]),
            Self::Holes { class } => format!("holes in {}", classes[class]),
            Self::Area { class } => format!("area of {}", classes[class]),
            Self::Circularity { class } => format!("circularity of {}", classes[class]),
            Self::Border { class, neighbour } => format!(
                "border of {} with {}",
                classes[class],
                classes.get(neighbour).map_or("the image's edge", String::as_str)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_has_six_quantities_and_each_name_is_its_own() {
        assert_eq!(Quantity::all(2).len(), 6);
        let classes = ["background", "RV", "myocardium", "LV"].map(String::from);
        let names: std::collections::BTreeSet<String> =
            Quantity::all(4).into_iter().map(|quantity| quantity.name(&classes)).collect();
        assert_eq!(names.len(), 3 * (4 + 4));
        assert!(names.contains("border of LV with myocardium"));
        assert!(names.contains("border of RV with the image's edge"));
    }
}
