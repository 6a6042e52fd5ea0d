//! Table 2 of the study: Skandarani, Jodoin, Lalande, "GANs for Medical Image Synthesis: An Empirical Study"
//! (arXiv:2105.05318).

use vesalius_data::pack::row::RowId;

/// Accuracy of the cardiologists in their visual Turing test, of 100 images each.
pub const TURING_ACCURACY: f64 = 0.60;

/// One row: FID and Dice of ACDC, IDRiD and SLiver07; `None` where the table has a dash or no entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperRow {
    /// Training set, as our reports call it.
    pub row: Row,
    /// [ACDC, IDRiD, SLiver07].
    pub fid: [Option<f64>; 3],
    /// [ACDC, IDRiD, SLiver07].
    pub dice: [Option<f64>; 3],
}

/// A training set of Table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// Real data.
    Original,
    /// Real data with classical augmentation.
    Augmented,
    /// One GAN alone, by preset name.
    Gan(&'static str),
    /// Real data and one GAN.
    WithGan(&'static str),
}

/// Column of a dataset in the arrays above.
pub fn column(dataset: &str) -> Option<usize> {
    ["acdc", "idrid", "sliver07"].iter().position(|name| *name == dataset)
}

const fn all(values: [f64; 3]) -> [Option<f64>; 3] {
    [Some(values[0]), Some(values[1]), Some(values[2])]
}

const NONE: [Option<f64>; 3] = [None; 3];

/// The published rows, in their order.
pub const TABLE_2: [PaperRow; 10] = [
    PaperRow { row: Row::Original, fid: NONE, dice: all([0.89, 0.83, 0.72]) },
    PaperRow { row: Row::Augmented, fid: NONE, dice: all([0.90, 0.84, 0.70]) },
    PaperRow {
        row: Row::Gan("dcgan"),
        fid: all([60.12, 91.34, 56.41]),
        dice: all([0.30, 0.29, 0.14]),
    },
    PaperRow {
        row: Row::Gan("lsgan"),
        fid: all([59.65, 78.61, 56.82]),
        dice: all([0.39, 0.20, 0.15]),
    },
    PaperRow {
        row: Row::Gan("wgan"),
        fid: all([74.30, 62.12, 73.11]),
        dice: all([0.70, 0.72, 0.16]),
    },
    PaperRow {
        row: Row::Gan("hinge"),
        fid: all([61.00, 78.61, 67.69]),
        dice: all([0.63, 0.69, 0.15]),
    },
    PaperRow {
        row: Row::Gan("spade"),
        fid: all([41.54, 1.09, 47.62]),
        dice: all([0.86, 0.82, 0.61]),
    },
    PaperRow {
        row: Row::Gan("stylegan"),
        fid: all([24.74, 23.72, 29.06]),
        dice: all([0.87, 0.80, 0.36]),
    },
    PaperRow { row: Row::WithGan("spade"), fid: NONE, dice: all([0.90, 0.84, 0.71]) },
    PaperRow { row: Row::WithGan("stylegan"), fid: NONE, dice: all([0.90, 0.84, 0.71]) },
];

/// How a row is written in a table: its generators as their papers write them.
pub fn display_name(row: &RowId) -> String {
    row.renamed(preset_name).to_string()
}

/// The same inside a sentence, with what else tells it from others: `SPADE (masks of LSGAN, 50 samples)`.
pub fn prose(row: &RowId, words: &[String]) -> String {
    let row = row.renamed(preset_name);
    let (name, mut more) = match row.made.as_slice() {
        [one] => (one.generator.clone(), one.marks()),
        _ => (row.to_string(), vec![]),
    };
    more.extend_from_slice(words);
    if more.is_empty() { name } else { format!("{name} ({})", more.join(", ")) }
}

fn preset_name(preset: &str) -> String {
    match preset {
        "dcgan" => "DCGAN",
        "lsgan" => "LSGAN",
        "wgan" => "WGAN",
        "wgan-gp" => "WGAN-GP",
        "hinge" => "HingeGAN",
        "spade" => "SPADE",
        "stylegan" => "StyleGAN",
        "stylegan2" => "StyleGAN2",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_are_written_as_their_papers_do() {
        for (row, shown, said) in [
            ("wgan-gp", "WGAN-GP", "WGAN-GP"),
            ("spade, masks of lsgan", "SPADE, masks of LSGAN", "SPADE (masks of LSGAN)"),
            (
                "spade, masks of lsgan, warped, plausible only",
                "SPADE, masks of LSGAN, warped, plausible only",
                "SPADE (masks of LSGAN, warped, plausible only)",
            ),
            ("ours, warped masks", "ours, warped masks", "ours (warped masks)"),
            (
                "wgan + lsgan, plausible only",
                "WGAN + LSGAN, plausible only",
                "WGAN + LSGAN, plausible only",
            ),
        ] {
            assert_eq!(display_name(&row.into()), shown);
            assert_eq!(prose(&row.into(), &[]), said);
        }
        let words = ["50 samples".to_owned()];
        assert_eq!(prose(&RowId::of("lsgan"), &words), "LSGAN (50 samples)");
    }
}
