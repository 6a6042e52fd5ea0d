//! What a network's features say: who is nearest by them, AuthPct and C_T.

use super::taken::{Features, Taken};
use crate::features::images::{ImageSet, PackImages};
use crate::metrics::audit::run::Searched;
use crate::metrics::audit::search::CHUNK;
use crate::metrics::audit::views::Prepared;
use crate::metrics::copying::authenticity;
use crate::metrics::features::FeatureSet;
use crate::metrics::frechet::Divisor;
use crate::metrics::kernel::Subset;
use crate::metrics::suite::Comparison;
use anyhow::Result;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;

/// Nearest training image by features of each image of a set.
#[derive(Debug, Default)]
pub struct NearestByFeatures {
    rows: Vec<i64>,
    distance: Vec<f64>,
    ssim: Vec<f64>,
}

impl NearestByFeatures {
    /// Training row, distance and SSIM of image `i`.
    pub fn of(&self, i: usize) -> Option<(usize, f64, f64)> {
        Some((*self.rows.get(i)? as usize, self.distance[i], self.ssim[i]))
    }

    fn find(
        training: &FeatureSet,
        set: &FeatureSet,
        images: &PackImages,
        searched: &Searched,
    ) -> Result<Self> {
        let found = authenticity(training, set)?;
        let rows: Vec<i64> = Vec::try_from(&found.nearest)?;
        let indices: Vec<usize> = (0..images.len()).collect();
        let mut ssim = Vec::with_capacity(rows.len());
        for chunk in indices.chunks(CHUNK) {
            let queries = Prepared::of_set(images, chunk)?;
            ssim.extend(
                searched
                    .references
                    .ssim_as_it_is(&queries, &rows[chunk[0]..chunk[0] + chunk.len()])?,
            );
        }
        Ok(Self { rows, distance: Vec::try_from(&found.distance)?, ssim })
    }
}

impl Taken<'_> {
    /// AuthPct and C_T, and who is nearest by features.
    pub(super) fn features(
        &mut self,
        features: Option<&Features>,
    ) -> Result<Option<[NearestByFeatures; 2]>> {
        let Some(features) = features else {
            let of_features = [
                "auth_pct",
                "c_t",
                "membership_auc (features)",
                "membership_auc_members (features)",
            ];
            for metric in of_features {
                self.lacks(metric, "needs a network's features, which --pixels-only leaves out");
            }
            return Ok(None);
        };
        let held_out = &self.sides.held_out;
        let groups: Vec<String> = (0..held_out.len()).map(|i| held_out.group(i)).collect();
        let comparison = |judged| Comparison {
            real: &features.training,
            synthetic: judged,
            held_out: features.held_out.as_ref().ok(),
            logits: None,
            real_groups: None,
            held_out_groups: Some(&groups),
            extractor: &features.extractor,
            dialect: features.dialect.as_deref(),
            treatment: &features.treatment,
            is_fid: false,
            kid_subset: Subset::Ours,
            divisor: Divisor::Unbiased,
            intervals: false,
        };
        let made = comparison(&features.synthetic);
        self.scores.extend(made.auth_pct()?);
        let mut by_features = [
            NearestByFeatures::find(
                &features.training,
                &features.synthetic,
                &self.sides.synthetic,
                self.searched,
            )?,
            NearestByFeatures::default(),
        ];
        match &features.held_out {
            Err(reason) => {
                self.lacks("auth_pct (held_out)", reason);
                self.lacks("c_t", reason);
            }
            Ok(held_out) => {
                let real = comparison(held_out).auth_pct()?;
                self.scores.extend(
                    real.into_iter().map(|score| Score { of: Some(Part::HeldOut), ..score }),
                );
                match made.c_t() {
                    Ok(found) => self.scores.extend(found),
                    Err(error) => self.lacks("c_t", format!("{error:#}")),
                }
                by_features[1] = NearestByFeatures::find(
                    &features.training,
                    held_out,
                    &self.sides.held_out,
                    self.searched,
                )?;
            }
        }
        Ok(Some(by_features))
    }
}
