//! One file per page or figure, in rooms by subject: each reads the evidence on one dataset and gives a section, or
//! nothing
//! where there is nothing to show. A new page is a file in its room and a line in [`PAGES`].

pub mod answers;
pub mod images;
pub mod provenance;
pub mod trainings;

use crate::document::Section;
use crate::evidence::Evidence;
use anyhow::Result;

/// A page of one dataset.
pub type Page = fn(&Evidence) -> Result<Option<Section>>;

/// In the order of the report; the summary stands before them all.
pub const PAGES: &[Page] = &[
    answers::table2::page,
    answers::classes::page,
    answers::comparisons::page,
    answers::dose::page,
    answers::failures::page,
    images::scores::page,
    images::correlation::page,
    trainings::spread::page,
    trainings::settings::page,
    trainings::search::page,
    images::samples::page,
    images::maps::page,
    images::coherence::page,
    images::copying::page,
    images::plausibility::page,
    images::turing::page,
    trainings::segmenters::page,
    trainings::curves::page,
    trainings::cost::page,
];
