//! Rules of anatomy learned from real masks, and what they find.

use anyhow::{Context as _, Result, bail};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_report::plausibility::anatomy::measure;
use vesalius_report::plausibility::check::Finding;
use vesalius_report::plausibility::learn::{examples, learn};
use vesalius_report::plausibility::rules::Rules;
use vesalius_report::plausibility::shares::HeldOut;

/// The rules, and what they found on either side.
pub struct Anatomies<'a> {
    /// Learned from the real training patients.
    pub rules: Rules,
    /// Of every synthetic mask.
    pub synthetic: Vec<Finding>,
    real_patients: Vec<&'a str>,
    real: Vec<Finding>,
}

impl<'a> Anatomies<'a> {
    /// Learns the rules and asks all masks.
    ///
    /// # Errors
    /// When there is too little to learn from, or no synthetic mask has a labelled pixel.
    pub fn of(real: &'a Pack, synthetic: &Pack, false_alarms: f64) -> Result<Self> {
        let patients = |indices: &[usize]| -> Vec<&'a str> {
            indices.iter().map(|&i| real.manifest().case(i).patient.as_str()).collect()
        };
        let train = real.indices(Split::Train);
        let masks = measure(real, &train)?;
        let learned =
            learn(&real.manifest().classes, &examples(&patients(&train), &masks), false_alarms);
        let rules = learned.with_context(|| format!("{}", real.path().display()))?;
        let all: Vec<usize> = (0..synthetic.len()).collect();
        let found = measure(synthetic, &all)?;
        if found.iter().all(|mask| mask.present().is_empty()) {
            bail!(
                "{}: no mask has a labelled pixel, expected masks to check",
                synthetic.path().display()
            );
        }
        let test = real.indices(Split::Test);
        Ok(Self {
            synthetic: rules.check_all(&found),
            real_patients: patients(&test),
            real: rules.check_all(&measure(real, &test)?),
            rules,
        })
    }

    /// What the rules found in the real test patients, where there are any.
    pub fn held_out(&self) -> Option<HeldOut<'_>> {
        (!self.real.is_empty())
            .then_some(HeldOut { patients: &self.real_patients, findings: &self.real })
    }
}
