//! One file per page or figure (`stage` is what two of them share): each reads the evidence on one dataset and gives a section, or nothing where there is
//! nothing to show. A new page is a file here and a line in [`PAGES`].

pub mod comparisons;
pub mod copying;
pub mod correlation;
pub mod cost;
pub mod curves;
pub mod maps;
pub mod plausibility;
pub mod provenance;
pub mod samples;
pub mod scores;
pub mod search;
pub mod settings;
pub mod soundness;
pub mod spread;
pub mod stage;
pub mod summary;
pub mod table2;
pub mod turing;

use super::document::Section;
use super::evidence::Evidence;
use anyhow::Result;

/// A page of one dataset.
pub type Page = fn(&Evidence) -> Result<Option<Section>>;

/// In the order of the report; the summary stands before them all.
pub const PAGES: [Page; 14] = [
    table2::page,
    comparisons::page,
    scores::page,
    correlation::page,
    spread::page,
    settings::page,
    search::page,
    samples::page,
    maps::page,
    copying::page,
    plausibility::page,
    turing::page,
    curves::page,
    cost::page,
];
