//! Which rules a mask breaks.

use super::anatomy::Anatomy;
use super::rules::Rules;

/// What was found in one mask.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// Rules that it breaks: indices into [`Rules::names`], ascending.
    pub broken: Vec<usize>,
    /// How far the ranges were left, summed over the broken ones, in tails' widths beyond the margin: orders masks that
    /// break
    /// equally many rules. Counts and combinations add nothing.
    pub severity: f64,
}

impl Finding {
    /// Whether no rule is broken.
    pub fn plausible(&self) -> bool {
        self.broken.is_empty()
    }
}

impl Rules {
    /// Checks a mask of the same classes and size as the real ones.
    pub fn check(&self, anatomy: &Anatomy) -> Finding {
        let mut finding = Finding::default();
        for (index, range) in self.ranges.all.iter().enumerate() {
            let excess = range.excess(anatomy);
            if excess > self.margin {
                finding.broken.push(index);
                if excess.is_finite() {
                    finding.severity += excess - self.margin;
                }
            }
        }
        if !self.ranges.combinations.contains(&anatomy.present()) {
            finding.broken.push(self.ranges.all.len());
        }
        finding
    }

    /// Checks many.
    pub fn check_all(&self, anatomies: &[Anatomy]) -> Vec<Finding> {
        anatomies.iter().map(|anatomy| self.check(anatomy)).collect()
    }
}

/// Indices of the implausible ones, most broken first.
pub fn most_broken(findings: &[Finding]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..findings.len()).filter(|&i| !findings[i].plausible()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&findings[a], &findings[b]);
        b.broken.len().cmp(&a.broken.len()).then(b.severity.total_cmp(&a.severity))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::tests::anatomy;
    use super::super::learn::{examples, learn};
    use super::*;

    const CLASSES: [&str; 3] = ["background", "ring", "disc"];

    /// A disc of `inner` pixels' radius in a ring of `outer`, centred at (`y`, `x`) of 32x32 pixels.
    fn target(y: f64, x: f64, inner: f64, outer: f64) -> Vec<String> {
        (0..32)
            .map(|row| {
                (0..32)
                    .map(|column| {
                        let radius = (f64::from(row) - y).hypot(f64::from(column) - x);
                        if radius <= inner {
                            '2'
                        } else if radius <= outer {
                            '1'
                        } else {
                            '.'
                        }
                    })
                    .collect()
            })
            .collect()
    }

    fn measured(rows: &[String]) -> Anatomy {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        anatomy(&rows, 3)
    }

    /// Rings around discs of many sizes and places, one patient each four masks; some masks are empty.
    fn learned() -> Rules {
        let mut patients = Vec::new();
        let mut masks = Vec::new();
        for i in 0..60 {
            patients.push(format!("patient{:02}", i / 4));
            let (i, turn) = (f64::from(i), f64::from(i % 7));
            masks.push(if turn == 3.0 {
                measured(&vec![".".repeat(32); 32])
            } else {
                measured(&target(13.0 + turn, 19.0 - turn, 3.0 + i / 20.0, 6.0 + i / 15.0))
            });
        }
        let names: Vec<&str> = patients.iter().map(String::as_str).collect();
        learn(&CLASSES.map(String::from), &examples(&names, &masks), 0.02).unwrap()
    }

    fn broken(rules: &Rules, rows: &[String]) -> Vec<String> {
        let names = rules.names();
        let found = rules.check(&measured(rows));
        found.broken.into_iter().map(|index| names[index].clone()).collect()
    }

    fn replaced(rows: &mut [String], y: usize, x: usize, with: char) {
        rows[y].replace_range(x..=x, &with.to_string());
    }

    #[test]
    fn a_mask_like_the_real_ones_is_plausible_and_so_is_an_empty_one() {
        let rules = learned();
        assert_eq!(broken(&rules, &target(16.0, 15.0, 4.5, 8.0)), Vec::<String>::new());
        assert_eq!(broken(&rules, &vec![".".repeat(32); 32]), Vec::<String>::new());
        assert!(rules.cross_validated <= 0.05, "{}", rules.cross_validated);
    }

    #[test]
    fn each_fault_is_named() {
        let rules = learned();
        let whole = || target(16.0, 15.0, 4.5, 8.0);
        let has = |rows: &[String], name: &str| {
            let found = broken(&rules, rows);
            assert!(found.iter().any(|rule| rule == name), "{name} is not in {found:?}");
        };
        let mut blob = whole();
        replaced(&mut blob, 1, 1, '2');
        has(&blob, "components of disc");
        let mut hole = whole();
        replaced(&mut hole, 16, 15, '.');
        has(&hole, "holes in disc");
        let mut open = whole();
        for x in 15..32 {
            replaced(&mut open, 16, x, '.');
        }
        has(&open, "holes in ring");
        has(&open, "border of disc with background");
        has(&target(16.0, 15.0, 15.0, 20.0), "area of disc");
        has(&target(16.0, 0.0, 4.5, 8.0), "border of ring with the image's edge");
        let disc: Vec<String> = whole().iter().map(|row| row.replace('1', ".")).collect();
        has(&disc, "classes together");
        let mut flat = target(16.0, 15.0, 7.0, 10.0);
        for row in (0..15).chain(18..32) {
            flat[row] = ".".repeat(32);
        }
        has(&flat, "circularity of disc");
    }

    #[test]
    fn the_most_broken_come_first_and_plausible_ones_not_at_all() {
        let of = |broken: &[usize], severity| Finding { broken: broken.to_vec(), severity };
        let findings =
            [of(&[1], 0.5), of(&[], 0.0), of(&[0, 1], 0.1), of(&[2], 3.0), of(&[1, 2], 0.2)];
        assert_eq!(most_broken(&findings), [4, 2, 3, 0]);
    }

    #[test]
    fn too_little_to_learn_from_is_refused_by_name() {
        let masks = vec![measured(&target(16.0, 15.0, 0.0, 8.0)); 12];
        let no_disc: Vec<Anatomy> = (0..12)
            .map(|_| {
                let rows: Vec<String> =
                    target(16.0, 15.0, 0.0, 8.0).iter().map(|row| row.replace('2', "1")).collect();
                measured(&rows)
            })
            .collect();
        let patients: Vec<String> = (0..12).map(|i| format!("p{i:02}")).collect();
        let names: Vec<&str> = patients.iter().map(String::as_str).collect();
        let classes = CLASSES.map(String::from);
        let refused = |names: &[&str], masks: &[Anatomy]| {
            learn(&classes, &examples(names, masks), 0.02).unwrap_err().to_string()
        };
        assert!(refused(&names, &no_disc).contains("class `disc` is in 0 training masks"));
        assert!(refused(&names[..2], &masks[..2]).contains("2 training patients"));
        assert!(learn(&classes[..1], &[], 0.02).unwrap_err().to_string().contains("no class"));
    }
}
