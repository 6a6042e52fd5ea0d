//! How far runs of one training set lie apart: mean squares, pooled over training sets.

/// Mean squares of runs within their training sets, over the same patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunVariance {
    /// Mean square of the runs' means; expected: σ²_run + σ²_residual / patients.
    pub of_means: f64,
    /// Mean square of run × patient; expected: σ²_residual.
    pub residual: f64,
    /// Degrees of freedom of `of_means`: runs less training sets. Those of `residual` are patients - 1 times as many.
    pub freedom: usize,
    /// Patients of each run.
    pub patients: usize,
}

impl RunVariance {
    /// Pooled over training sets, each a table `[runs][patients]` of Dice, all of the same patients in the same order.
    /// None where every set has one run (nothing says how far trainings lie apart) or with fewer than 2 patients.
    ///
    /// Of sets with equally many runs, the variance of each difference is right on average even where sets differ in
    /// how far their runs lie apart.
    ///
    /// # Panics
    /// When rows differ in length.
    pub fn pooled<'t>(tables: impl IntoIterator<Item = &'t [Vec<f64>]>) -> Option<Self> {
        let (mut of_means, mut residual, mut freedom, mut patients) = (0.0, 0.0, 0, None);
        for table in tables {
            let columns = table.first()?.len();
            let expected = *patients.get_or_insert(columns);
            assert!(
                table.iter().all(|row| row.len() == expected),
                "the same patients in every run"
            );
            let (means, rest) = squares(table);
            of_means += means;
            residual += rest;
            freedom += table.len() - 1;
        }
        let patients = patients.filter(|patients| *patients > 1 && freedom > 0)?;
        Some(Self {
            of_means: of_means / freedom as f64,
            residual: residual / (freedom * (patients - 1)) as f64,
            freedom,
            patients,
        })
    }

    /// σ²_run: of a training, all patients alike; 0 where the mean squares leave none.
    pub fn of_training(&self) -> f64 {
        (self.of_means - self.residual / self.patients as f64).max(0.0)
    }
}

/// Sums of squares of one table: of its runs' means, and of run × patient.
fn squares(table: &[Vec<f64>]) -> (f64, f64) {
    let (runs, patients) = (table.len() as f64, table[0].len());
    let rows: Vec<f64> =
        table.iter().map(|row| row.iter().sum::<f64>() / patients as f64).collect();
    let all = rows.iter().sum::<f64>() / runs;
    let columns = means_of_patients(table);
    let of_means = rows.iter().map(|row| (row - all).powi(2)).sum();
    let residual = table.iter().zip(&rows).flat_map(|(values, row)| {
        values.iter().zip(&columns).map(move |(value, column)| (value - row - column + all).powi(2))
    });
    (of_means, residual.sum())
}

/// Each patient's mean over the runs.
pub(super) fn means_of_patients(table: &[Vec<f64>]) -> Vec<f64> {
    let runs = table.len() as f64;
    (0..table[0].len()).map(|k| table.iter().map(|row| row[k]).sum::<f64>() / runs).collect()
}
