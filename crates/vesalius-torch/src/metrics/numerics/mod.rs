//! What metrics are computed with: products of matrices with bounds on their rounding, nearest neighbours, clusters, exact
//! sums and NumPy's draws.

pub mod bounds;
pub(crate) mod draw;
pub(crate) mod exact;
pub(crate) mod kmeans;
pub mod neighbours;
pub mod unit;
