//! What has to be known of a dataset before it is believed: what is set aside, who is in it, whether masks fit.

pub mod classes;
pub mod findings;
pub mod fit;
pub mod lineage;
pub mod linked;
pub mod overlap;
pub mod pack_page;
pub mod sheet;
