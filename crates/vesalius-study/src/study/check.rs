//! What a study file must not say, as far as it can be told without knowing what a GAN is.

use super::{Masks, Study};
use crate::search::{self, Sampler};
use crate::space::{PRESET, Parameter, Scale};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::ops::Range;
use vesalius_data::text::{count, file_stem, label};

impl Study {
    pub(super) fn check(&self) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            let file = self.at_line("name");
            bail!("{file}: name `{}`, expected letters, digits, - _ and .", self.name);
        }
        if let Err(refused) = file_stem::check(&self.name) {
            bail!("{}: name {refused}", self.at_line("name"));
        }
        for imported in &self.imported {
            let at = self.at(&imported.pack.span());
            let names: Vec<String> = self.dataset.iter().map(super::Dataset::name).collect();
            match &imported.dataset {
                Some(name) if !names.contains(name) => {
                    bail!("{at}: dataset = {name}, expected one of {}", names.join(", "))
                }
                None if names.len() > 1 => {
                    bail!("{at}: no dataset said, expected one of {}", names.join(", "))
                }
                _ => {}
            }
            if self.best.is_none() {
                bail!("{at}: no [best], which says what judges imported packs");
            }
        }
        for dataset in &self.dataset {
            if let Err(refused) = label::check(&dataset.name()) {
                bail!("{}: name of the dataset {refused}", self.at(&dataset.pack.span()));
            }
        }
        if self.dataset.is_empty() || self.gan.is_empty() || self.seeds.is_empty() {
            let file = self.at_line("seeds");
            bail!("{file}: expected at least one [[dataset]], one [[gan]] and one of seeds");
        }
        let mut names = BTreeSet::new();
        for dataset in &self.dataset {
            if !names.insert(dataset.name()) {
                let at = self.at(&dataset.pack.span());
                bail!(
                    "{at}: a dataset is called {} twice, expected different names",
                    dataset.name()
                );
            }
        }
        let mut names = BTreeSet::new();
        for gan in &self.gan {
            if !names.insert(gan.name()) {
                let at = self.at(&gan.preset.span());
                bail!(
                    "{at}: {} twice, expected once (of volumes also once with slices = true)",
                    gan.name()
                );
            }
        }
        self.check_masks()?;
        self.check_budget()?;
        self.check_question()?;
        self.check_controls()?;
        if let Some(slurm) = &self.slurm
            && let Err(wrong) = slurm.get_ref().check()
        {
            bail!("{}: [slurm]: {wrong}", self.at(&slurm.span()));
        }
        for (i, parameter) in self.search.parameter.iter().enumerate() {
            self.check_parameter(i, parameter)?;
        }
        self.check_sampler()
    }

    /// Masks of another GAN are those of one of the study that waits for no third.
    fn check_masks(&self) -> Result<()> {
        for masks in self.gan.iter().filter_map(|gan| gan.masks.as_ref()) {
            let Masks::Of(name) = masks.get_ref() else { continue };
            let at = self.at(&masks.span());
            let expected = "expected training, warped, or a GAN of the study that makes its own";
            match self.gan_named(name) {
                None => bail!("{at}: masks = {name}: no [[gan]] of that name, {expected}"),
                Some(gan) if matches!(gan.masks(), Masks::Of(_)) => {
                    bail!(
                        "{at}: masks = {name}, which paints those of another GAN itself, {expected}"
                    )
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn check_question(&self) -> Result<()> {
        let super::Question { gan, margin, level } = &self.question;
        // Imported packs name their generators themselves.
        if let Some(gan) = gan.as_ref().filter(|_| self.imported.is_empty())
            && self.gan_named(gan.get_ref()).is_none()
        {
            let names: Vec<String> = self.gan.iter().map(super::Gan::name).collect();
            let at = self.at(&gan.span());
            bail!("{at}: gan = {}, expected one of {}", gan.get_ref(), names.join(", "));
        }
        if let Some(margin) =
            margin.as_ref().filter(|m| !((0.0..1.0).contains(m.get_ref()) && *m.get_ref() > 0.0))
        {
            let at = self.at(&margin.span());
            bail!("{at}: margin {}, expected a Dice between 0 and 1", margin.get_ref());
        }
        if let Some(level) = level.as_ref().filter(|l| !(*l.get_ref() > 0.0 && *l.get_ref() <= 0.2))
        {
            let at = self.at(&level.span());
            bail!("{at}: level {}, expected a chance above 0 and at most 0.2", level.get_ref());
        }
        Ok(())
    }

    fn check_budget(&self) -> Result<()> {
        let runs = *self.budget.runs.get_ref();
        let groups = self.dataset.len() * self.gan.len();
        if runs < groups * self.seeds.len() {
            bail!(
                "{}: {} for {}, {} and {}, expected at least {}",
                self.at(&self.budget.runs.span()),
                count::of(runs, "run"),
                count::of(self.dataset.len(), "dataset"),
                count::of(self.gan.len(), "GAN"),
                count::of(self.seeds.len(), "seed"),
                groups * self.seeds.len()
            );
        }
        let lengths = self.gan.iter().filter_map(|gan| gan.kimg.as_ref());
        for kimg in lengths.chain([&self.budget.kimg]) {
            let (at, kimg) = (self.at(&kimg.span()), kimg.get_ref());
            if !(kimg.is_finite() && *kimg > 0.0) {
                bail!("{at}: {kimg} kimg, expected a number above 0");
            }
        }
        if let Some(hours) = self.budget.hours.filter(|h| !(h.is_finite() && *h > 0.0)) {
            bail!("{}: {hours} hours, expected a number above 0", self.at_line("hours"));
        }
        if let Some(best) = &self.best
            && *best.count.get_ref() < 2
        {
            let at = self.at(&best.count.span());
            bail!("{at}: count {}, expected at least 2", best.count.get_ref());
        }
        if let Some(best) = &self.best
            && let Some(i) =
                (1..best.distance.len()).find(|&i| best.distance[..i].contains(&best.distance[i]))
        {
            let at = self.at_line("[best]");
            bail!("{at}: [best]: distance {} twice, expected once", best.distance[i].name());
        }
        if self.unet.seeds.is_empty() {
            bail!("{}: [unet]: seeds are empty, expected at least one", self.at_line("[unet]"));
        }
        Ok(())
    }

    fn check_parameter(&self, i: usize, parameter: &Parameter) -> Result<()> {
        let paths = parameter.paths.get_ref();
        let at_paths = || self.at(&parameter.paths.span());
        if paths.is_empty() {
            bail!("{}: paths are empty, expected at least one", at_paths());
        }
        for path in paths {
            if path == PRESET || path.contains('=') {
                bail!("{}: `{path}`: expected the path of a setting", at_paths());
            }
            let earlier = self.search.parameter[..i]
                .iter()
                .filter(|other| other.paths.get_ref().contains(path))
                // Two parameters may decide one setting where no GAN has both.
                .find(|other| {
                    self.presets(other).iter().any(|p| self.presets(parameter).contains(p))
                });
            if earlier.is_some() {
                bail!("{}: {path} is searched already, expected it once", at_paths());
            }
        }
        match (&parameter.choices, &parameter.range) {
            (Some(choices), None) => {
                let at = || self.at(&choices.span());
                let values = choices.get_ref();
                if values.is_empty() {
                    bail!("{}: {}: choices are empty, expected some", at(), parameter.name());
                }
                if let Some(i) = (1..values.len()).find(|&i| values[..i].contains(&values[i])) {
                    bail!("{}: {} twice, expected different choices", at(), values[i]);
                }
            }
            (None, Some(range)) => {
                let at = || self.at(&range.span());
                let Some(([low, high], _)) = parameter.ends() else {
                    bail!("{}: {}: expected two numbers", at(), parameter.name());
                };
                if !(low.is_finite() && high.is_finite() && low < high) {
                    bail!("{}: {low} to {high}, expected the first below the second", at());
                }
                if parameter.scale == Scale::Log && low <= 0.0 {
                    bail!("{}: {low} on a logarithmic scale, expected a number above 0", at());
                }
            }
            _ => bail!("{}: {}: expected choices or a range", at_paths(), parameter.name()),
        }
        self.check_condition(i, parameter)
    }

    fn check_condition(&self, i: usize, parameter: &Parameter) -> Result<()> {
        let Some(when) = &parameter.when else { return Ok(()) };
        let at = || self.at(&when.span());
        for (name, allowed) in when.get_ref() {
            if name == PRESET {
                for value in allowed {
                    if !self.gan.iter().any(|gan| value.as_str() == Some(gan.preset.get_ref())) {
                        bail!("{}: can never hold for preset {value}, which is no [[gan]]", at());
                    }
                }
                continue;
            }
            let parent = self.search.parameter[..i].iter().find(|parent| parent.name() == name);
            let Some(choices) = parent.and_then(|parent| parent.choices.as_ref()) else {
                bail!("{}: {name}: expected `preset`, or an earlier parameter with choices", at());
            };
            for value in allowed {
                if !choices.get_ref().contains(value) {
                    bail!("{}: can never hold for {name} = {value}, which is no choice", at());
                }
            }
        }
        if self.gan.iter().all(|gan| self.space(gan).with(i, 0.0).is_none()) {
            bail!("{}: can never hold: no [[gan]] fulfils it with its parents' conditions", at());
        }
        Ok(())
    }

    /// The GANs that may have a parameter, by its own condition.
    fn presets(&self, parameter: &Parameter) -> Vec<&str> {
        let all = self.gan.iter().map(|gan| gan.preset.get_ref().as_str());
        let allowed = parameter.when.as_ref().and_then(|when| when.get_ref().get(PRESET));
        all.filter(|p| allowed.is_none_or(|a| a.iter().any(|v| v.as_str() == Some(p)))).collect()
    }

    fn check_sampler(&self) -> Result<()> {
        let at = || self.at(&self.search.sampler.span());
        match *self.search.sampler.get_ref() {
            Sampler::Grid {} => {
                for parameter in &self.search.parameter {
                    if parameter.range.is_some() && parameter.points.is_none_or(|n| n < 1) {
                        let at = self.at(&parameter.paths.span());
                        bail!("{at}: a range in a grid, expected points = NUMBER");
                    }
                }
                let shares = self.shares();
                for (i, (_, gan)) in self.groups().enumerate() {
                    let trials = shares[i] / self.seeds.len();
                    if search::grid_size(self.space(gan), trials).is_none() {
                        bail!(
                            "{}: the grid of {} has more than its share of {trials} points, expected more runs, fewer \
                             choices or another sampler",
                            at(),
                            gan.name()
                        );
                    }
                }
            }
            Sampler::Random { .. } => {}
            Sampler::Tpe { startup, generation, good_share, .. } => {
                if startup == 0 || generation == 0 || !(good_share > 0.0 && good_share < 1.0) {
                    bail!(
                        "{}: startup {startup}, generation {generation}, good_share {good_share}: expected at least 1, \
                         at least 1, and a share between 0 and 1",
                        at()
                    );
                }
            }
            Sampler::Halving { first_kimg, factor, .. } => {
                let lengths = self.gan.iter().map(|gan| self.kimg(gan));
                let kimg = lengths.fold(f64::INFINITY, f64::min);
                if !(first_kimg > 0.0 && first_kimg < kimg) || factor < 2 {
                    bail!(
                        "{}: first_kimg {first_kimg}, factor {factor}: expected above 0 and below the least length, {kimg}, \
                         and a factor of at least 2",
                        at()
                    );
                }
            }
        }
        Ok(())
    }

    /// Datasets × GANs, dataset by dataset.
    pub fn groups(&self) -> impl Iterator<Item = (usize, &super::Gan)> {
        (0..self.dataset.len()).flat_map(|dataset| self.gan.iter().map(move |gan| (dataset, gan)))
    }

    /// Where a parameter's value or its paths stand.
    pub fn span_of(parameter: &Parameter) -> Range<usize> {
        match (&parameter.choices, &parameter.range) {
            (Some(choices), _) => choices.span(),
            (_, Some(range)) => range.span(),
            _ => parameter.paths.span(),
        }
    }
}
