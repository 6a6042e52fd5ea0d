//! Both sides of a comparison as features, and the metrics that look at features.

use super::sides::Sides;
use super::task::Task;
use crate::context::Context;
use crate::judge::{self, Judge};
use crate::side::{RealSplit, Side};
use anyhow::{Result, bail};
use vesalius_data::run::Subject;
use vesalius_data::run::score::Score;
use vesalius_torch::Tensor;
use vesalius_torch::features::file;
use vesalius_torch::features::images::ImageSet;
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::frechet::Divisor;
use vesalius_torch::metrics::kernel::Subset;
use vesalius_torch::metrics::suite::Comparison;

/// No network to see images with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoNetwork(String);

/// The extractor of feature files, as scores call it: nobody knows which network it was, so the real features stand for
/// it. Scores are comparable only against the same ones.
///
/// # Errors
/// When the file cannot be read.
pub fn of_file(real: &Side) -> Result<String> {
    Ok(format!("file@{}", &real.input("real")?.sha256[..12]))
}

/// Features of both sides.
pub struct Judged {
    real: FeatureSet,
    synthetic: FeatureSet,
    held_out: Option<FeatureSet>,
    logits: Option<Tensor>,
    groups: Option<Vec<String>>,
    held_out_groups: Option<Vec<String>>,
    extractor: String,
    treatment: String,
    dialect: Option<&'static str>,
    is_fid: bool,
    /// What the same network sees in the same images in FID's other dialects, where all were asked for.
    others: Vec<OtherDialect>,
    /// What was compared, where both sides are packs.
    pub subject: Option<Subject>,
}

/// Features of both sides in another dialect.
struct OtherDialect {
    real: Tensor,
    synthetic: Tensor,
    treatment: String,
    dialect: Option<&'static str>,
}

impl Judged {
    /// Computes what is not in the cache; `all_dialects`: of FID's network in all its dialects.
    ///
    /// # Errors
    /// [`NoNetwork`] when the extractor cannot be had; anything else is wrong with the input.
    pub(super) fn new(
        settings: &Task,
        all_dialects: bool,
        sides: &Sides,
        context: &Context,
    ) -> Result<Self> {
        if let (Side::Features { matrix: a, .. }, Side::Features { matrix: b, path }) =
            (&sides.real, &sides.synthetic)
        {
            let held_out = match &sides.held_out {
                Some(Side::Features { matrix, .. }) => Some(FeatureSet::new("held-out", matrix)?),
                Some(other) => {
                    bail!("--held-out {}: expected a feature file", other.path().display())
                }
                None => None,
            };
            return Ok(Self {
                real: FeatureSet::new("real", a)?,
                synthetic: FeatureSet::new("synthetic", b)?,
                held_out,
                logits: file::logits(path)?,
                groups: None,
                held_out_groups: None,
                extractor: of_file(&sides.real)?,
                treatment: "features from files".to_owned(),
                dialect: None,
                is_fid: false,
                others: Vec::new(),
                subject: None,
            });
        }
        let (real, synthetic, held_out) = sides.images()?;
        let judge = settings.extractor.load(&sides.real, context).map_err(|error| {
            if context.asked() { error } else { NoNetwork(format!("{error:#}")).into() }
        })?;
        let others = if all_dialects { judge.in_other_dialects() } else { Vec::new() };
        let judges: Vec<&Judge> = std::iter::once(&judge).chain(&others).collect();
        // One walk over the images of a side, whatever the number of dialects.
        let of = |role: &'static str, images: &dyn ImageSet, keep: bool, judges: &[&Judge]| {
            let mut all =
                judge::features_by_each(judges, (role, images), keep, context)?.into_iter();
            let own = all.next().expect("one for each judge");
            anyhow::Ok((FeatureSet::new(role, &own)?, all))
        };
        let (real_features, real_others) = of("real", real.as_ref(), true, &judges)?;
        let (synthetic_features, synthetic_others) =
            of("synthetic", synthetic.as_ref(), false, &judges)?;
        let held_out = held_out.filter(|images| !images.is_empty());
        let groups_of =
            |images: &dyn ImageSet| (0..images.len()).map(|i| images.group(i)).collect();
        let held_out_groups = held_out.as_ref().map(|images| groups_of(images.as_ref()));
        let held_out = held_out
            .map(|images| anyhow::Ok(of("held-out", images.as_ref(), true, &judges[..1])?.0))
            .transpose()?;
        let logits = judge.extractor.logits(&synthetic_features.matrix().to_device(context.device));
        let against = |judge: &Judge| {
            let pair = [&sides.real, &sides.synthetic];
            judge.against(pair, RealSplit::Train, &sides.settled.remark)
        };
        let (treatment, subject) = against(&judge);
        let pairs = real_others.zip(synthetic_others);
        let other = |(judge, (real, synthetic)): (&Judge, (Tensor, Tensor))| OtherDialect {
            real,
            synthetic,
            treatment: against(judge).0,
            dialect: judge.dialect,
        };
        Ok(Self {
            logits,
            groups: Some(groups_of(real.as_ref())),
            held_out_groups,
            extractor: judge.extractor.name(),
            treatment,
            dialect: judge.dialect,
            is_fid: judge.extractor.is_fids(),
            others: others.iter().zip(pairs).map(other).collect(),
            subject,
            real: real_features,
            synthetic: synthetic_features,
            held_out,
        })
    }

    /// What is compared, as metrics see it.
    pub fn comparison(&self, settings: &Task) -> Comparison<'_> {
        Comparison {
            real: &self.real,
            synthetic: &self.synthetic,
            held_out: self.held_out.as_ref(),
            logits: self.logits.as_ref(),
            real_groups: self.groups.as_deref(),
            held_out_groups: self.held_out_groups.as_deref(),
            extractor: &self.extractor,
            dialect: self.dialect,
            treatment: &self.treatment,
            is_fid: self.is_fid,
            kid_subset: settings.kid_subset.map_or(Subset::Ours, Subset::Fixed),
            divisor: if settings.biased { Divisor::Biased } else { Divisor::Unbiased },
            intervals: settings.intervals,
        }
    }

    /// Fréchet distances in FID's other dialects, where all were asked for.
    ///
    /// # Errors
    /// When they cannot be measured on this input.
    pub fn other_dialects(&self, settings: &Task) -> Result<Vec<Score>> {
        let mut scores = Vec::new();
        for other in &self.others {
            let real = FeatureSet::new("real", &other.real)?;
            let synthetic = FeatureSet::new("synthetic", &other.synthetic)?;
            let comparison = Comparison {
                real: &real,
                synthetic: &synthetic,
                dialect: other.dialect,
                treatment: &other.treatment,
                ..self.comparison(settings)
            };
            scores.extend(comparison.frechet_distance()?);
        }
        Ok(scores)
    }
}
