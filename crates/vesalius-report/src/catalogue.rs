//! What a report knows of a score: its heading, group and place among the columns, from the registry of metrics.

pub use vesalius_data::run::metric::{Better, METRICS, Metric, Whole, known};
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;

/// What makes scores comparable: the same metric of the same part in the same features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `Score::metric`.
    pub metric: String,
    /// `Score::of`.
    pub of: Option<Part>,
    /// Kind of extractor, without its digest.
    pub extractor: Option<String>,
    /// Dialect of the input.
    pub dialect: Option<String>,
}

impl Key {
    /// Of a score.
    pub fn of(score: &Score) -> Self {
        Self {
            metric: score.metric.clone(),
            of: score.of.clone(),
            extractor: score.extractor_kind().map(ToOwned::to_owned),
            dialect: score.dialect.clone(),
        }
    }

    /// Heading: `FID, clean-fid`, `Precision, matched counts (unet)`.
    pub fn title(&self) -> String {
        let mut title = known(&self.metric)
            .map_or_else(|| self.metric.replace('_', " "), |metric| metric.title.to_owned());
        if let Some(of) = &self.of {
            title.push_str(", ");
            title.push_str(&of.words());
        }
        let features = match (&self.extractor, &self.dialect) {
            (Some(extractor), Some(dialect)) if extractor == "inception" => dialect.clone(),
            (Some(extractor), Some(dialect)) => format!("{extractor}, {dialect}"),
            (Some(extractor), None) => extractor.clone(),
            (None, Some(dialect)) => dialect.clone(),
            (None, None) => return title,
        };
        format!("{title} ({features})")
    }

    /// Name in CSV and JSON: `fid.clean-fid`, `precision.matched_counts.unet`.
    pub fn name(&self) -> String {
        let of = self.of.as_ref().map(Part::to_string);
        [Some(&self.metric), of.as_ref(), self.extractor.as_ref(), self.dialect.as_ref()]
            .into_iter()
            .flatten()
            .map(|part| part.replace([' ', ','], "_"))
            .collect::<Vec<_>>()
            .join(".")
    }

    /// Group of columns.
    pub fn group(&self) -> &'static str {
        known(&self.metric).map_or("Other", |metric| metric.group)
    }

    /// Digits after the point.
    pub fn digits(&self) -> usize {
        known(&self.metric).map_or(3, |metric| metric.digits)
    }

    /// Which way is better.
    pub fn better(&self) -> Better {
        known(&self.metric).map_or(Better::Neither, |metric| metric.better)
    }

    /// Whether it is a property of the generated images: not of real ones beside them, nor of the audit or its readers.
    pub fn is_of_images(&self) -> bool {
        let real = self.of.as_ref().is_some_and(Part::is_of_real);
        !real && known(&self.metric).is_none_or(|metric| metric.is_of_images)
    }

    /// Whether it is a part of another score: one rule's share of implausible masks, the Dice of one class.
    pub fn is_part(&self) -> bool {
        match known(&self.metric).and_then(|metric| metric.whole) {
            None => false,
            Some(Whole::All) => self.of.is_some(),
            Some(Whole::VolumeMean) => self.of != Some(Part::PER_VOLUME_MEAN),
            Some(Whole::Mean) => self.of != Some(Part::Mean(DiceUnit::Pair)),
        }
    }

    /// Whether it tells how far generated images are from real ones, as Table 2's first column.
    pub fn is_distance(&self) -> bool {
        known(&self.metric).is_some_and(|metric| metric.is_distance) && self.of.is_none()
    }

    /// The heading without the metric's name where the group says it already.
    pub fn heading(&self) -> String {
        let metric = known(&self.metric).filter(|metric| metric.is_named_by_group);
        match (metric, &self.of) {
            (Some(_), Some(of)) => of.words(),
            (Some(Metric { whole: Some(Whole::All), .. }), None) => "all rules".to_owned(),
            _ => self.title(),
        }
    }

    /// Order of columns.
    pub fn rank(&self) -> (usize, Option<&str>, Option<&str>) {
        let position = METRICS.iter().position(|metric| metric.name == self.metric);
        (position.unwrap_or(METRICS.len()), self.extractor.as_deref(), self.dialect.as_deref())
    }
}
