//! Tables for machines: CSV and JSON. Tables of one name from several datasets share a file; column names are a format.

use crate::document::{Entry, Grid};
use serde_json::{Map, Value, json};
use vesalius_data::text::escape::csv as quote;

/// What a column of some rows holds beside its value.
const PARTS: [&str; 6] = ["low", "high", "standard_error", "least", "greatest", "runs"];

/// Column keys in order over all tables, with the parts that any row fills.
fn columns(grids: &[&Grid]) -> Vec<(String, Vec<&'static str>, bool)> {
    let mut found: Vec<(String, Vec<&'static str>, bool)> = vec![];
    for grid in grids {
        for (i, column) in grid.columns.iter().enumerate() {
            let place =
                found.iter().position(|(key, ..)| *key == column.key).unwrap_or_else(|| {
                    found.push((column.key.clone(), vec![], false));
                    found.len() - 1
                });
            for entry in grid.rows.iter().map(|row| &row[i]) {
                if let Entry::Measured(..) = entry {
                    found[place].2 = true;
                }
                for part in PARTS {
                    if part_of(entry, part).is_some() && !found[place].1.contains(&part) {
                        found[place].1.push(part);
                    }
                }
            }
        }
    }
    for (_, parts, _) in &mut found {
        parts.sort_by_key(|part| PARTS.iter().position(|other| other == part));
    }
    found
}

fn part_of(entry: &Entry, part: &str) -> Option<f64> {
    let Entry::Measured(measure, _) = entry else { return None };
    match part {
        "low" => measure.interval.map(|ends| ends[0]),
        "high" => measure.interval.map(|ends| ends[1]),
        "standard_error" => measure.standard_error,
        "least" => measure.range.map(|ends| ends[0]),
        "greatest" => measure.range.map(|ends| ends[1]),
        _ => Some(measure.runs as f64),
    }
}

/// One line per row, the dataset first; empty where there is no number.
pub fn csv(grids: &[&Grid]) -> String {
    let columns = columns(grids);
    let mut head = vec!["dataset".to_owned()];
    for (key, parts, measured) in &columns {
        head.push(quote(key));
        head.extend(parts.iter().map(|part| quote(&format!("{key}_{part}"))));
        if *measured {
            head.push(quote(&format!("{key}_protocol")));
        }
    }
    let mut out = head.join(",") + "\n";
    for grid in grids {
        for row in &grid.rows {
            let mut fields = vec![quote(&grid.dataset)];
            for (key, parts, measured) in &columns {
                let place = grid.columns.iter().position(|column| column.key == *key);
                let entry = place.map_or(&Entry::Absent, |i| &row[i]);
                fields.push(match entry {
                    Entry::Absent => String::new(),
                    Entry::Diverged => "diverged".to_owned(),
                    Entry::Text(text) => quote(text),
                    Entry::Number(value, _) | Entry::P(value) => value.to_string(),
                    Entry::Measured(measure, _) => measure.value.to_string(),
                });
                fields.extend(parts.iter().map(|part| {
                    part_of(entry, part).map_or_else(String::new, |value| value.to_string())
                }));
                if *measured {
                    fields.push(match entry {
                        Entry::Measured(measure, _) => quote(&measure.protocol),
                        _ => String::new(),
                    });
                }
            }
            out += &(fields.join(",") + "\n");
        }
    }
    out
}

/// A list of rows: `dataset` and one field per column.
pub fn json(grids: &[&Grid]) -> Value {
    let mut rows = vec![];
    for grid in grids {
        for row in &grid.rows {
            let mut fields = Map::new();
            fields.insert("dataset".into(), json!(grid.dataset));
            for (column, entry) in grid.columns.iter().zip(row) {
                fields.insert(column.key.clone(), value(entry));
            }
            rows.push(Value::Object(fields));
        }
    }
    Value::Array(rows)
}

fn value(entry: &Entry) -> Value {
    match entry {
        Entry::Absent => Value::Null,
        Entry::Diverged => json!("diverged"),
        Entry::Text(text) => json!(text),
        Entry::Number(value, _) | Entry::P(value) => json!(value),
        Entry::Measured(measure, _) => {
            let mut fields = Map::new();
            fields.insert("value".into(), json!(measure.value));
            for part in PARTS {
                if let Some(number) = part_of(entry, part) {
                    fields.insert(part.into(), json!(number));
                }
            }
            fields.insert("protocol".into(), json!(measure.protocol));
            Value::Object(fields)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Column;
    use crate::evidence::measure::Measure;

    #[test]
    fn tables_of_two_datasets_share_a_file_with_the_columns_of_both() {
        let grid = |dataset: &str, key: &str, entry: Entry| Grid {
            name: "t",
            dataset: dataset.into(),
            columns: vec![Column::text("gan", "GAN"), Column::new(key, key)],
            rows: vec![vec!["A, B".into(), entry]],
            ..Grid::default()
        };
        let measure = Measure {
            value: 0.5,
            interval: Some([0.25, 0.75]),
            runs: 1,
            protocol: "p".into(),
            ..Measure::default()
        };
        let one = grid("acdc", "dice", Entry::Measured(measure, 2));
        let two = grid("idrid", "fid", Entry::Number(3.0, 2));
        assert_eq!(
            csv(&[&one, &two]),
            "dataset,gan,dice,dice_low,dice_high,dice_runs,dice_protocol,fid\n\
             acdc,\"A, B\",0.5,0.25,0.75,1,p,\n\
             idrid,\"A, B\",,,,,,3\n"
        );
        let found = json(&[&one, &two]);
        assert_eq!(found[0]["dice"]["high"], 0.75);
        assert_eq!(found[1]["fid"], 3.0);
    }
}
