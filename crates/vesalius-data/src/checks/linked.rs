//! Patients that are one person: under two names they would stand on both sides of a split.

use super::findings::Finding;
use super::lineage::list_of;
use crate::pack::manifest::CaseRecord;
use std::collections::{BTreeMap, BTreeSet};

/// Patients that have to stay together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Their names, sorted; at least two.
    pub patients: Vec<String>,
    /// What they have in common.
    pub evidence: Evidence,
    /// Two cases that have it.
    pub example: [String; 2],
}

/// Why two names are one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// A slice of the one is a slice of the other.
    Images,
    /// The files name one person.
    Person,
    /// Some of them the one, some the other.
    Both,
}

impl Evidence {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Images => "equal images under several patients' names",
            Self::Person => "one PatientID under several patients' names",
            Self::Both => "equal images or one PatientID under several patients' names",
        }
    }
}

/// What is known of one case.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its patient.
    pub patient: &'a str,
    /// Digests of its slices.
    pub slices: &'a [String],
    /// Digest of what its files call the person.
    pub person: Option<&'a str>,
}

/// Groups that a split must not tear, and what a user has to know of them. Where all patients are one person by this,
/// nobody would be left to test: then there is no group, but a warning, and `segment` refuses the pack.
pub fn stay_together(
    records: &[CaseRecord],
    persons: &[Option<String>],
) -> (Vec<Linked>, Vec<Finding>) {
    let known: Vec<Known> = records
        .iter()
        .zip(persons)
        .map(|(case, person)| Known {
            id: &case.id,
            patient: &case.patient,
            slices: &case.source_slices,
            person: person.as_deref(),
        })
        .collect();
    let groups = linked(&known);
    let names: BTreeSet<&str> = known.iter().map(|case| case.patient).collect();
    let persons = names.len() - groups.iter().map(|group| group.patients.len() - 1).sum::<usize>();
    let what = if persons < 2 {
        "they are one patient by this, and stand on both sides of the split"
    } else {
        "they stay on one side of the split"
    };
    let finding = |group: &Linked| {
        let [one, other] = &group.example;
        let text = format!("{} ({one} = {other}): {what}", group.evidence.text());
        Finding::warning(list_of(&group.patients, " = "), text)
    };
    let findings = groups.iter().map(finding).collect();
    (if persons < 2 { vec![] } else { groups }, findings)
}

/// Groups of patients that share a slice or a person.
pub fn linked(cases: &[Known]) -> Vec<Linked> {
    let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient).collect();
    let names: Vec<&str> = patients.into_iter().collect();
    let place: BTreeMap<&str, usize> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
    let mut group: Vec<usize> = (0..names.len()).collect();
    let mut ties: Vec<(usize, Evidence, [&str; 2])> = Vec::new();
    let mut first: BTreeMap<(Evidence, &str), (usize, &str)> = BTreeMap::new();
    for case in cases {
        let at = place[case.patient];
        let slices = case.slices.iter().map(|digest| (Evidence::Images, digest.as_str()));
        let person = case.person.iter().map(|digest| (Evidence::Person, *digest));
        for key in slices.chain(person) {
            let (other, id) = *first.entry(key).or_insert((at, case.id));
            if other != at {
                ties.push((at, key.0, [id, case.id]));
                let (from, to) = (root(&group, at), root(&group, other));
                group[from.max(to)] = from.min(to);
            }
        }
    }
    let mut found: BTreeMap<usize, Linked> = BTreeMap::new();
    for (at, evidence, example) in ties {
        let of = root(&group, at);
        let patients =
            || (0..names.len()).filter(|&i| root(&group, i) == of).map(|i| names[i].to_owned());
        let linked = found.entry(of).or_insert_with(|| Linked {
            patients: patients().collect(),
            evidence,
            example: example.map(str::to_owned),
        });
        if linked.evidence != evidence {
            linked.evidence = Evidence::Both;
        }
    }
    found.into_values().collect()
}

fn root(group: &[usize], mut at: usize) -> usize {
    while group[at] != at {
        at = group[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_all_are_one_person_nobody_is_torn_apart_and_it_is_said() {
        use crate::pack::manifest::Split;
        let record = |patient: &str, slice: &str| CaseRecord {
            source_slices: vec![slice.to_owned()],
            ..CaseRecord::new(format!("{patient}-1"), patient, Split::Train)
        };
        let all = [record("a", "1"), record("b", "1")];
        let (groups, findings) = stay_together(&all, &[None, None]);
        assert!(groups.is_empty() && findings[0].text.contains("both sides"), "{findings:?}");
        let some = [record("a", "1"), record("b", "1"), record("c", "2")];
        let (groups, findings) = stay_together(&some, &[None, None, None]);
        assert_eq!(groups[0].patients, ["a", "b"]);
        assert_eq!(findings[0].of, "a = b");
        assert!(findings[0].text.contains("(a-1 = b-1): they stay on one side"), "{findings:?}");
    }

    #[test]
    fn patients_who_share_a_slice_or_a_person_are_one_group_through_others_too() {
        let slices: Vec<Vec<String>> = [["1", "2"], ["2", "3"], ["4", "5"], ["6", "7"], ["8", "9"]]
            .map(|pair| pair.map(str::to_owned).to_vec())
            .to_vec();
        let persons = [None, Some("p"), Some("p"), None, Some("q")];
        let names = ["e", "b", "c", "d", "a"];
        let cases: Vec<Known> = (0..5)
            .map(|i| Known {
                id: ["e1", "b1", "c1", "d1", "a1"][i],
                patient: names[i],
                slices: &slices[i],
                person: persons[i],
            })
            .collect();
        let expected = Linked {
            patients: ["b", "c", "e"].map(str::to_owned).to_vec(),
            evidence: Evidence::Both,
            example: ["e1", "b1"].map(str::to_owned),
        };
        assert_eq!(linked(&cases), [expected]);
        // Two cases of one patient may share what they like.
        let own = [cases[0], Known { patient: "e", ..cases[1] }];
        assert_eq!(linked(&own), []);
    }
}
