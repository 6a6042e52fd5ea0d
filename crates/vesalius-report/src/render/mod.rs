//! The report in every format. Each knows the blocks of a document and nothing of the pages that made them.

pub mod data;
pub mod html;
pub mod latex;
pub mod markdown;

use super::document::{Block, Figure, Grid, Section};

/// The sections on one dataset; of none at the end, what is about all runs.
#[derive(Debug)]
pub struct Part {
    /// Name of the dataset; empty: about all runs.
    pub dataset: String,
    /// Its pages.
    pub sections: Vec<Section>,
}

/// All tables, in their order.
pub fn grids(parts: &[Part]) -> impl Iterator<Item = &Grid> {
    blocks(parts).filter_map(|block| match block {
        Block::Grid(grid) | Block::Reference(grid) | Block::FilesOnly(grid) => Some(grid),
        _ => None,
    })
}

/// All figures, in their order.
pub fn figures(parts: &[Part]) -> impl Iterator<Item = &Figure> {
    blocks(parts).flat_map(|block| match block {
        Block::Figure(figure) => std::slice::from_ref(figure),
        Block::Gallery(figures) => figures.as_slice(),
        _ => &[],
    })
}

fn blocks(parts: &[Part]) -> impl Iterator<Item = &Block> {
    parts.iter().flat_map(|part| &part.sections).flat_map(|section| &section.blocks)
}
