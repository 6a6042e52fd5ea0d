//! What a setting must not say: numbers that can only be mistakes. Each refusal names the setting, what was found and
//! what
//! was expected.

use crate::optim::OptimiserSpec;
use anyhow::{Result, bail};

/// Refuses settings that have no form for volumes: name, whether it is on, what was expected.
///
/// # Errors
/// Names the first that is on.
pub fn of_volumes(settings: &[(&str, bool, &str)]) -> Result<()> {
    match settings.iter().find(|(_, on, _)| *on) {
        Some((setting, _, expected)) => {
            bail!("{setting}: volumes are trained on, expected {expected}")
        }
        None => Ok(()),
    }
}

/// A count of at least `minimum`.
///
/// # Errors
/// When it is less.
pub fn count(name: &str, value: i64, minimum: i64) -> Result<()> {
    if value < minimum {
        bail!("{name} = {value}: expected at least {minimum}");
    }
    Ok(())
}

/// A number of 0 or above.
///
/// # Errors
/// When it is negative or none.
pub fn number(name: &str, value: f64) -> Result<()> {
    if !value.is_finite() || value < 0.0 {
        bail!("{name} = {value}: expected a number 0 or above");
    }
    Ok(())
}

/// A number above 0.
///
/// # Errors
/// When it is 0, negative or none.
pub fn positive(name: &str, value: f64) -> Result<()> {
    if !value.is_finite() || value <= 0.0 {
        bail!("{name} = {value}: expected a number above 0");
    }
    Ok(())
}

/// Rates and decays that an optimiser can step with; `name` is the path of its table.
///
/// # Errors
/// When one is out of range.
pub fn optimiser(name: &str, spec: OptimiserSpec) -> Result<()> {
    let (rate, betas) = match spec {
        OptimiserSpec::Adam { learning_rate, beta1, beta2 } => {
            (learning_rate, vec![("beta1", beta1), ("beta2", beta2)])
        }
        OptimiserSpec::Sgd { learning_rate, momentum, weight_decay } => {
            (learning_rate, vec![("momentum", momentum), ("weight_decay", weight_decay)])
        }
        OptimiserSpec::Rmsprop { learning_rate } => (learning_rate, vec![]),
    };
    positive(&format!("{name}.learning_rate"), rate)?;
    for (beta, value) in betas {
        if !(0.0..1.0).contains(&value) {
            bail!("{name}.{beta} = {value}: expected 0 or above, and below 1");
        }
    }
    Ok(())
}

/// Whether a setting that came later has the value that it had before: then it is not written, and digests stay.
pub fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[cfg(test)]
mod tests {
    use crate::spec::TrainSpec;

    #[test]
    fn rates_and_decays_that_no_optimiser_can_step_with_are_refused() {
        let set = |preset: &str, text: &str| TrainSpec::resolve(preset, &[text.to_owned()]);
        for network in ["generator", "discriminator"] {
            for (name, value, part) in [
                ("learning_rate", "-1", "= -1: expected a number above 0"),
                ("learning_rate", "0", "= 0: expected a number above 0"),
                ("learning_rate", "nan", "= NaN: expected a number above 0"),
                ("learning_rate", "inf", "= inf: expected a number above 0"),
                ("beta1", "1", "= 1: expected 0 or above, and below 1"),
                ("beta1", "nan", "= NaN: expected 0 or above, and below 1"),
                ("beta2", "-0.5", "= -0.5: expected 0 or above, and below 1"),
            ] {
                let name = format!("optimiser.{network}.{name}");
                let error = set("dcgan", &format!("{name}={value}")).unwrap_err().to_string();
                assert!(error.contains(&format!("{name} {part}")), "{error}");
            }
            let error = set("wgan", &format!("optimiser.{network}.learning_rate=-1")).unwrap_err();
            assert!(error.to_string().contains("= -1: expected"), "{error}");
            set("dcgan", &format!("optimiser.{network}.beta1=0")).unwrap();
        }
    }
}
